"""What an earlier integration got wrong, one test for each, in the fact sheet's order."""

from __future__ import annotations

import logging

import pytest
import responses

from providers.errors import (
    BadPayload,
    BadSignature,
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    ProviderError,
    Reconnect,
)
from providers.types import AgentMessage, Ticket, WebhookTrust
from providers.zoho import Zoho
from tests.providers.contract import PAYLOADS
from tests.providers.fakes import (
    START,
    Clock,
    FakeTokens,
    FaultyHttp,
    make_line,
    make_message,
    make_open_request,
    make_person,
    make_ticket,
)
from tests.providers.zoho.double import (
    ACCOUNTS,
    CREDENTIALS,
    PAT,
    SETTINGS,
    ZohoDouble,
    error,
    journal,
    make_zoho,
)
from tests.providers.zoho.keys import OTHER, bare, signed

OPEN = "/visitor/v1/conversations"
SAY = r"/visitor/v1/conversations/\d+/messages"


def payload(name: str) -> bytes:
    return (PAYLOADS / "zoho" / f"{name}.json").read_bytes()


def test_one_bad_field_costs_one_request_and_no_refresh(
    adapter: Zoho, vendor: ZohoDouble, tokens: FakeTokens, clock: Clock
) -> None:
    for status in (400, 401):
        vendor.requests.clear()
        vendor.reply_once("POST", OPEN, error(1011, status, json_key="visitor.phone"))
        with pytest.raises(Permanent):
            adapter.open(make_open_request(), journal(clock, str(status)))
        assert vendor.paths() == [f"POST {OPEN}"]
    assert tokens.rejected == []


def test_a_token_that_stays_refused_ends_in_reconnect_not_in_recursion(
    vendor: ZohoDouble, clock: Clock, http: FaultyHttp
) -> None:
    http.answer_next(401, {"error": {"code": 1008}}, times=50)
    with pytest.raises(Reconnect):
        make_zoho(http, clock, tokens=FakeTokens(renewals=("token-2", "token-3"))).check()
    assert len(http.calls) == 2


def test_no_token_is_logged(
    vendor: ZohoDouble,
    clock: Clock,
    http: FaultyHttp,
    mocked: responses.RequestsMock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    zoho = make_zoho(http, clock, credentials={"user_refresh_token": "1000.user-test-only"})
    vendor.user_only = "/v2/apps"
    zoho.check()
    zoho.oauth_refresh(CREDENTIALS["refresh_token"])
    vendor.token_answers = [(200, {"error": "invalid_code"})]
    with pytest.raises(Reconnect):
        zoho.oauth_refresh(CREDENTIALS["refresh_token"])
    for hidden in ("token-1", "user-token", "test-only", "Zoho-oauthtoken"):
        assert hidden not in caplog.text


def test_an_error_with_status_200_is_no_token(vendor: ZohoDouble, adapter: Zoho) -> None:
    vendor.token_answers = [(200, {"error": "invalid_code"}), (200, {"expires_in": 3600})]
    for _ in range(2):
        with pytest.raises(ProviderError):
            adapter.oauth_refresh("x")


def test_no_data_center_falls_back_to_another(clock: Clock, http: FaultyHttp) -> None:
    zoho = make_zoho(http, clock, settings={**SETTINGS, "data_center": "mars"})
    for call in (zoho.check, zoho.oauth_start, lambda: zoho.oauth_refresh("x")):
        with pytest.raises(Misconfigured):
            call()
    assert http.calls == []
    canada = make_zoho(http, clock, settings={**SETTINGS, "data_center": "ca"})
    assert canada.oauth_start().url.startswith("https://accounts.zohocloud.ca/")


def test_saudi_arabia_and_the_united_kingdom_are_there() -> None:
    [field] = [one for one in Zoho.settings_fields if one.name == "data_center"]
    assert {"sa", "uk"} <= {value for value, _ in field.choices}


def test_users_at_the_same_time_do_not_overwrite_each_other(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    names = {"user_1": "Ana", "user_2": "Rui"}
    people = [make_person(id=id_, name=name) for id_, name in names.items()]
    tickets = [
        make_ticket(
            adapter.open(
                make_open_request(person=one, conversation_id=f"conv_{one.id}"),
                journal(clock, one.id),
            ),
            person=one,
        )
        for one in people
    ]
    for ticket in tickets:
        text = {"text": f"I am {ticket.person.name}"}
        adapter.send(ticket, make_message(payload=text), journal(clock, f"say {ticket.person.id}"))
    for ticket in tickets:
        assert vendor.chats[ticket.remote_id]["opened"]["visitor"]["name"] == ticket.person.name
        assert vendor.shown(ticket.remote_id)[-1] == f"I am {ticket.person.name}"


def test_users_without_email_are_visitors_of_their_own(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    for id_ in ("user_1", "user_2"):
        person = make_person(id=id_, email="")
        adapter.open(make_open_request(person=person), journal(clock, id_))
    visitors = [body["visitor"] for body in vendor.sent("POST", OPEN)]
    assert [one["user_id"] for one in visitors] == ["user_1", "user_2"]
    assert not any("email" in one for one in visitors)


def test_the_history_arrives(adapter: Zoho, vendor: ZohoDouble, clock: Clock) -> None:
    lines = (make_line("My lamp is broken"), make_line("Let me see", "bot"))
    adapter.open(make_open_request(transcript=lines), journal(clock))
    [body] = vendor.sent("POST", OPEN)
    told = [(one["sender_type"], one["text"]) for one in body["past_messages"]]
    assert told == [("visitor", "My lamp is broken"), ("bot", "Let me see")]


def test_a_failed_opening_is_an_error_and_no_conversation(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    for answer, kind in ((error(1024), Misconfigured), (error(1001), OutcomeUnknown)):
        vendor.reply_once("POST", OPEN, answer)
        with pytest.raises(kind):
            adapter.open(make_open_request(), journal(clock, str(answer)))


def test_stopping_closes_the_chat(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    adapter.close(ticket, "The customer has ended the chat.", journal(clock))
    assert vendor.closed(ticket.remote_id)


def test_a_forged_or_broken_webhook_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    trust = WebhookTrust({}, {"keys": [{"id": "1", "key": bare()}]})
    with pytest.raises(BadSignature):
        Zoho.verify(signed(payload("operator_replied"), OTHER), trust)
    with pytest.raises(BadPayload):
        Zoho.parse(signed(b'{"entity": "secret words'))
    Zoho.parse(signed(payload("operator_replied")))
    assert "Hello" not in caplog.text
    assert "secret words" not in caplog.text


def test_a_reply_carries_ids_and_creates_nothing(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket
) -> None:
    """The engine drops events of unknown tickets; the message's id tells repeats apart."""
    [first] = Zoho.parse(signed(payload("operator_replied")))
    [again] = Zoho.parse(
        signed(payload("operator_replied").replace(b'"attempt": 1', b'"attempt": 2'))
    )
    assert first == again
    assert first.remote_id == "633812301"
    assert first.key == "1764000060000_1"
    file = {"attachment": {"id": "1", "name": "a.pdf"}}
    vendor.say(ticket.remote_id, PAT, None, type="attachment", message=file)
    [read] = adapter.catch_up(ticket, START)
    assert isinstance(read, AgentMessage)
    assert read.contents[0].type == "file"


def test_the_agent_is_not_the_visitor() -> None:
    [assigned] = Zoho.parse(signed(payload("attender_updated")))
    assert assigned.kind == "agent_assigned"
    assert (assigned.agent.name, assigned.agent.email) == ("Pat", "p@x.org")


def test_missed_is_not_the_same_as_ended() -> None:
    [missed] = Zoho.parse(signed(payload("missed")))
    [ended] = Zoho.parse(signed(payload("completed_by_agent")))
    assert missed.kind == ended.kind == "ticket_closed"
    assert (missed.reason, ended.reason) == ("missed", "agentClosed")


def test_a_chat_rings_as_long_as_the_operator_says(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock, http: FaultyHttp
) -> None:
    adapter.open(make_open_request(), journal(clock, "one"))
    plain = make_zoho(http, clock, settings={**SETTINGS, "wait_time": ""})
    plain.open(make_open_request(), journal(clock, "two"))
    waits = [body["custom_wait_time"] for body in vendor.sent("POST", OPEN)]
    assert waits == [240, 300]


def test_a_lost_or_failed_send_is_told_to_the_engine(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    for code, kind in ((1001, OutcomeUnknown), (1015, Permanent)):
        vendor.reply_once("POST", SAY, error(code))
        with pytest.raises(kind):
            adapter.send(ticket, make_message(), journal(clock, str(code)))


def test_a_zobots_words_do_not_come_out() -> None:
    assert Zoho.parse(signed(payload("operator_replied_by_bot"))) == []
    assert Zoho.parse(signed(payload("attender_updated_bot"))) == []


def test_the_accounts_server_is_the_one_that_was_chosen(
    clock: Clock, http: FaultyHttp, mocked: responses.RequestsMock
) -> None:
    mocked.add("POST", f"{ACCOUNTS}/oauth/v2/token", json={"access_token": "a"})
    assert make_zoho(http, clock).oauth_refresh("x").access_token == "a"
