"""Intercom's webhooks and what is read out of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from providers.errors import BadPayload, BadSignature, Gone
from providers.intercom import Intercom
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    InboundEvent,
    MessageRedacted,
    TicketChanged,
    TicketClosed,
    TicketTransferred,
    WebhookTrust,
)
from tests.providers.contract import PAYLOADS
from tests.providers.fakes import START, Clock, FakeJournal, make_open_request, make_ticket
from tests.providers.intercom.double import IntercomDouble
from tests.providers.intercom.test_contract import SECRET, signed

TRUST = WebhookTrust({"client_secret": SECRET})
RUI = Agent("814860", "Rui", "rui@acme.test")
CDN = "https://downloads.intercomcdn.com/"


def parsed(name: str) -> list[Any]:
    return list(Intercom.parse(signed((PAYLOADS / "intercom" / f"{name}.json").read_bytes())))


def texts(events: list[InboundEvent]) -> list[str]:
    return [
        str(content.payload.get("text"))
        for event in events
        if isinstance(event, AgentMessage)
        for content in event.contents
        if content.type == "text"
    ]


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (
            (
                b'{"type":"notification_event","app_id":"abc123de","id":"notif_test_0001",'
                b'"topic":"ping","data":{"type":"notification_event_data","item":{"type":"ping"}}}'
            ),
            "sha1=63d8cf9cdde9323fa896ad0f18d5877af53ebd37",
        ),
        ('{"body":"<p>Olá 👋</p>"}'.encode(), "sha1=3dec4f6ad855bcf541cf3406bf90a9b8fa1962b7"),
    ],
)
def test_intercoms_own_signatures_pass(body: bytes, signature: str) -> None:
    request = signed(body)
    assert request.headers["x-hub-signature"] == signature
    Intercom.verify(request, TRUST)
    with pytest.raises(BadSignature):
        Intercom.verify(dataclasses.replace(request, body=body + b" "), TRUST)


def test_an_empty_secret_refuses_even_its_own_signature() -> None:
    with pytest.raises(BadSignature):
        Intercom.verify(signed(b"{}", secret=""), WebhookTrust({"client_secret": ""}))


def test_a_reply_has_agent_text_and_file() -> None:
    [message] = parsed("admin_replied")
    assert isinstance(message, AgentMessage)
    assert (message.remote_id, message.key, message.account_id) == ("2150", "4576", "abc123de")
    assert message.agent == RUI
    assert [(content.type, dict(content.payload)) for content in message.contents] == [
        ("text", {"text": "Hi Ana"}),
        ("file", {"fileUrl": CDN + "a.pdf", "title": "a.pdf"}),
    ]


def test_html_becomes_markdown_and_media_messages_each_once() -> None:
    [message] = parsed("admin_replied_media")
    text, *media = message.contents
    assert text.payload["text"] == ("Look & **see**:\n\nhere or [there](https://acme.test/help)")
    assert [(content.type, dict(content.payload)) for content in media] == [
        ("image", {"imageUrl": CDN + "i/one.png"}),
        ("image", {"imageUrl": CDN + "two.png", "title": "two.png"}),
        ("audio", {"audioUrl": CDN + "voice.mp3", "title": "voice.mp3"}),
        ("video", {"videoUrl": CDN + "clip.mp4", "title": "clip.mp4"}),
    ]


def test_plain_text_stays_as_it_is() -> None:
    assert texts(parsed("admin_replied_plain")) == [
        "Hi Ana, 2 < 3 & *fine*\nSee https://acme.test/help"
    ]


def test_parts_come_in_the_order_of_their_times() -> None:
    assert texts(parsed("admin_replied_two_parts")) == ["First", "Second"]


def test_words_on_an_assignment_are_a_reply_only_under_that_topic() -> None:
    assert texts(parsed("admin_replied_on_assignment")) == ["I'll take it"]
    assert texts(parsed("admin_assigned_by_colleague")) == []


def test_assigned_names_the_agent_and_never_the_customer() -> None:
    [event] = parsed("admin_assigned")
    assert isinstance(event, AgentAssigned)
    assert event.agent == RUI
    [event] = parsed("admin_assigned_by_colleague")
    assert event.agent == Agent("814861")  # by Rui, to Maya: her name is asked for later


def test_a_team_is_a_transfer_and_nobody_is_the_queue() -> None:
    [team] = parsed("team_assigned")
    [nobody] = parsed("unassigned")
    assert isinstance(team, TicketTransferred)
    assert isinstance(nobody, TicketTransferred)
    assert (team.to, nobody.to) == ("814866", "")


def test_a_close_says_who_closed_and_its_words_come_first() -> None:
    message, closed = parsed("admin_closed_with_words")
    assert isinstance(message, AgentMessage)
    assert isinstance(closed, TicketClosed)
    assert (message.key, closed.key) == ("4592", "4592:close")
    assert (closed.agent, closed.reason) == (RUI, "agentClosed")
    [by_workflow] = parsed("admin_closed_by_workflow")
    assert by_workflow.agent is None


def test_a_closed_state_without_a_close_asks_to_look() -> None:
    message, look = parsed("admin_replied_then_closed")
    assert isinstance(message, AgentMessage)
    assert isinstance(look, TicketChanged)


def test_a_deleted_conversation_ends_the_session() -> None:
    [closed] = parsed("deleted")
    assert (closed.remote_id, closed.reason, closed.agent) == ("2150", "failed", None)


@pytest.mark.parametrize("name", ["part_redacted", "part_redacted_alone"])
def test_a_redacted_part_names_its_message(name: str) -> None:
    [event] = parsed(name)
    assert isinstance(event, MessageRedacted)
    assert (event.remote_id, event.message_key) == ("2150", "4576")


@pytest.mark.parametrize(
    "name",
    [
        "admin_replied_by_fin",
        "admin_replied_by_workflow",
        "admin_replied_by_operator_admin",
        "operator_replied",
        "admin_replied_note_part",
        "admin_noted",
        "user_replied",
        "user_reopened",
    ],
)
def test_robots_notes_and_our_own_echo_are_silent(name: str) -> None:
    assert parsed(name) == []


def test_repeats_of_a_webhook_have_one_receipt_key() -> None:
    body = (PAYLOADS / "intercom" / "admin_replied.json").read_bytes()
    again = body.replace(b'"delivery_attempts": 1', b'"delivery_attempts": 2')
    assert again != body
    assert Intercom.receipt_key(signed(body)) == Intercom.receipt_key(signed(again)) == "notif_02"
    assert Intercom.receipt_key(signed(b"[]")) == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"topic": "conversation.deleted", "data": {"item": {}}}',
        b'{"topic": "conversation.admin.closed", "data": {"item": {"id": "1"}}}',
        b"[" * 100_000,
    ],
)
def test_what_can_not_be_read_is_a_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        Intercom.parse(signed(body))


def test_a_redaction_without_a_conversation_is_dropped() -> None:
    body = (
        b'{"topic": "conversation_part.redacted", "app_id": "abc123de",'
        b' "data": {"item": {"type": "conversation_part", "id": "1", "created_at": 1}}}'
    )
    assert Intercom.parse(signed(body)) == []


# --- catching up ------------------------------------------------------------------------------


@pytest.fixture
def remote_id(intercom: Intercom, clock: Clock) -> str:
    opened = intercom.open(make_open_request(), FakeJournal(clock))
    clock.advance(600)
    return opened.remote_id


def caught_up(intercom: Intercom, remote_id: str, clock: Clock) -> list[Any]:
    opened = intercom.open(make_open_request(), FakeJournal(clock))
    ticket = make_ticket(opened, remote_id=remote_id)
    return list(intercom.catch_up(ticket, START))


def test_catch_up_closes_what_was_closed_without_a_part(
    intercom: Intercom, vendor: IntercomDouble, remote_id: str, clock: Clock
) -> None:
    vendor.conversations[remote_id]["state"] = "closed"
    [closed] = caught_up(intercom, remote_id, clock)
    assert (closed.kind, closed.key) == ("ticket_closed", f"{remote_id}:closed")


def test_catch_up_leaves_out_what_came_before(
    intercom: Intercom, vendor: IntercomDouble, remote_id: str, clock: Clock
) -> None:
    old = int(START.timestamp()) - 3600
    vendor.part(remote_id, "comment", "<p>Old</p>", created_at=old)
    vendor.part(remote_id, "comment", "<p>New</p>")
    assert texts(caught_up(intercom, remote_id, clock)) == ["New"]


def test_catch_up_tells_notes_to_nobody(
    intercom: Intercom, vendor: IntercomDouble, remote_id: str, clock: Clock
) -> None:
    to = {"type": "admin", "id": "814861"}
    vendor.part(remote_id, "note", "<p>Secret</p>")
    vendor.part(remote_id, "assignment", "<p>Yours, he is difficult</p>", assigned_to=to)
    vendor.part(remote_id, "comment", None)
    [event] = caught_up(intercom, remote_id, clock)
    assert event.kind == "agent_assigned"


def test_catch_up_tells_of_a_redaction(
    intercom: Intercom, vendor: IntercomDouble, remote_id: str, clock: Clock
) -> None:
    part = vendor.part(remote_id, "comment", None, redacted=True)
    [event] = caught_up(intercom, remote_id, clock)
    assert (event.kind, event.message_key) == ("message_redacted", part["id"])


def test_a_conversation_merged_into_another_is_gone(
    intercom: Intercom, vendor: IntercomDouble, remote_id: str, clock: Clock
) -> None:
    vendor.conversations[remote_id] = {**vendor.conversations[remote_id], "id": "9999"}
    with pytest.raises(Gone):
        caught_up(intercom, remote_id, clock)
