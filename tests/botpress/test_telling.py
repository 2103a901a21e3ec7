"""The three webhooks that Botpress takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.db import transaction
from django.utils import timezone

from conversations.flows import ending, inbound
from conversations.flows.locking import locked
from conversations.models import Delivery, DeliveryKind, DeliveryState, Message, StopReason
from hitl_bridge.models import Bot, Installation
from providers.errors import Permanent
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    Content,
    InboundEvent,
    TicketClosed,
    TicketTransferred,
)
from tests.botpress.conftest import WEBHOOK, Drain, Hub
from tests.fake_desk import RUI, Desk, fails

EVA = Agent("eva", "Eva")
FILE = "https://files.example.com/a"
MUCH_LATER = timedelta(days=1)
Happens = Callable[..., None]


@pytest.fixture
def session(hub: Hub, drain: Drain) -> str:
    """An open session in which the user has written."""
    conversation, user = hub.start()
    hub.say(conversation, user)
    drain()
    return conversation


def happens(conversation: str, *events: InboundEvent) -> None:
    with transaction.atomic():
        inbound.apply(locked(conversation), events)


def says(key: str, text: str = "Hello", agent: Agent = RUI, **content: Any) -> AgentMessage:
    shown = Content(content.pop("type", "text"), content or {"text": text})
    return AgentMessage(remote_id="t1", key=key, at=timezone.now(), agent=agent, contents=(shown,))


def takes(key: str, agent: Agent = RUI) -> AgentAssigned:
    return AgentAssigned(remote_id="t1", key=key, at=timezone.now(), agent=agent)


def test_an_agent_joins_speaks_and_closes(hub: Hub, session: str, drain: Drain) -> None:
    happens(
        session,
        takes("a1"),
        says("m1", "Hi Ana"),
        TicketClosed(remote_id="t1", key="c", at=timezone.now()),
    )
    drain()
    agent = hub.sent[0][1]["remoteUserId"]
    assert hub.sent == [
        ("/agent-assigned", {"remoteConversationId": session, "remoteUserId": agent}),
        (
            "/message-from-agent",
            {
                "remoteConversationId": session,
                "remoteUserId": agent,
                "messageType": "text",
                "payload": {"text": "Hi Ana"},
            },
        ),
        ("/stop-hitl", {"remoteConversationId": session}),
    ]


def test_an_agent_s_id_is_prefixed_and_short(hub: Hub, session: str, drain: Drain) -> None:
    happens(session, takes("a1"))
    drain()
    agent = hub.sent[0][1]["remoteUserId"]
    assert agent.startswith("ag_")
    assert len(agent) <= 36


def test_the_first_message_of_an_unassigned_agent_assigns_first(
    hub: Hub, session: str, drain: Drain
) -> None:
    happens(session, says("m1"), says("m2"), takes("a1"))
    drain()
    assert hub.paths == ["/agent-assigned", "/message-from-agent", "/message-from-agent"]


def test_only_a_change_of_agent_is_told(hub: Hub, session: str, drain: Drain) -> None:
    back = TicketTransferred(remote_id="t1", key="x", at=timezone.now())
    happens(session, takes("a1"), back, takes("a2"), takes("a3", EVA), takes("a4"))
    drain()
    agents = [body["remoteUserId"] for _, body in hub.sent]
    assert hub.paths == ["/agent-assigned"] * 3
    assert agents[0] == agents[2] != agents[1]


def test_waiting_and_typing_are_not_told(hub: Hub, session: str, drain: Drain) -> None:
    drain()
    assert hub.sent == []


@pytest.mark.parametrize(
    ("content", "type_", "payload"),
    [
        ({"type": "image", "imageUrl": FILE, "title": ""}, "image", {"imageUrl": FILE}),
        ({"type": "file", "fileUrl": FILE, "title": "a"}, "file", {"fileUrl": FILE, "title": "a"}),
        ({"type": "markdown", "markdown": "*hi*"}, "text", {"text": "*hi*"}),
        ({"type": "card", "title": "Shoe", "actions": []}, "text", {"text": "Shoe"}),
        (
            {"type": "bloc", "items": [{"type": "text", "payload": {"text": "a"}}]},
            "bloc",
            {"items": [{"type": "text", "payload": {"text": "a"}}]},
        ),
    ],
)
def test_only_types_that_the_plugin_passes_on_are_sent(
    hub: Hub, session: str, drain: Drain, content: Any, type_: str, payload: Any
) -> None:
    happens(session, says("m1", **content))
    drain()
    assert (hub.sent[-1][1]["messageType"], hub.sent[-1][1]["payload"]) == (type_, payload)


def test_an_empty_text_is_not_sent(hub: Hub, session: str, drain: Drain) -> None:
    happens(session, says("m1", "  "))
    drain()
    assert hub.paths == ["/agent-assigned"]


def test_the_agent_s_name_can_stand_before_the_text(
    installation: Installation, hub: Hub, drain: Drain
) -> None:
    Installation.objects.update(options={"botpressShowAgentName": True})
    conversation, user = hub.start()
    hub.say(conversation, user)
    drain()
    happens(conversation, says("m1", "Hi"))
    drain()
    assert hub.sent[-1][1]["payload"] == {"text": "Rui: Hi"}


def test_events_wait_for_the_first_message(hub: Hub, drain: Drain) -> None:
    """Told before Botpress has its conversation, it would make a second one."""
    conversation, user = hub.start()
    happens(conversation, says("m1"))
    drain()
    assert hub.sent == []
    hub.say(conversation, user)
    drain()
    assert hub.paths == ["/agent-assigned", "/message-from-agent"]


def test_events_wait_for_seconds_only(hub: Hub, drain: Drain) -> None:
    conversation, _ = hub.start()
    happens(conversation, says("m1"))
    drain()
    assert hub.sent == []
    drain(later=timedelta(seconds=6))
    assert hub.paths == ["/agent-assigned", "/message-from-agent"]


def test_waiting_counts_as_no_attempt(hub: Hub, drain: Drain) -> None:
    conversation, _ = hub.start()
    happens(conversation, takes("a1"))
    drain()
    assert Delivery.objects.get(event__type="hitlAssigned").attempt_count == 0


def test_a_slash_at_the_end_of_the_webhook_url_does_no_harm(
    hub: Hub, session: str, drain: Drain
) -> None:
    bot = Bot.objects.get()
    bot.botpress_webhook_url = f"{WEBHOOK}/"
    bot.save()
    happens(session, takes("a1"))
    drain()
    assert hub.paths == ["/agent-assigned"]


@pytest.mark.parametrize("status", [302, 400, 404, 410, 429, 500, 503])
def test_anything_but_2xx_is_repeated_and_holds_the_rest_back(
    hub: Hub, session: str, drain: Drain, webhooks: responses.RequestsMock, status: int
) -> None:
    address = f"{WEBHOOK}/agent-assigned"
    taken = webhooks.registered()[1]
    webhooks.replace(responses.POST, address, status=status)
    happens(session, says("m1"))
    drain()
    assert hub.sent == []
    webhooks.remove(responses.POST, address)
    webhooks.add(taken)
    Bot.objects.update(hold_until=None)
    drain(later=MUCH_LATER)
    assert hub.paths == ["/agent-assigned", "/message-from-agent"]
    assert Message.objects.get(author="agent").status == "sent"


def test_one_refused_message_does_not_stop_the_bot_s_other_sessions(
    hub: Hub, session: str, drain: Drain, webhooks: responses.RequestsMock
) -> None:
    webhooks.replace(responses.POST, f"{WEBHOOK}/agent-assigned", status=400)
    happens(session, takes("a1"))
    drain()
    assert Bot.objects.get().failures == 0


def test_a_ticket_that_can_not_be_opened_ends_the_session_with_a_word(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(Permanent("no"))]
    conversation, user = hub.start()
    hub.say(conversation, user)
    drain()
    assert hub.paths == ["/message-from-agent", "/stop-hitl"]
    assert hub.sent[0][1]["payload"]["text"] == "Sorry, no human agent can be reached right now."


@pytest.mark.parametrize(
    ("text", "paths"),
    [("NULL", ["/stop-hitl"]), ("Leider nein.", ["/message-from-agent", "/stop-hitl"])],
)
def test_that_word_is_configurable(
    installation: Installation, hub: Hub, desk: Desk, drain: Drain, text: str, paths: list[str]
) -> None:
    Installation.objects.update(options={"botpressFailedText": text})
    desk.answers = [fails(Permanent("no"))]
    conversation, user = hub.start()
    hub.say(conversation, user)
    drain()
    assert hub.paths == paths


def test_a_session_that_times_out_is_stopped_at_botpress(
    hub: Hub, session: str, drain: Drain
) -> None:
    with transaction.atomic():
        ending.end(locked(session), StopReason.IDLE_TIMEOUT)
    drain()
    assert hub.paths == ["/stop-hitl"]


def test_a_late_agent_message_is_kept_and_not_sent(hub: Hub, session: str, drain: Drain) -> None:
    happens(session, TicketClosed(remote_id="t1", key="c", at=timezone.now()), says("m1"))
    drain()
    assert hub.paths == ["/stop-hitl"]
    assert Message.objects.get(author="agent").status == "dropped"
    told = Delivery.objects.filter(kind=DeliveryKind.EVENT).exclude(state=DeliveryState.DONE)
    assert not told.exists()


def test_a_second_handoff_in_the_same_chat_works(hub: Hub, session: str, drain: Drain) -> None:
    happens(session, TicketClosed(remote_id="t1", key="c", at=timezone.now()))
    user = Message.objects.get().user_id
    assert user
    second = hub.create_conversation()
    hub.say(second, user, "again")
    drain()
    happens(second, says("m2"))
    drain()
    assert [body["remoteConversationId"] for _, body in hub.sent] == [session, second, second]
