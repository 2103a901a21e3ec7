"""What earlier integrations with LiveChat got wrong, shown right: one test for each fault."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from providers.errors import BadSignature, OutcomeUnknown, Permanent
from providers.livechat import LiveChat
from providers.types import AgentAssigned, Ticket, WebhookTrust
from tests.providers.fakes import (
    Clock,
    FakeJournal,
    make_message,
    make_open_request,
    make_person,
    make_ticket,
)
from tests.providers.livechat.conftest import STATE, connected, webhook
from tests.providers.livechat.double import ORG, RUI, SECRET, LiveChatDouble, envelope, error

CUSTOMER = "b7eff798-f8df-4364-8059-649c35c9ed0c"


@pytest.fixture
def ticket(livechat: LiveChat, clock: Clock) -> Ticket:
    return make_ticket(livechat.open(make_open_request(), FakeJournal(clock, key="opening")))


def parsed(action: str, payload: dict[str, Any], **envelope_changes: Any) -> list[Any]:
    return list(LiveChat.parse(webhook(envelope(action, payload, **envelope_changes))))


def said(**changes: Any) -> dict[str, Any]:
    event = {
        "id": "K1_3",
        "created_at": "2026-01-01T10:00:00.000000Z",
        "type": "message",
        "visibility": "all",
        "author_id": "smith@x.io",
        "text": "Hi",
    }
    return {"chat_id": "P1", "thread_id": "K1", "event": event | changes}


def test_closing_calls_the_documented_method(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    livechat.close(ticket, "", FakeJournal(clock))
    assert vendor.sent("customer/deactivate_chat") == [{"id": ticket.remote_id}]
    assert vendor.closed(ticket.remote_id)


@pytest.mark.parametrize(
    ("type_", "kind"), [("validation", Permanent), ("internal", OutcomeUnknown)]
)
def test_a_refused_close_is_no_success(
    livechat: LiveChat,
    ticket: Ticket,
    vendor: LiveChatDouble,
    clock: Clock,
    type_: str,
    kind: type[Exception],
) -> None:
    vendor.reply_once("customer/deactivate_chat", error(type_))
    with pytest.raises(kind):
        livechat.close(ticket, "", FakeJournal(clock))
    assert not vendor.closed(ticket.remote_id)


def test_a_customer_outlives_the_tokens_eight_hours(
    by_pat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    opened = by_pat.open(make_open_request(), FakeJournal(clock, key="one"))
    clock.advance(9 * 3600)
    by_pat.send(make_ticket(opened), make_message(), FakeJournal(clock, key="two"))
    assert vendor.grants[-1]["cookie"].startswith(f"__lc_cid={next(iter(vendor.customers))}; ")
    assert len(vendor.customers) == 1


def test_saving_the_installation_makes_no_customer(
    by_pat: LiveChat, vendor: LiveChatDouble
) -> None:
    by_pat.check()
    by_pat.register("https://bridge.example.com/webhooks/livechat/t", lambda state: None)
    by_pat.availability({})
    assert vendor.grants == []


def test_a_message_that_is_refused_does_not_vanish(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.reply_once("customer/send_event", error("validation"))
    with pytest.raises(Permanent):
        livechat.send(ticket, make_message(), FakeJournal(clock))


def test_a_message_into_a_closed_chat_resumes_it(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.end(ticket.remote_id)
    assert livechat.send(ticket, make_message(), FakeJournal(clock)).remote_ids
    assert vendor.shown(ticket.remote_id)[-1] == "Hello, is anybody there?"


def test_files_have_no_text_and_are_messages_all_the_same() -> None:
    payload = said(type="file", url="https://cdn.example.com/a.pdf", name="a.pdf")
    del payload["event"]["text"]
    [event] = parsed("incoming_event", payload)
    assert event.contents[0].payload["fileUrl"] == "https://cdn.example.com/a.pdf"


def test_transfers_need_neither_agents_nor_a_requester_and_may_be_queued() -> None:
    queue = {"position": 42, "wait_time": 1337, "queued_at": "2026-01-01T10:00:00.000000Z"}
    payload = {"chat_id": "P1", "reason": "assigned", "transferred_to": {"group_ids": [19]}}
    [event] = parsed("chat_transferred", {**payload, "queue": queue})
    assert event.queue_position == 42


def test_new_fields_anywhere_are_no_reason_to_drop_a_webhook() -> None:
    payload = said(new_field=[1]) | {"newer": {"a": 1}}
    [event] = parsed("incoming_event", payload, api_version="3.7", additional_data=None, more=1)
    assert event.contents[0].payload == {"text": "Hi"}


def test_private_notes_never_reach_the_visitor(
    livechat: LiveChat, ticket: Ticket, vendor: LiveChatDouble
) -> None:
    assert parsed("incoming_event", said(visibility="agents")) == []
    vendor.event(ticket.remote_id, RUI["id"], "He is angry", visibility="agents")
    assert livechat.catch_up(ticket, ticket.opened_at) == []


def test_secrets_and_texts_stay_out_of_the_log(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.reply_once("customer/update_customer", error("validation"))
    opened = livechat.open(make_open_request(), FakeJournal(clock, key="one"))
    request = webhook(envelope("incoming_event", said()))
    LiveChat.verify(request, WebhookTrust({}, STATE, ORG))
    LiveChat.parse(request)
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("providers"))
    for hidden in (SECRET, "token-1", "client-s3cret", opened.contact["customer"]["token"]):
        assert hidden not in caplog.text
    for hidden in ("order 4711", "ana@customer.test", "Hi"):
        assert hidden not in ours


def test_a_wrong_secret_is_refused_and_not_only_noted() -> None:
    request = webhook(envelope("incoming_event", said(), secret_key="wrong"))
    with pytest.raises(BadSignature):
        LiveChat.verify(request, WebhookTrust({}, STATE, ORG))


def test_a_user_needs_no_mail_and_keeps_the_name(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    person = make_person(email="", phone="")
    opened = livechat.open(make_open_request(person=person, title=""), FakeJournal(clock))
    [customer] = vendor.customers.values()
    assert customer["name"] == "Ana Silva"
    assert "email" not in customer
    assert "None" not in "\n".join(vendor.shown(opened.remote_id)) + json.dumps(vendor.customers)


def test_whoever_takes_the_chat_is_the_agent_and_not_the_visitor() -> None:
    transferred = {"group_ids": [19], "agent_ids": ["smith@x.io"]}
    [event] = parsed("chat_transferred", {"chat_id": "P1", "transferred_to": transferred})
    assert isinstance(event, AgentAssigned)
    assert (event.agent.id, event.agent.email) == ("smith@x.io", "smith@x.io")
    visitor = {"id": CUSTOMER, "type": "customer", "name": "Ana"}
    assert parsed("user_added_to_chat", {"chat_id": "P1", "user": visitor}) == []


def test_a_chat_never_stays_with_the_owner_of_the_token(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    vendor.reply_once("customer/start_chat", error("group_unavailable"))
    opened = livechat.open(make_open_request(), FakeJournal(clock))
    [body] = vendor.sent("agent/transfer_chat")
    assert body["ignore_agents_availability"] is True
    assert vendor.thread(opened.remote_id)["access"] == {"group_ids": [19]}
    assert "agent/start_chat" not in vendor.paths()
    assert "agent/add_user_to_chat" not in vendor.paths()


def test_a_repeated_webhook_is_the_same_event() -> None:
    first = webhook(envelope("incoming_event", said()))
    again = webhook(
        envelope("incoming_event", said(), webhook_id="other", additional_data={"a": 1})
    )
    assert LiveChat.receipt_key(first) == LiveChat.receipt_key(again)
    assert LiveChat.parse(first) == LiveChat.parse(again)


def test_chats_of_others_only_name_their_chat() -> None:
    """Nothing in the event makes a conversation: the engine drops a chat it has not opened."""
    other = {"id": "P9", "users": [], "thread": {"id": "K9", "events": [said()["event"]]}}
    [event] = parsed("incoming_chat", {"chat": other})
    assert event.remote_id == "P9"


def test_unregister_leaves_nothing_behind(vendor: LiveChatDouble, clock: Clock) -> None:
    states: list[Any] = [{}]
    url = "https://bridge.example.com/webhooks/livechat/t"
    connected(clock=clock, state={}).register(url, states.append)
    assert vendor.webhooks
    connected(clock=clock, state=dict(states[-1])).unregister()
    assert vendor.webhooks == []
