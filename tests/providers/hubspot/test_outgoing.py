"""What reaches HubSpot: threads, messages, files, comments, and what its refusals mean."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import responses

from providers.errors import (
    Gone,
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    ProviderError,
    RateLimited,
    Reconnect,
    Retry,
    Unavailable,
)
from providers.http import ForbiddenTarget, Response
from providers.hubspot import HubSpot
from providers.types import Ticket
from tests.providers.contract import MEDIA_BYTES, persist
from tests.providers.fakes import (
    Clock,
    FakeJournal,
    FakeTokens,
    FaultyHttp,
    make_message,
    make_open_request,
    make_person,
    make_ticket,
)
from tests.providers.hubspot.conftest import Connect
from tests.providers.hubspot.double import HubSpotDouble, error

PUBLISH = "/conversations/custom-channels/2026-03/1001/messages"
CV = "/conversations/conversations/2026-09"
LAMP = {"imageUrl": "https://media.example.com/lamp.png", "title": "The lamp"}


def sent(vendor: HubSpotDouble) -> list[dict[str, Any]]:
    return vendor.sent("POST", PUBLISH)


# --- opening --------------------------------------------------------------------------------


def test_the_thread_starts_with_the_customers_own_words(
    vendor: HubSpotDouble, ticket: Ticket
) -> None:
    [first] = sent(vendor)
    assert first["text"] == "Then a human please"
    assert first["messageDirection"] == "INCOMING"
    assert first["channelAccountId"] == "2002"
    assert first["integrationThreadId"] == "conv_00000000000000000000000001"
    assert first["integrationIdempotencyId"]
    assert first["timestamp"] == "2026-11-21T09:00:00.000Z"
    assert first["recipients"][0]["deliveryIdentifier"]["value"] == "acme-web"
    assert ticket.remote_id == vendor.tickets()[0]


@pytest.mark.parametrize(
    ("known", "identifier"),
    [
        ({}, ("HS_EMAIL_ADDRESS", "ana@customer.test")),
        ({"email": ""}, ("HS_PHONE_NUMBER", "+351912345678")),
        (
            {"email": "", "phone": ""},
            ("CHANNEL_SPECIFIC_OPAQUE_ID", "user_0000000000000000000000ana"),
        ),
    ],
)
def test_a_customer_is_known_by_email_or_phone_or_our_id(
    adapter: HubSpot,
    vendor: HubSpotDouble,
    clock: Clock,
    known: dict[str, str],
    identifier: tuple[str, str],
) -> None:
    adapter.open(make_open_request(person=make_person(**known)), FakeJournal(clock))
    [sender] = sent(vendor)[0]["senders"]
    assert sender["name"] == "Ana Silva"
    assert tuple(sender["deliveryIdentifier"].values()) == identifier


def test_an_address_that_hubspot_refuses_becomes_our_id_for_good(
    adapter: HubSpot, vendor: HubSpotDouble, clock: Clock
) -> None:
    vendor.refuse_addresses = True
    ticket = make_ticket(adapter.open(make_open_request(), FakeJournal(clock)))
    adapter.send(ticket, make_message(), FakeJournal(clock))
    kinds = [body["senders"][0]["deliveryIdentifier"]["type"] for body in sent(vendor)]
    opaque = "CHANNEL_SPECIFIC_OPAQUE_ID"
    assert kinds == ["HS_EMAIL_ADDRESS", opaque, opaque]


def test_the_agent_reads_the_whole_matter_in_a_comment(
    vendor: HubSpotDouble, ticket: Ticket
) -> None:
    [comment] = vendor.sent("POST", f"{CV}/threads/{ticket.remote_id}/messages")
    assert comment["type"] == "COMMENT"
    for words in ("Broken lamp", "order 4711", "ana@customer.test", "Helper (08:59 UTC): I can't"):
        assert words in comment["text"]
    assert "&lt;b&gt;!&lt;/b&gt;" in comment["richText"]


def test_two_sessions_of_one_user_have_two_threads(
    adapter: HubSpot, vendor: HubSpotDouble, clock: Clock
) -> None:
    one = adapter.open(make_open_request(), FakeJournal(clock, key="one"))
    two = adapter.open(
        make_open_request(conversation_id="conv_2", contact=one.contact),
        FakeJournal(clock, key="two"),
    )
    assert one.remote_id != two.remote_id
    adapter.send(make_ticket(one), make_message(), FakeJournal(clock, key="three"))
    assert "Hello, is anybody there?" in vendor.shown(one.remote_id)


def test_a_bot_chooses_inbox_and_assignee(
    adapter: HubSpot, vendor: HubSpotDouble, clock: Clock
) -> None:
    request = make_open_request(session={"inboxId": "124", "assigneeId": "55"})
    opened = adapter.open(request, FakeJournal(clock))
    assert vendor.threads[opened.remote_id]["inboxId"] == "124"
    assert vendor.threads[opened.remote_id]["assignedTo"] == "A-55"


def test_an_assignee_who_is_gone_costs_nothing_but_the_assignment(
    connect: Connect, vendor: HubSpotDouble, clock: Clock
) -> None:
    opened = connect({"assignee_id": "99"}).open(make_open_request(), FakeJournal(clock))
    assert "assignedTo" not in vendor.threads[opened.remote_id]


def test_priority_and_properties_reach_the_help_desks_ticket(
    adapter: HubSpot, vendor: HubSpotDouble, clock: Clock
) -> None:
    session = {"priority": "high", "ticket": {"subject": "Lamp"}}
    journal = FakeJournal(clock)
    with pytest.raises(Retry):
        adapter.open(make_open_request(session=session), journal)
    [thread_id] = vendor.tickets()
    vendor.threads[thread_id]["threadAssociations"] = {"associatedTicketId": "88"}
    adapter.open(make_open_request(session=session), journal)
    assert vendor.crm_tickets["88"] == {"subject": "Lamp", "hs_ticket_priority": "HIGH"}
    assert len(vendor.tickets()) == 1


def test_an_inbox_without_tickets_and_a_missing_scope_still_open(
    adapter: HubSpot, vendor: HubSpotDouble, clock: Clock
) -> None:
    request = make_open_request(session={"priority": "HIGH"})
    first = FakeJournal(clock)
    opened = persist(lambda: adapter.open(request, first), clock)
    assert "HIGH" in "\n".join(vendor.shown(opened.remote_id))
    assert not vendor.crm_tickets
    journal = FakeJournal(clock, key="other")
    again = make_open_request(session={"priority": "HIGH"}, conversation_id="conv_2")
    with pytest.raises(Retry):
        adapter.open(again, journal)
    newest = vendor.tickets()[-1]
    vendor.threads[newest]["threadAssociations"] = {"associatedTicketId": "88"}
    vendor.reply_once("PATCH", "/crm/.*", error(403, "MISSING_SCOPES"))
    assert adapter.open(again, journal).remote_id == newest


def test_an_inbox_that_is_not_registered_is_a_setting_to_mend(
    connect: Connect, clock: Clock
) -> None:
    with pytest.raises(Misconfigured) as caught:
        connect(state={}).open(make_open_request(), FakeJournal(clock))
    assert caught.value.field == "inbox_id"


@pytest.mark.parametrize("repeats", ["same", "conflict"])
def test_a_lost_answer_makes_no_second_thread(
    adapter: HubSpot, vendor: HubSpotDouble, http: FaultyHttp, clock: Clock, repeats: str
) -> None:
    vendor.repeats = repeats
    journal = FakeJournal(clock)
    http.lose_next_answer()
    with pytest.raises(OutcomeUnknown):
        adapter.open(make_open_request(), journal)
    clock.advance(10)
    opened = adapter.open(make_open_request(), journal)
    assert vendor.tickets() == [opened.remote_id]
    assert vendor.shown(opened.remote_id).count("Then a human please") == 1


# --- speaking -------------------------------------------------------------------------------


@pytest.mark.parametrize("repeats", ["same", "conflict", "ignore"])
def test_a_message_in_doubt_arrives_once_whatever_hubspot_does_with_repeats(
    adapter: HubSpot,
    vendor: HubSpotDouble,
    ticket: Ticket,
    http: FaultyHttp,
    clock: Clock,
    repeats: str,
) -> None:
    vendor.repeats = repeats
    journal = FakeJournal(clock)
    http.lose_next_answer()
    with pytest.raises(OutcomeUnknown):
        adapter.send(ticket, make_message(), journal)
    found = adapter.send(ticket, make_message(), journal)
    assert len(found.remote_ids) == 1
    assert vendor.shown(ticket.remote_id).count("Hello, is anybody there?") == 1


def test_every_attempt_has_the_same_idempotency_id(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    journal = FakeJournal(clock, key="delivery-9")
    vendor.reply_once("POST", PUBLISH, (503, None))
    with pytest.raises(OutcomeUnknown):
        adapter.send(ticket, make_message(), journal)
    adapter.send(ticket, make_message(), journal)
    adapter.send(ticket, make_message(), FakeJournal(clock, key="delivery-10"))
    ids = [body["integrationIdempotencyId"] for body in sent(vendor)[1:]]
    assert ids[0] == ids[1] != ids[2]


def test_a_refused_repeat_counts_as_sent(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    refusal = error(400, "VALIDATION_ERROR", message="Duplicate integrationIdempotencyId")
    vendor.reply_once("POST", PUBLISH, refusal)
    assert adapter.send(ticket, make_message(), FakeJournal(clock)).remote_ids == ()


def test_parts_of_a_long_text_keep_their_order_by_time(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    text = "word " * 3000
    adapter.send(ticket, make_message(payload={"text": text}), FakeJournal(clock))
    times = [body["timestamp"] for body in sent(vendor)[1:]]
    assert len(times) > 2
    assert times == sorted(set(times))


def test_a_file_is_uploaded_privately_and_for_a_while(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    adapter.send(ticket, make_message("image", LAMP), FakeJournal(clock))
    [form] = vendor.sent("POST", "/files/2026-03/files")
    assert form["file"] == "lamp.png|" + MEDIA_BYTES.decode()
    assert json.loads(form["options"].removeprefix("|")) == {"access": "PRIVATE", "ttl": "P30D"}
    assert form["folderPath"].startswith("|/")
    [attachment] = sent(vendor)[-1]["attachments"]
    assert attachment == {
        "type": "FILE",
        "fileId": next(iter(vendor.files)),
        "fileUsageType": "IMAGE",
    }


@pytest.mark.parametrize(("status", "path"), [(400, "/files/.*"), (400, PUBLISH)])
def test_a_file_that_hubspot_refuses_becomes_a_link(
    adapter: HubSpot,
    vendor: HubSpotDouble,
    ticket: Ticket,
    clock: Clock,
    status: int,
    path: str,
) -> None:
    vendor.reply_once("POST", path, error(status, "VALIDATION_ERROR"))
    adapter.send(ticket, make_message("image", LAMP), FakeJournal(clock))
    assert vendor.shown(ticket.remote_id)[-1] == f"The lamp: {LAMP['imageUrl']}"


def test_a_file_that_is_too_large_becomes_a_link(
    adapter: HubSpot,
    vendor: HubSpotDouble,
    ticket: Ticket,
    clock: Clock,
    mocked: responses.RequestsMock,
) -> None:
    mocked.add(responses.GET, "https://big.example.com/x.bin", body=b"x" * 10_000_001)
    message = make_message("file", {"fileUrl": "https://big.example.com/x.bin"})
    adapter.send(ticket, message, FakeJournal(clock))
    assert not vendor.files
    assert "https://big.example.com/x.bin" in vendor.shown(ticket.remote_id)[-1]


def test_a_location_is_a_location_beside_the_text(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    place = {"latitude": 38.7, "longitude": -9.1, "title": "Lisbon"}
    adapter.send(ticket, make_message("location", place), FakeJournal(clock))
    assert sent(vendor)[-1]["attachments"] == [
        {"type": "LOCATION", "latitude": 38.7, "longitude": -9.1, "name": "Lisbon"}
    ]


def test_the_bot_speaks_in_comments(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    before = len(sent(vendor))
    message = make_message("image", LAMP, author="bot", author_name="Helper")
    adapter.send(ticket, message, FakeJournal(clock))
    assert len(sent(vendor)) == before
    comment = vendor.sent("POST", f"{CV}/threads/{ticket.remote_id}/messages")[-1]
    assert comment["text"] == f"Helper (bot): The lamp: {LAMP['imageUrl']}"
    assert comment["attachments"][0]["fileId"] in vendor.files


# --- closing --------------------------------------------------------------------------------


def test_stopping_really_closes_the_thread_and_says_why(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    adapter.close(ticket, "The customer has ended the chat.", FakeJournal(clock))
    assert vendor.sent("PATCH", f"{CV}/threads/{ticket.remote_id}") == [{"status": "CLOSED"}]
    assert vendor.shown(ticket.remote_id)[-1] == "The customer has ended the chat."


# --- agents' files --------------------------------------------------------------------------


def test_an_agents_private_file_is_read_by_a_signed_address(
    adapter: HubSpot, vendor: HubSpotDouble, mocked: responses.RequestsMock
) -> None:
    vendor.files["123"] = {"name": "a.png"}
    mocked.add(
        responses.GET,
        "https://media.example.com/signed/123",
        body=b"png",
        content_type="image/png; x=1",
    )
    url = "https://x.example.com/a.png#hubspot-file-123"
    assert adapter.fetch_media(url) == (b"png", "image/png")
    assert vendor.queries[0] == {"expirationSeconds": "600"}


def test_a_file_that_hubspot_does_not_sign_is_read_by_its_own_address(adapter: HubSpot) -> None:
    assert adapter.fetch_media("https://x.example.com/a.png#hubspot-file-999") is None
    assert adapter.fetch_media("https://x.example.com/a.png") is None


def test_a_signed_address_does_not_reach_our_own_network(
    vendor: HubSpotDouble, connect: Connect
) -> None:
    class Guarded(FaultyHttp):
        def request(self, method: str, url: str, **options: Any) -> Response:
            if "media.example.com" in url:
                raise ForbiddenTarget("private")
            return super().request(method, url, **options)

    vendor.files["123"] = {"name": "a.png"}
    with pytest.raises(ForbiddenTarget):
        connect(http=Guarded()).fetch_media("https://x.example.com/a.png#hubspot-file-123")


# --- the error table ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        (400, Permanent, None),
        (403, Misconfigured, None),
        (404, Misconfigured, None),
        (423, Retry, 2),
        (477, Unavailable, 30),
        (500, OutcomeUnknown, None),
        (502, OutcomeUnknown, None),
        (503, OutcomeUnknown, None),
        (504, OutcomeUnknown, None),
        (521, Unavailable, None),
        (523, Unavailable, None),
        (524, OutcomeUnknown, None),
    ],
)
def test_each_refusal_means_something(
    adapter: HubSpot,
    vendor: HubSpotDouble,
    ticket: Ticket,
    clock: Clock,
    row: tuple[int, type[ProviderError], float | None],
) -> None:
    status, kind, wait = row
    headers = {"Retry-After": "30"} if status == 477 else {}
    body = error(status, "SOME_CATEGORY", message="Hello, is anybody there?")[1]
    vendor.reply_once("POST", PUBLISH, (status, body, headers))
    with pytest.raises(ProviderError) as caught:
        adapter.send(ticket, make_message(), FakeJournal(clock))
    assert type(caught.value) is kind
    assert getattr(caught.value, "retry_after", None) == wait
    assert "anybody" not in str(caught.value)
    assert caught.value.code == "SOME_CATEGORY"


@pytest.mark.parametrize(
    ("headers", "policy", "least"),
    [
        ({"Retry-After": "4"}, "TEN_SECONDLY_ROLLING", 4),
        ({"X-HubSpot-RateLimit-Interval-Milliseconds": "7000"}, "TEN_SECONDLY_ROLLING", 7),
        ({}, "TEN_SECONDLY_ROLLING", 10),
        ({}, "DAILY", 600),
    ],
)
def test_a_limit_is_waited_out(
    adapter: HubSpot, vendor: HubSpotDouble, headers: dict[str, str], policy: str, least: float
) -> None:
    body = {"status": "error", "errorType": "RATE_LIMIT", "policyName": policy}
    vendor.reply_once("GET", f"{CV}/inboxes", (429, body, headers))
    with pytest.raises(RateLimited) as caught:
        adapter.options("inbox_id")
    assert caught.value.retry_after is not None
    assert least <= caught.value.retry_after <= least + 1
    assert caught.value.code == "RATE_LIMIT"


def test_an_expired_token_is_renewed_and_the_message_goes_out_once(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, tokens: FakeTokens, clock: Clock
) -> None:
    vendor.reply_once("POST", PUBLISH, error(401, "EXPIRED_AUTHENTICATION"))
    adapter.send(ticket, make_message(), FakeJournal(clock))
    assert tokens.rejected == ["token-1"]
    assert vendor.headers[-1]["Authorization"] == "Bearer token-2"
    assert vendor.shown(ticket.remote_id).count("Hello, is anybody there?") == 1


def test_a_token_that_is_refused_twice_asks_to_reconnect(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    before = len(vendor.requests)
    for _ in range(3):
        vendor.reply_once("POST", PUBLISH, error(401, "INVALID_AUTHENTICATION"))
    with pytest.raises(Reconnect):
        adapter.send(ticket, make_message(), FakeJournal(clock))
    assert len(vendor.requests) == before + 2


def test_a_list_without_end_is_given_up(adapter: HubSpot, vendor: HubSpotDouble) -> None:
    for number in range(1000):
        page = {"results": [], "paging": {"next": {"after": f"x{number}"}}}
        vendor.reply_once("GET", f"{CV}/inboxes", (200, page))
    with pytest.raises(Unavailable):
        adapter.options("inbox_id")


def test_a_new_thread_that_can_not_be_found_yet_is_looked_for_again(
    adapter: HubSpot, vendor: HubSpotDouble, clock: Clock
) -> None:
    vendor.reply_once("POST", PUBLISH, error(409, "CONFLICT"))
    with pytest.raises(Retry) as caught:
        adapter.open(make_open_request(), FakeJournal(clock))
    assert caught.value.retry_after


def test_an_opaque_sender_who_is_refused_is_an_error(
    adapter: HubSpot, vendor: HubSpotDouble, clock: Clock
) -> None:
    vendor.reply_once("POST", PUBLISH, error(400, "VALIDATION_ERROR"))
    nobody = make_person(email="", phone="")
    with pytest.raises(Permanent):
        adapter.open(make_open_request(person=nobody), FakeJournal(clock))


def test_an_unknown_thread_is_gone(adapter: HubSpot, vendor: HubSpotDouble, clock: Clock) -> None:
    ticket = make_ticket(adapter.open(make_open_request(), FakeJournal(clock, key="o")))
    vendor.drop(ticket.remote_id)
    with pytest.raises(Gone):
        adapter.tell_agent(ticket, "The customer has left.", FakeJournal(clock))


@pytest.mark.parametrize("body", [None, [], {"results": 1}, {"results": [{"id": None}]}])
def test_an_answer_that_is_nothing_like_it_is_tried_again(
    adapter: HubSpot, vendor: HubSpotDouble, body: Any
) -> None:
    vendor.reply_once("GET", f"{CV}/inboxes", (200, body))
    with pytest.raises(Unavailable):
        adapter.options("inbox_id")


def test_an_answer_without_an_id_is_looked_up_not_repeated(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    path = f"{CV}/threads/{ticket.remote_id}/messages"
    vendor.reply_once("POST", path, (201, {}))
    note = {"text": "Hm.", "richText": "", "attachments": [], "createdBy": "I-777"}
    made = vendor.record(ticket.remote_id, "COMMENT", **(note | {"text": "Helper (bot): Hm."}))
    journal = FakeJournal(clock)
    message = make_message(payload={"text": "Hm."}, author="bot", author_name="Helper")
    with pytest.raises(OutcomeUnknown):
        adapter.send(ticket, message, journal)
    assert adapter.send(ticket, message, journal).remote_ids == (made["id"],)
    assert len(vendor.sent("POST", path)) == 2


def test_no_secret_and_no_text_is_logged(
    adapter: HubSpot,
    connect: Connect,
    vendor: HubSpotDouble,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    adapter = connect({"assignee_id": "99"})
    ticket = make_ticket(adapter.open(make_open_request(), FakeJournal(clock)))
    adapter.send(ticket, make_message(), FakeJournal(clock))
    adapter.register("https://bridge.test/webhooks/hubspot/x", lambda _state: None)
    adapter.oauth_refresh("refresh-0001")
    for hidden in ("dev-key-0001", "secret-0001", "refresh-0001", "token-1", "anybody", "lamp"):
        assert hidden not in caplog.text
