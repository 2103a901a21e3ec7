"""Chats in LiveChat: opening, speaking, ending, and being the same customer each time."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
import responses

from providers.errors import (
    Gone,
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    Reconnect,
    Retry,
)
from providers.livechat import LiveChat
from providers.types import Agent, AgentMessage, OpenedTicket, Ticket, TicketClosed
from tests.providers.contract import persist
from tests.providers.fakes import (
    START,
    Clock,
    Crash,
    FakeJournal,
    FakeTokens,
    FaultyHttp,
    make_line,
    make_message,
    make_open_request,
    make_person,
    make_ticket,
)
from tests.providers.livechat.conftest import BY_PAT, connected, webhook
from tests.providers.livechat.double import (
    BOT,
    MAYA,
    RUI,
    LiveChatDouble,
    error,
    refusal,
)

NEXT = "conv_00000000000000000000000002"


@pytest.fixture
def opened(livechat: LiveChat, clock: Clock) -> OpenedTicket:
    return livechat.open(make_open_request(), FakeJournal(clock, key="hitl-1"))


@pytest.fixture
def ticket(opened: OpenedTicket) -> Ticket:
    return make_ticket(opened)


def next_request(opened: OpenedTicket, **changes: Any) -> Any:
    values = {"conversation_id": NEXT, "contact": opened.contact} | changes
    return make_open_request(**values)


# --- opening --------------------------------------------------------------------------------------


def test_a_chat_starts_in_the_group_with_everything_known(
    opened: OpenedTicket, vendor: LiveChatDouble
) -> None:
    [body] = vendor.sent("customer/start_chat")
    [event] = body["chat"]["thread"].pop("events")
    assert body == {
        "active": True,
        "continuous": True,
        "chat": {
            "access": {"group_ids": [19]},
            "thread": {"properties": {"routing": {"ignore_bots": True}}},
        },
    }
    assert (event["type"], event["custom_id"]) == ("message", "hitl-1:chat")
    assert event["text"].splitlines() == [
        "Subject: Broken lamp",
        "Description: The lamp of order 4711 arrived broken.",
        "Name: Ana Silva",
        "E-mail: ana@customer.test",
        "Phone: +351912345678",
        "",
        "Conversation with the chatbot so far:",
        "Ana Silva (08:58 UTC): My lamp is broken <b>!</b>",
        "Helper (bot) (08:59 UTC): I can't help with that.",
        "Ana Silva (09:00 UTC): Then a human please",
    ]
    thread = vendor.thread(opened.remote_id)["id"]
    assert opened.state["threads"] == [thread]
    assert vendor.sent("customer/update_customer") == [
        {
            "name": "Ana Silva",
            "email": "ana@customer.test",
            "avatar": "https://media.example.com/ana.png",
            "session_fields": [
                {"conversation": "conv_00000000000000000000000001"},
                {"phone": "+351912345678"},
            ],
        }
    ]


def test_the_bot_chooses_the_group_and_adds_fields(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    session = {"groupId": 0, "sessionFields": {"Order": 4711}}
    livechat.open(make_open_request(session=session), FakeJournal(clock))
    [body] = vendor.sent("customer/start_chat")
    assert body["chat"]["access"] == {"group_ids": [0]}
    assert {"Order": "4711"} in vendor.sent("customer/update_customer")[0]["session_fields"]


def test_without_a_group_everybody_sees_the_chat(vendor: LiveChatDouble, clock: Clock) -> None:
    adapter = connected({"group_id": "", "allowed_groups": ""}, clock=clock)
    adapter.open(make_open_request(), FakeJournal(clock))
    [body] = vendor.sent("customer/start_chat")
    assert "access" not in body["chat"]
    assert vendor.sent("agent/transfer_chat") == []


def test_details_that_livechat_finds_invalid_do_not_cost_the_chat(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.reply_once("customer/update_customer", error("validation", "wrong email"))
    opened = livechat.open(make_open_request(), FakeJournal(clock))
    assert vendor.tickets() == [opened.remote_id]
    assert set(vendor.sent("customer/update_customer")[1]) == {"name", "session_fields"}


def test_a_transcript_beyond_the_limit_goes_on_in_order(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    lines = tuple(make_line(f"line {n:04} " + "ä" * 90) for n in range(200))
    journal = FakeJournal(clock, key="hitl-1")
    opened = livechat.open(make_open_request(transcript=lines), journal)
    shown = vendor.shown(opened.remote_id)
    assert len(shown) > 4
    assert [f"line {n:04}" in "\n".join(shown) for n in range(200)] == [True] * 200
    assert "".join(shown).index("line 0000") < "".join(shown).index("line 0199")
    assert journal.steps[:4] == ["customer", "details", "chat", "briefing-1"]


def test_the_next_session_resumes_the_customers_one_chat(
    livechat: LiveChat, opened: OpenedTicket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.end(opened.remote_id)
    second = livechat.open(next_request(opened), FakeJournal(clock, key="hitl-9"))
    assert second.remote_id == opened.remote_id
    [body] = vendor.sent("customer/resume_chat")
    assert body["chat"]["id"] == opened.remote_id
    assert body["chat"]["access"] == {"group_ids": [19]}
    assert (body["active"], body["continuous"]) == (True, True)
    assert second.state["threads"] != opened.state["threads"]
    assert len(vendor.sent("customer/update_customer")) == 2, "session fields are sent again"
    assert len(vendor.customers) == 1


def test_a_chat_that_is_still_active_is_used(
    livechat: LiveChat, opened: OpenedTicket, vendor: LiveChatDouble, clock: Clock
) -> None:
    second = livechat.open(next_request(opened), FakeJournal(clock, key="hitl-9"))
    assert second.state["threads"] == opened.state["threads"]
    assert "customer/resume_chat" not in vendor.paths()
    assert len(vendor.shown(opened.remote_id)) == 2


@pytest.mark.parametrize("type_", ["validation", "limit_reached"])
def test_a_chat_that_changed_between_look_and_start_is_followed(
    livechat: LiveChat, opened: OpenedTicket, vendor: LiveChatDouble, clock: Clock, type_: str
) -> None:
    seen = {"chats_summary": [{"id": opened.remote_id, "active": False}]}
    vendor.reply_once("customer/list_chats", (200, {} if type_ == "limit_reached" else seen))
    second = livechat.open(next_request(opened), FakeJournal(clock, key="hitl-9"))
    assert second.remote_id == opened.remote_id
    assert len(vendor.shown(opened.remote_id)) == 2


def test_a_chat_that_opens_and_closes_all_the_time_is_tried_later(
    livechat: LiveChat, opened: OpenedTicket, vendor: LiveChatDouble, clock: Clock
) -> None:
    active = {"chats_summary": [{"id": opened.remote_id, "active": True, "last_thread_id": "K"}]}
    vendor.reply_once("customer/list_chats", (200, active), times=9)
    vendor.reply_once("customer/send_event", error("chat_inactive"), times=9)
    vendor.reply_once("customer/resume_chat", error("validation", "already active"), times=9)
    with pytest.raises(Retry):
        livechat.open(next_request(opened), FakeJournal(clock, key="hitl-9"))


@pytest.mark.parametrize(
    "answer",
    [
        error("groups_offline"),
        error("validation", "Cannot assign any agent from requested groups"),
    ],
)
def test_a_group_without_agents_gets_the_chat_into_its_queue(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock, answer: Any
) -> None:
    vendor.reply_once("customer/start_chat", answer)
    opened = livechat.open(make_open_request(), FakeJournal(clock))
    assert vendor.sent("agent/transfer_chat") == [
        {
            "id": opened.remote_id,
            "target": {"type": "group", "ids": [19]},
            "ignore_agents_availability": True,
            "ignore_requester_presence": True,
        }
    ]


def test_a_chat_that_can_not_be_moved_is_seen_by_all(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.reply_once("customer/start_chat", error("groups_offline"))
    vendor.reply_once("agent/transfer_chat", error("agent_offline"))
    opened = livechat.open(make_open_request(), FakeJournal(clock))
    assert vendor.thread(opened.remote_id)["access"] == {"group_ids": [0]}


def test_nobody_at_all_is_said(livechat: LiveChat, vendor: LiveChatDouble, clock: Clock) -> None:
    vendor.reply_once("customer/start_chat", error("groups_offline"), times=2)
    with pytest.raises(Permanent, match="No agents"):
        livechat.open(make_open_request(), FakeJournal(clock))


def test_an_active_chat_whose_thread_is_not_told_is_read(
    livechat: LiveChat, opened: OpenedTicket, vendor: LiveChatDouble, clock: Clock
) -> None:
    told = {"chats_summary": [{"id": opened.remote_id, "active": True}]}
    vendor.reply_once("customer/list_chats", (200, told))
    second = livechat.open(next_request(opened), FakeJournal(clock, key="hitl-9"))
    assert second.state["threads"] == opened.state["threads"]


# --- being a customer -----------------------------------------------------------------------------


def test_a_customer_comes_from_the_agents_token(
    opened: OpenedTicket, vendor: LiveChatDouble
) -> None:
    assert vendor.grants == [
        {
            "grant_type": "agent_token",
            "client_id": "9cbf3a968289727cb3cdfe83ab1d9836",
            "response_type": "token",
        }
    ]
    assert vendor.headers[0]["Authorization"] == "Bearer token-1"
    start = vendor.paths().index("customer/start_chat")
    assert vendor.headers[start]["Authorization"] == f"Bearer {opened.contact['customer']['token']}"


def test_a_customer_comes_from_cookies_where_there_is_no_agents_token(
    by_pat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    opened = by_pat.open(make_open_request(), FakeJournal(clock))
    assert vendor.grants == [
        {
            "grant_type": "cookie",
            "client_id": "9cbf3a968289727cb3cdfe83ab1d9836",
            "organization_id": "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex",
            "response_type": "token",
            "redirect_uri": "https://bridge.example.com/oauth/livechat/callback",
        }
    ]
    kept = opened.contact["customer"]
    assert kept["cid"] == kept["entity_id"]
    assert kept["cst"] == vendor.customers[kept["entity_id"]]["cst"]


def test_a_redirect_uri_of_the_operators_is_used(vendor: LiveChatDouble, clock: Clock) -> None:
    adapter = connected({"redirect_uri": "https://acme.test/cb"}, BY_PAT, clock=clock)
    adapter.open(make_open_request(), FakeJournal(clock))
    assert vendor.grants[0]["redirect_uri"] == "https://acme.test/cb"


@pytest.mark.parametrize("adapter_name", ["livechat", "by_pat"])
def test_a_token_is_renewed_at_80_percent_for_the_same_customer(
    adapter_name: str, vendor: LiveChatDouble, clock: Clock, request: pytest.FixtureRequest
) -> None:
    adapter: LiveChat = request.getfixturevalue(adapter_name)
    opened = adapter.open(make_open_request(), FakeJournal(clock, key="one"))
    ticket = make_ticket(opened)
    clock.advance(28800 * 0.8 - 1)
    assert adapter.send(ticket, make_message(), FakeJournal(clock, key="two")).contact is None
    clock.advance(1)
    sent = adapter.send(ticket, make_message(), FakeJournal(clock, key="three"))
    assert sent.contact is not None
    assert sent.contact["conversation"] == opened.contact["conversation"]
    before, after = opened.contact["customer"], sent.contact["customer"]
    assert after["token"] != before["token"]
    assert after["entity_id"] == before["entity_id"]
    assert len(vendor.customers) == 1
    # Half a year later, with the newest cookie, it is still the same customer.
    clock.advance(180 * 86400)
    later = dataclasses.replace(ticket, contact=sent.contact)
    adapter.send(later, make_message(), FakeJournal(clock, key="four"))
    assert len(vendor.customers) == 1
    assert len(vendor.grants) == 3


def test_a_refused_token_is_renewed_once_and_the_request_repeated(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.tokens.clear()
    sent = livechat.send(ticket, make_message(), FakeJournal(clock))
    assert sent.contact is not None
    assert vendor.shown(ticket.remote_id)[-1] == "Hello, is anybody there?"
    vendor.reply_once("customer/send_event", error("authentication", status=401), times=2)
    with pytest.raises(Reconnect):
        livechat.send(ticket, make_message(), FakeJournal(clock, key="other"))


def test_an_agents_token_that_died_is_renewed_for_the_customer(
    livechat: LiveChat, vendor: LiveChatDouble, tokens: FakeTokens, clock: Clock
) -> None:
    vendor.reply_once("customer/token", refusal("invalid_grant"))
    livechat.open(make_open_request(), FakeJournal(clock))
    assert tokens.rejected == ["token-1"]
    assert vendor.headers[1]["Authorization"] == "Bearer token-2"


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        ("invalid_grant", Reconnect),
        ("access_denied", Reconnect),
        ("invalid_request", Reconnect),
        ("invalid_client", Misconfigured),
        ("unauthorized_client", Misconfigured),
    ],
)
def test_refusals_of_a_new_customer(
    livechat: LiveChat,
    vendor: LiveChatDouble,
    clock: Clock,
    exception: str,
    kind: type[Exception],
) -> None:
    vendor.reply_once("customer/token", refusal(exception), times=2)
    with pytest.raises(kind):
        livechat.open(make_open_request(), FakeJournal(clock))


def test_a_redirect_uri_that_is_not_in_the_app_is_a_setting(
    by_pat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.reply_once("customer/token", refusal("invalid_request"))
    with pytest.raises(Misconfigured) as caught:
        by_pat.open(make_open_request(), FakeJournal(clock))
    assert caught.value.field == "redirect_uri"


def test_the_accounts_servers_trouble_is_tried_again(
    by_pat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.reply_once("customer/token", (502, {}))
    with pytest.raises(Retry):
        by_pat.open(make_open_request(), FakeJournal(clock))


def test_a_forgotten_customer_starts_anew_but_can_not_speak(
    by_pat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    opened = by_pat.open(make_open_request(), FakeJournal(clock, key="one"))
    clock.advance(28800)
    vendor.customers.clear()
    with pytest.raises(Gone):
        by_pat.send(make_ticket(opened), make_message(), FakeJournal(clock, key="two"))
    second = by_pat.open(next_request(opened), FakeJournal(clock, key="three"))
    assert second.remote_id != opened.remote_id


def test_a_ticket_without_a_customer_is_gone(
    livechat: LiveChat, ticket: Ticket, clock: Clock
) -> None:
    nobody = dataclasses.replace(ticket, contact={})
    with pytest.raises(Gone):
        livechat.send(nobody, make_message(), FakeJournal(clock))


def test_the_journal_shows_no_secret_of_the_customer(
    by_pat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    journal = FakeJournal(clock, crash_after="customer")
    with pytest.raises(Crash):
        by_pat.open(make_open_request(), journal)
    opened = persist(lambda: by_pat.open(make_open_request(), journal), clock)
    kept, written = opened.contact["customer"], json.dumps(journal._results)
    assert kept["cst"] not in written
    assert kept["token"] not in written


def test_new_credentials_between_two_attempts_cost_a_customer_not_the_chat(
    vendor: LiveChatDouble, clock: Clock
) -> None:
    journal = FakeJournal(clock)
    vendor.reply_once("customer/start_chat", error("authorization", status=403))
    with pytest.raises(Misconfigured):
        connected(clock=clock).open(make_open_request(), journal)
    renewed = {"client_id": "x", "client_secret": "another", "refresh_token": "r"}
    connected(credentials=renewed, clock=clock).open(make_open_request(), journal)
    assert len(vendor.tickets()) == 1


# --- speaking -------------------------------------------------------------------------------------


def test_a_closed_chat_is_resumed_with_the_message(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.end(ticket.remote_id)
    sent = livechat.send(ticket, make_message(), FakeJournal(clock, key="m"))
    thread = vendor.thread(ticket.remote_id)
    assert [event["text"] for event in thread["events"]] == ["Hello, is anybody there?"]
    assert sent.remote_ids == (thread["events"][0]["id"],)
    assert sent.state == {
        **ticket.state,
        "threads": [*ticket.state["threads"], thread["id"]],
    }
    assert vendor.sent("customer/update_customer")[-1] == {"session_fields": ticket.state["fields"]}
    again = dataclasses.replace(ticket, state=sent.state)
    assert livechat.send(again, make_message(), FakeJournal(clock, key="n")).state is None


def test_a_resumed_chat_whose_group_is_away_waits_in_its_queue(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.end(ticket.remote_id)
    vendor.reply_once("customer/resume_chat", error("groups_offline"))
    vendor.reply_once("customer/update_customer", error("validation"))
    livechat.send(ticket, make_message(), FakeJournal(clock))
    assert vendor.thread(ticket.remote_id)["access"] == {"group_ids": [19]}


def test_an_address_that_is_none_stays_text(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    livechat.send(ticket, make_message("file", {"fileUrl": "cid:1"}), FakeJournal(clock))
    assert vendor.shown(ticket.remote_id)[-1] == "File: cid:1"


def test_files_are_uploaded_and_sent_as_files(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    payload = {"imageUrl": "https://media.example.com/lamp.png", "title": "The lamp"}
    livechat.send(ticket, make_message("image", payload), FakeJournal(clock, key="m"))
    [event] = [body["event"] for body in vendor.sent("customer/send_event")]
    assert event == {
        "type": "file",
        "url": next(iter(vendor.files)),
        "alternative_text": "The lamp",
        "custom_id": "m:piece-0",
    }
    assert b"image/png" in vendor.sent("customer/upload_file")[0]


@pytest.mark.parametrize("type_", ["entity_too_large", "validation"])
def test_a_file_that_livechat_refuses_becomes_a_link(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock, type_: str
) -> None:
    vendor.reply_once("customer/upload_file", error(type_))
    payload = {"fileUrl": "https://media.example.com/setup.exe"}
    livechat.send(ticket, make_message("file", payload), FakeJournal(clock))
    assert vendor.shown(ticket.remote_id)[-1] == "File: https://media.example.com/setup.exe"


def test_a_file_beyond_10_megabytes_becomes_a_link(
    livechat: LiveChat,
    ticket: Ticket,
    vendor: LiveChatDouble,
    clock: Clock,
    mocked: responses.RequestsMock,
) -> None:
    url = "https://big.example.com/film.mp4"
    mocked.add(responses.GET, url, body=b"0" * (10 * 1024 * 1024 + 1))
    livechat.send(ticket, make_message("video", {"videoUrl": url}), FakeJournal(clock))
    assert vendor.shown(ticket.remote_id)[-1] == f"Video: {url}"


def test_a_bots_file_is_announced_as_the_bots(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    payload = {"imageUrl": "https://media.example.com/lamp.png"}
    message = make_message("image", payload, author="bot", author_name="Helper")
    livechat.send(ticket, message, FakeJournal(clock))
    assert vendor.shown(ticket.remote_id)[-2:] == ["Helper (bot): lamp.png", "lamp.png"]


def test_long_texts_are_split_by_bytes(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    before = len(vendor.shown(ticket.remote_id))
    text = "🛋 lamp " * 5000  # the double refuses more than 16 KB
    livechat.send(ticket, make_message("text", {"text": text}), FakeJournal(clock))
    shown = vendor.shown(ticket.remote_id)[before:]
    assert len(shown) > 5
    assert " ".join(shown).split() == text.split()


def test_a_message_in_flight_is_not_repeated_yet(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, http: FaultyHttp, clock: Clock
) -> None:
    journal = FakeJournal(clock)
    http.answer_next(500, error("request_timeout")[1], only="change")
    with pytest.raises(OutcomeUnknown):
        livechat.send(ticket, make_message(), journal)
    clock.advance(5)
    with pytest.raises(Retry, match="Looking"):
        livechat.send(ticket, make_message(), journal)
    vendor.event(
        ticket.remote_id, "late", "Hello, is anybody there?", custom_id="delivery-1:piece-0"
    )
    clock.advance(5)
    assert livechat.send(ticket, make_message(), journal).remote_ids
    assert journal.steps == ["piece-0"]


# --- ending ---------------------------------------------------------------------------------------


def test_the_agent_reads_why_it_ends(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    livechat.close(ticket, "The customer has ended the chat.", FakeJournal(clock))
    assert vendor.shown(ticket.remote_id)[-1] == "Chatbot (bot): The customer has ended the chat."
    assert vendor.closed(ticket.remote_id)


def test_a_late_close_does_not_end_the_next_session(
    livechat: LiveChat, opened: OpenedTicket, vendor: LiveChatDouble, clock: Clock
) -> None:
    second = livechat.open(next_request(opened), FakeJournal(clock, key="hitl-9"))
    first = make_ticket(opened, contact=second.contact)
    livechat.close(first, "", FakeJournal(clock))
    assert not vendor.closed(opened.remote_id)
    livechat.close(make_ticket(second, conversation_id=NEXT), "", FakeJournal(clock, key="c"))
    assert vendor.closed(opened.remote_id)


def test_a_crash_while_closing_is_looked_up(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    journal = FakeJournal(clock, crash_after="close")
    with pytest.raises(Crash):
        livechat.close(ticket, "", journal)
    livechat.close(ticket, "", journal)
    assert journal.searched == ["close"]
    assert len(vendor.sent("customer/deactivate_chat")) == 1


def test_a_forgotten_customers_chat_is_closed_by_the_agent(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    clock.advance(28800)
    vendor.customers.clear()
    livechat.close(ticket, "Bye.", FakeJournal(clock))
    assert vendor.sent("agent/deactivate_chat") == [
        {"id": ticket.remote_id, "ignore_requester_presence": True}
    ]
    assert vendor.closed(ticket.remote_id)


@pytest.mark.parametrize("type_", ["chat_inactive", "not_found"])
def test_a_forgotten_customers_chat_may_be_closed_already(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock, type_: str
) -> None:
    clock.advance(28800)
    vendor.customers.clear()
    vendor.reply_once("agent/deactivate_chat", error(type_))
    livechat.close(ticket, "", FakeJournal(clock))


def test_an_inactive_chat_counts_as_closed(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.reply_once("customer/send_event", error("chat_inactive"))
    vendor.reply_once("customer/deactivate_chat", error("chat_inactive"))
    livechat.close(ticket, "Bye.", FakeJournal(clock))


# --- looking --------------------------------------------------------------------------------------


def test_catch_up_sees_agents_as_webhooks_name_them(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.join(ticket.remote_id, RUI)
    vendor.join(ticket.remote_id, BOT)
    vendor.join(ticket.remote_id, MAYA, visibility="agents")
    clock.advance(1)
    for author, text in [(BOT["id"], "I am a bot"), (MAYA["id"], "Psst"), (RUI["id"], "Hello")]:
        visibility = "agents" if text == "Psst" else "all"
        vendor.event(ticket.remote_id, author, text, visibility=visibility)
    assigned, said = livechat.catch_up(ticket, START)
    assert (assigned.kind, said.kind) == ("agent_assigned", "agent_message")
    assert said.agent.id == "rui@acme.test"  # type: ignore[union-attr]
    assert livechat.catch_up(ticket, START + timedelta(hours=1))[1:] == []


def test_catch_up_reads_the_threads_of_a_resumed_session(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.event(ticket.remote_id, RUI["id"], "Before the break")
    vendor.end(ticket.remote_id)
    sent = livechat.send(ticket, make_message(), FakeJournal(clock))
    vendor.event(ticket.remote_id, RUI["id"], "After it")
    seen = livechat.catch_up(dataclasses.replace(ticket, state=sent.state or {}), START)
    assert [event.kind for event in seen] == ["agent_message", "agent_message"]
    assert len({event.key for event in seen}) == 2


def test_a_deleted_message_is_caught_up_with(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble
) -> None:
    event = vendor.event(ticket.remote_id, RUI["id"], "", deleted=True)
    [redacted] = livechat.catch_up(ticket, START)
    body = vendor.webhook("event_deleted", ticket.remote_id, event_id=event["id"])
    [told] = livechat.parse(webhook(body))
    assert (redacted.kind, redacted.key) == (told.kind, told.key)


def test_a_note_is_written_only_from_inside_the_chat(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    livechat.tell_agent(ticket, "Else as ours.", FakeJournal(clock, key="one"))
    assert vendor.shown(ticket.remote_id)[-1].endswith("Else as ours.")
    vendor.join(ticket.remote_id, RUI)
    journal = FakeJournal(clock, key="two", crash_after="tell")
    with pytest.raises(Crash):
        livechat.tell_agent(ticket, "Look out.", journal)
    livechat.tell_agent(ticket, "Look out.", journal)
    [note] = [e for e in vendor.thread(ticket.remote_id)["events"] if e["text"] == "Look out."]
    assert note["visibility"] == "agents"


def test_a_person_without_a_name_or_mail_gets_a_chat(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    person = make_person(name="", email="", phone="", picture_url="")
    bare = make_open_request(person=person, title="", description="", transcript=())
    opened = livechat.open(bare, FakeJournal(clock))
    assert vendor.shown(opened.remote_id) == ["The customer would like to talk to a person."]
    assert set(vendor.sent("customer/update_customer")[0]) == {"session_fields"}


def test_an_agents_new_thread_is_the_next_session_s(ticket: Ticket) -> None:
    said = AgentMessage(
        remote_id=ticket.remote_id, key="T9/T9_1", at=START, agent=Agent("a@b.c"), contents=()
    )
    after = dataclasses.replace(ticket, conversation_id="conv_next")
    continued = LiveChat.continued(after, said)
    assert continued.state["threads"][-1] == "T9"
    assert continued.contact["conversation"] == "conv_next"
    end = TicketClosed(remote_id=ticket.remote_id, key="T9/closed", at=START)
    assert LiveChat.concerns(continued.state, end)
    assert not LiveChat.concerns(ticket.state, end)
