"""Typing and what was read: told at once or not at all, in nobody's way."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.db import transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from conversations.engine import local
from conversations.engine.hub import hub
from conversations.flows import messages, passing, reading, typing
from conversations.flows.messages import NewMessage
from conversations.models import (
    Conversation,
    Delivery,
    Event,
    EventType,
    LaneKind,
    Message,
    lane_id,
)
from hitl_bridge.models import Bot, Installation
from providers.errors import Unavailable
from providers.types import Agent, AgentTyping, MessagesSeen
from tests import factories, fake_desk
from tests.engine.test_taking_in import assigned, message, webhook
from tests.fake_desk import RUI, Desk, FakeDesk

Drain = Callable[..., None]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """What a worker would do now is done now."""
    settings.REDIS_URL = ""
    monkeypatch.setattr(local, "call", lambda chore, *args: chore(*args))
    monkeypatch.setattr(transaction, "on_commit", lambda do, **_: do())


@pytest.fixture
def told(callbacks: responses.RequestsMock) -> Callable[[], list[dict[str, Any]]]:
    """The bodies of the callbacks so far."""
    return lambda: [json.loads(call.request.body or b"") for call in callbacks.calls]


def is_typing(agent: Agent | None = RUI, **more: Any) -> AgentTyping:
    return AgentTyping(
        remote_id="t1",
        key=f"typing-{timezone.now()}",
        agent=agent,
        **{"at": timezone.now(), **more},
    )


def has_seen(**more: Any) -> MessagesSeen:
    now = timezone.now()
    return MessagesSeen(remote_id="t1", key=f"seen-{now}", agent=RUI, **{"at": now, **more})


def say(session: Conversation, text: str = "Hello?") -> Message:
    return messages.send_message(session.bot, session.id, NewMessage("text", {"text": text}))


def in_lane(session: Conversation, kind: LaneKind) -> int:
    return Delivery.objects.filter(lane_id=lane_id(session.id, kind)).count()


def test_an_agents_typing_is_one_signed_callback_beside_the_lane(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    callbacks: responses.RequestsMock,
    told: Callable[[], list[dict[str, Any]]],
) -> None:
    webhook(installation, assigned("a1", RUI), desk)
    drain()
    rows, deliveries = Event.objects.count(), in_lane(session, LaneKind.BOT)
    webhook(installation, is_typing(), desk)
    event = told()[-1]
    assert (event["type"], event["sequence"]) == ("typing", 0)
    assert event["data"]["agent"]["name"] == "Rui"
    assert event["data"]["conversationId"] == session.id
    assert event["data"]["botConversationId"] == "chat-1"
    request = callbacks.calls[-1].request
    Webhook(factories.CALLBACK_SECRET).verify(request.body or b"", dict(request.headers))
    assert request.headers["webhook-id"] == event["id"]
    assert (Event.objects.count(), in_lane(session, LaneKind.BOT)) == (rows, deliveries)


def test_typing_passes_messages_that_wait(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    callbacks: responses.RequestsMock,
    told: Callable[[], list[dict[str, Any]]],
) -> None:
    webhook(installation, message(), desk)  # its lane is not worked
    webhook(installation, is_typing(), desk)
    assert told()[-1]["type"] == "typing"
    assert in_lane(session, LaneKind.INBOUND) == 1
    assert hub.since(hub.count - 1)[0]["type"] == "typing"


def test_an_agent_whom_nobody_knows_types_without_a_name(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    told: Callable[[], list[dict[str, Any]]],
) -> None:
    webhook(installation, is_typing(Agent("new@acme.test")), desk)
    assert "agent" not in told()[-1]["data"]


@pytest.mark.parametrize(
    "trouble",
    [
        {"failures": 1},
        {"callback_disabled_reason": "410"},
        {"enabled": False},
        {"connector": "feed"},
        {"hold_until": timezone.now() + timedelta(hours=1)},
    ],
)
def test_a_bot_in_trouble_is_not_bothered(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    callbacks: responses.RequestsMock,
    trouble: dict[str, Any],
) -> None:
    Bot.objects.update(**trouble)
    before = len(callbacks.calls)
    webhook(installation, is_typing(), desk)
    assert len(callbacks.calls) == before


def test_a_bot_that_does_not_take_it_is_not_asked_again_nor_blamed(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    callbacks: responses.RequestsMock,
) -> None:
    callbacks.replace(responses.POST, factories.CALLBACK_URL, body=ConnectionError("gone"))
    callbacks.replace(responses.POST, factories.CALLBACK_URL, status=500)
    before = len(callbacks.calls)
    webhook(installation, is_typing(), desk)
    drain(later=timedelta(hours=1))
    assert len(callbacks.calls) == before + 1
    assert Bot.objects.get().failures == 0


@pytest.mark.parametrize("seconds", [60, 3600])
def test_typing_that_is_told_late_is_dropped(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    callbacks: responses.RequestsMock,
    seconds: int,
) -> None:
    before = len(callbacks.calls)
    webhook(installation, is_typing(at=timezone.now() - timedelta(seconds=seconds)), desk)
    assert len(callbacks.calls) == before


def test_a_note_that_a_worker_takes_late_is_dropped(
    session: Conversation, callbacks: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(callbacks.calls)
    monkeypatch.setattr(passing, "STALE", timedelta(0))
    passing.tell(session, EventType.TYPING)
    assert len(callbacks.calls) == before


def test_typing_for_an_early_ticket_or_an_ended_session_is_dropped(
    installation: Installation, desk: Desk, drain: Drain, callbacks: responses.RequestsMock
) -> None:
    conversation = factories.conversation(installation)
    webhook(installation, is_typing(), desk)  # the ticket is not open yet
    drain()
    Conversation.objects.filter(pk=conversation.pk).update(
        status="stopped", stop_reason="agentClosed"
    )
    before = len(callbacks.calls)
    webhook(installation, is_typing(), desk)
    assert len(callbacks.calls) == before


def test_the_users_typing_is_shown_once_and_forgotten(session: Conversation, desk: Desk) -> None:
    typing.user_is_typing(session.bot, session.id)
    desk.answers.append(fake_desk.fails(Unavailable("down"), carried_out=True))
    typing.user_is_typing(session.bot, session.id)
    assert desk.shown == ["typing", "typing"]
    assert in_lane(session, LaneKind.PROVIDER) == 1  # the ticket's opening


def test_what_a_help_desk_cannot_show_is_dropped_silently(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webhook(installation, message(), desk)
    drain()
    nothing = dataclasses.replace(FakeDesk.capabilities, typing_out=False, read_out=False)
    monkeypatch.setattr(FakeDesk, "capabilities", nothing)
    typing.user_is_typing(session.bot, session.id)
    reading.user_has_read(session.bot, session.id)
    assert desk.shown == []
    assert Message.objects.get(author="agent").read_at


def test_what_the_agent_has_read_is_marked_and_told_in_passing(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    told: Callable[[], list[dict[str, Any]]],
) -> None:
    first, second = say(session, "one"), say(session, "two")
    drain()
    rows = Event.objects.count()
    before = len(told())
    webhook(installation, has_seen(), desk)
    webhook(installation, has_seen(), desk)
    news = [event["data"] for event in told()[before:]]
    assert [(one["messageId"], one["status"]) for one in news] == [
        (first.id, "read"),
        (second.id, "read"),
    ]
    assert not Message.objects.filter(read_at=None).exists()
    assert Event.objects.count() == rows


def test_what_was_sent_after_the_agent_looked_is_not_read(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    looked = timezone.now()
    say(session)
    drain()
    webhook(installation, has_seen(at=looked), desk)
    assert Message.objects.get().read_at is None


def test_read_before_the_help_desk_has_answered_counts_once_it_has(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = FakeDesk.send

    def read_at_once(self: FakeDesk, *args: Any) -> Any:
        sent = send(self, *args)
        webhook(installation, has_seen(), desk)
        return sent

    monkeypatch.setattr(FakeDesk, "send", read_at_once)
    say(session)
    drain()
    assert Message.objects.get().read_at


def test_the_agent_is_shown_what_the_user_has_read(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    for key in ("p1", "p2", "p3"):
        webhook(installation, message(key, key), desk)
        drain()
    second = Message.objects.get(remote_ids=["p2"])
    reading.user_has_read(session.bot, session.id, second.id)
    reading.user_has_read(session.bot, session.id, second.id)
    reading.user_has_read(session.bot, session.id)
    assert desk.shown == ["read p1 p2", "read p3"]
