"""LiveChat's webhooks: what they say, who wrote it, and how repeats are known."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.errors import BadSignature
from providers.livechat import LiveChat
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    AgentTyping,
    Content,
    InboundEvent,
    MessageRedacted,
    MessagesSeen,
    TicketClosed,
    TicketTransferred,
    WebhookTrust,
)
from tests.providers.contract import PAYLOADS
from tests.providers.fakes import START
from tests.providers.livechat.conftest import STATE, webhook
from tests.providers.livechat.double import ORG, envelope

SMITH = Agent("smith@example.com", "", "smith@example.com")
NAMED = dataclasses.replace(
    SMITH, name="Agent Smith", picture_url="https://cdn.livechatinc.com/avatars/1.png"
)


def body_of(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path(PAYLOADS / "livechat" / f"{name}.json").read_bytes())
    return loaded


def events_of(name: str, **changes: Any) -> list[InboundEvent]:
    """The events of the payload file, with some of its payload's values replaced."""
    body = body_of(name)
    body["payload"] |= changes
    return LiveChat.parse(webhook(json.dumps(body).encode()))


def test_a_message_is_the_agents_words() -> None:
    assert events_of("incoming_event") == [
        AgentMessage(
            remote_id="PJ0MRSHTDG",
            key="K600PKZON8/K600PKZON8_3",
            at=START + timedelta(seconds=30, microseconds=123456),
            agent=SMITH,
            contents=(Content("text", {"text": "hello there"}),),
            account_id=ORG,
        )
    ]


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        (
            "incoming_event_image",
            [
                Content(
                    "image",
                    {
                        "imageUrl": "https://cdn.livechat-files.com/api/file/lc/att/8948324/"
                        "image25.png",
                        "title": "image25.png",
                    },
                )
            ],
        ),
        (
            "incoming_event_file",
            [
                Content(
                    "file",
                    {
                        "fileUrl": "https://cdn.livechat-files.com/api/file/lc/att/8948324/"
                        "invoice.pdf",
                        "title": "invoice.pdf",
                    },
                )
            ],
        ),
        (
            "incoming_event_rich_message",
            [
                Content("image", {"imageUrl": "https://example.com/image25.png"}),
                Content(
                    "choice",
                    {
                        "text": "Lorem ipsum dolor.\nConsectetur adipiscing elit.\n"
                        "Call us: 790034890",
                        "options": [
                            {"label": "yes", "value": "yes"},
                            {"label": "no", "value": "no"},
                        ],
                    },
                ),
                Content("text", {"text": "Second card\nOpen: https://example.com/2"}),
            ],
        ),
        (
            "incoming_event_quick_replies",
            [
                Content(
                    "choice",
                    {
                        "text": "Did that help?",
                        "options": [
                            {"label": "Yes", "value": "yes"},
                            {"label": "No", "value": "no"},
                        ],
                    },
                )
            ],
        ),
    ],
)
def test_files_and_rich_messages_become_messages_of_ours(
    name: str, contents: list[Content]
) -> None:
    [event] = events_of(name)
    assert isinstance(event, AgentMessage)
    assert list(event.contents) == contents


@pytest.mark.parametrize(
    "changes",
    [
        {"text": " "},
        {"type": "file", "url": "javascript:alert(1)"},
        {"type": "rich_message", "elements": None},
        {"type": "rich_message", "elements": [{"image": {"url": "x"}, "buttons": None}]},
        {"type": "custom"},
    ],
)
def test_what_says_nothing_is_no_message(changes: dict[str, Any]) -> None:
    event = body_of("incoming_event")["payload"]["event"] | changes
    assert events_of("incoming_event", event=event) == []


@pytest.mark.parametrize("visibility", ["agents", "", None, "ALL", "nobody"])
def test_only_what_is_for_all_reaches_the_customer(visibility: str | None) -> None:
    event = body_of("incoming_event")["payload"]["event"] | {"visibility": visibility}
    assert events_of("incoming_event", event=event) == []


def test_assignments_name_the_agent() -> None:
    [added] = events_of("user_added_to_chat")
    [transferred] = events_of("chat_transferred_agent")
    assert isinstance(added, AgentAssigned)
    assert isinstance(transferred, AgentAssigned)
    assert (added.agent, transferred.agent) == (NAMED, SMITH)
    assert added.key == transferred.key == "K600PKZON8/assigned/smith@example.com"


def test_a_chat_that_begins_tells_who_has_it_and_what_they_said() -> None:
    assigned, said = events_of("incoming_chat_assigned")
    assert isinstance(assigned, AgentAssigned)
    assert isinstance(said, AgentMessage)
    assert assigned.agent == said.agent == NAMED
    assert said.key == "K600PKZON8/K600PKZON8_2"


def test_a_queued_transfer_tells_its_place() -> None:
    [event] = events_of("chat_transferred_queue")
    assert isinstance(event, TicketTransferred)
    assert (event.to, event.queue_position) == ("group 19", 42)


def test_a_transfer_to_a_bot_is_none_to_an_agent() -> None:
    bot = {"group_ids": [19], "agent_ids": ["2c1b8da190222160e8f9e077af4c625b"]}
    [event] = events_of("chat_transferred_group", transferred_to=bot)
    assert isinstance(event, TicketTransferred)


@pytest.mark.parametrize(
    ("name", "agent"), [("chat_deactivated", SMITH), ("chat_deactivated_by_router", None)]
)
def test_an_end_tells_who_closed(name: str, agent: Agent | None) -> None:
    [event] = events_of(name)
    assert isinstance(event, TicketClosed)
    assert (event.agent, event.reason, event.key) == (agent, "agentClosed", "K600PKZON8/closed")


def test_a_deleted_message_names_the_one_that_was_told() -> None:
    [event] = events_of("event_deleted", event_id="K600PKZON8_3")
    [told] = events_of("incoming_event")
    assert isinstance(event, MessageRedacted)
    assert event.message_key == told.key


def test_a_late_webhook_of_an_earlier_session_does_not_concern_this_one() -> None:
    now = {"threads": ["K1", "K2"], "opened": START.timestamp()}
    said = dataclasses.replace(events_of("incoming_event")[0], at=START)
    closed = events_of("chat_deactivated")[0]

    def concerned(event: InboundEvent, key: str, **changes: Any) -> bool:
        return LiveChat.concerns(now, dataclasses.replace(event, key=key, **changes))

    assert concerned(closed, "K2/closed")
    assert not concerned(closed, "K1/closed")
    assert not concerned(closed, "K0/closed")
    assert concerned(said, "K1/K1_1")
    assert not concerned(said, "K0/K0_1", at=START - timedelta(hours=1))
    assert concerned(said, "K3/K3_1"), "an agent began a new thread: still for this customer"
    assert concerned(events_of("chat_transferred_sparse")[0], "/transferred")
    assert LiveChat.concerns({}, closed)


# --- repeats --------------------------------------------------------------------------------------


def key_of(name: str, seconds: float = 0, **envelope_changes: Any) -> str:
    body = json.dumps(body_of(name) | envelope_changes).encode()
    request = dataclasses.replace(webhook(body), received_at=START + timedelta(seconds=seconds))
    return LiveChat.receipt_key(request)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("incoming_event", f"incoming_event:{ORG}:PJ0MRSHTDG:K600PKZON8:K600PKZON8_3"),
        ("event_deleted", f"event_deleted:{ORG}:PJ0MRSHTDG:K600PKZON8:K600PKZON8_4"),
        ("chat_deactivated", f"chat_deactivated:{ORG}:PJ0MRSHTDG:K600PKZON8:"),
    ],
)
def test_a_repeat_is_known_by_what_it_is_about(name: str, key: str) -> None:
    assert key_of(name) == key_of(name, 3600, webhook_id="another", additional_data={}) == key


def test_what_has_no_id_is_a_repeat_for_a_while_only() -> None:
    assert key_of("user_added_to_chat") == key_of("user_added_to_chat", 60)
    assert key_of("user_added_to_chat") != key_of("user_added_to_chat", 3600)
    assert key_of("user_added_to_chat") != key_of("user_removed_from_chat")


def test_a_body_that_can_not_be_read_has_no_key() -> None:
    assert LiveChat.receipt_key(webhook(b"no json")) == ""


def test_half_a_surrogate_pair_keeps_nothing_from_being_stored() -> None:
    """Python's JSON takes one, a database doesn't."""
    (event,) = events_of("incoming_event", chat_id="half \ud800 a pair")
    assert event.remote_id.encode() == b"half ? a pair"


# --- trust ----------------------------------------------------------------------------------------


def test_another_organizations_webhook_is_refused() -> None:
    request = webhook(envelope("incoming_event", {}, organization_id="other"))
    with pytest.raises(BadSignature):
        LiveChat.verify(request, WebhookTrust({}, STATE, ORG))
    LiveChat.verify(request, WebhookTrust({}, STATE))  # before the first check of the account


def test_an_app_without_a_secret_of_its_own_trusts_nobody() -> None:
    request = webhook(envelope("incoming_event", {}))
    with pytest.raises(BadSignature):
        LiveChat.verify(request, WebhookTrust({"client_secret": "x", "client_id": "y"}))


def test_webhooks_made_by_hand_are_trusted_by_the_apps_secret() -> None:
    body = json.dumps(body_of("incoming_event")).encode()
    LiveChat.verify(webhook(body), WebhookTrust({"webhook_secret": STATE["webhook_secret"]}))
    with pytest.raises(BadSignature):
        LiveChat.verify(webhook(body), WebhookTrust({"webhook_secret": "another"}))


def test_an_agent_has_seen_what_was_said_up_to_a_time() -> None:
    [event] = events_of("events_marked_as_seen")
    assert isinstance(event, MessagesSeen)
    assert event.agent == SMITH
    assert (event.at - START) == timedelta(seconds=45, microseconds=10200)
    ours = "b7eff798-f8df-4364-8059-649c35c9ed0c"
    assert events_of("events_marked_as_seen", user_id=ours) == []


def test_an_agent_who_types_for_the_customer_to_see_is_told() -> None:
    [event] = events_of("incoming_typing_indicator")
    assert isinstance(event, AgentTyping)
    assert event.agent == SMITH
    stopped = {"author_id": "smith@example.com", "is_typing": False}
    among_agents = stopped | {"is_typing": True, "visibility": "agents"}
    for indicator in (stopped, among_agents):
        assert events_of("incoming_typing_indicator", typing_indicator=indicator) == []
