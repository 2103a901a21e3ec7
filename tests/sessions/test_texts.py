"""The bridge's own words to the customer: when, in which place of the order, in which language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from conversations.flows import ending, inbound, timers
from conversations.flows.locking import locked
from conversations.flows.messages import NewMessage, send_message
from conversations.models import Conversation, Delivery, StopReason
from hitl_bridge.models import Installation
from providers.errors import Permanent
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    Availability,
    Content,
    InboundEvent,
    TicketClosed,
)
from tests import factories, fake_desk
from tests.fake_desk import RUI, Desk

Drain = Callable[..., None]
ON = {"texts": {"all": True}}
EVA = Agent("eva", "Eva")


def started(installation: Installation, drain: Drain, **options: Any) -> Conversation:
    """A session with texts whose ticket is open."""
    given = {**ON, **options}
    conversation = factories.conversation(installation, bot_conversation_id="c", options=given)
    drain()
    conversation.refresh_from_db()
    return conversation


def happens(conversation: Conversation, *events: InboundEvent) -> None:
    with transaction.atomic():
        inbound.apply(locked(conversation.id), events)


def takes(agent: Agent) -> AgentAssigned:
    return AgentAssigned(remote_id="t1", key=agent.id, at=timezone.now(), agent=agent)


def told(conversation: Conversation) -> list[str]:
    """The events in order, the bridge's texts by their names."""
    events = conversation.events.order_by("sequence")
    return [event.data.get("notice") or event.type for event in events]


def texts(conversation: Conversation) -> list[str]:
    rows = conversation.messages.filter(author="system").order_by("sequence")
    return [message.payload["text"] for message in rows]


def test_each_occasion_has_its_place_in_the_order(installation: Installation, drain: Drain) -> None:
    conversation = started(installation, drain)
    closed = TicketClosed(remote_id="t1", key="c", at=timezone.now())
    happens(conversation, takes(RUI), takes(EVA), closed)
    assert told(conversation) == [
        "handoffStarted",
        "hitlQueued",
        "queued",
        "hitlAssigned",
        "agentJoined",
        "hitlAssigned",
        "agentChanged",
        "sessionEnded",
        "hitlStopped",
    ]
    assert texts(conversation)[2:4] == ["Rui has joined the chat.", "Eva is taking over."]


def test_nothing_is_said_unless_it_is_asked_for(
    session: Conversation, installation: Installation
) -> None:
    happens(session, takes(RUI), TicketClosed(remote_id="t1", key="c", at=timezone.now()))
    assert told(session) == ["hitlQueued", "hitlAssigned", "hitlStopped"]
    assert texts(session) == []


def test_the_text_looks_like_a_message_and_says_who_speaks(
    installation: Installation, drain: Drain
) -> None:
    conversation = started(installation, drain, locale="de")
    event = conversation.events.get(data__notice="queued")
    assert event.data["source"] == event.data["userId"] == event.data["agent"]["userId"] == "system"
    assert (event.data["type"], event.type) == ("text", "messageCreated")
    assert event.data["payload"] == {"text": "Einen Moment bitte, gleich ist jemand für Sie da."}
    message = conversation.messages.get(pk=event.data["messageId"])
    assert (message.author, message.status) == ("system", "sent")


def test_one_text_can_be_switched_off_and_another_be_worded(
    installation: Installation, drain: Drain
) -> None:
    words = {"all": True, "queued": False, "handoffStarted": {"es": "¡Hola!", "default": "Hi!"}}
    conversation = started(installation, drain, texts=words, locale="es-MX")
    assert told(conversation) == ["handoffStarted", "hitlQueued"]
    assert texts(conversation) == ["¡Hola!"]


def test_what_the_bot_sets_goes_before_what_the_operator_did(
    installation: Installation, drain: Drain
) -> None:
    Installation.objects.update(options={"texts": {"queued": "Operator", "handoffStarted": "A"}})
    installation.refresh_from_db()
    conversation = started(installation, drain, texts={"queued": "Bot"})
    assert texts(conversation) == ["A", "Bot"]


@pytest.mark.parametrize("reason", [StopReason.ASSIGNMENT_TIMEOUT, StopReason.MISSED])
def test_when_nobody_comes_that_is_said(
    installation: Installation, drain: Drain, reason: StopReason
) -> None:
    conversation = started(installation, drain)
    with transaction.atomic():
        ending.end(locked(conversation.id), reason)
    assert told(conversation)[-2:] == ["noAgent", "hitlStopped"]


def test_a_ticket_that_can_not_be_opened_has_no_agent(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    desk.answers.append(fake_desk.fails(Permanent("No inbox.")))
    conversation = started(installation, drain)
    assert told(conversation) == ["handoffStarted", "noAgent", "hitlFailed"]


def test_a_help_desk_that_is_offline_has_no_agent_while_the_session_waits(
    installation: Installation, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        fake_desk.FakeDesk, "availability", lambda self, session: Availability("offline")
    )
    conversation = started(installation, drain)
    assert told(conversation) == ["handoffStarted", "hitlQueued", "noAgent"]
    assert conversation.is_open


def test_an_undeliverable_message_is_told_of_once(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    conversation = started(installation, drain)
    desk.answers.append(fake_desk.fails(Permanent("Too long.")))
    said = NewMessage("text", {"text": "x"}, user_id=conversation.user_id)
    send_message(installation.bot, conversation.id, said)
    drain()
    assert told(conversation)[-2:] == ["messageStatus", "undeliverable"]
    failed = Delivery.objects.get(state="dead").message
    with transaction.atomic():
        assert failed is not None
        inbound.message_failed(locked(conversation.id), failed, "Again.")
    assert told(conversation).count("undeliverable") == 1


def test_words_that_the_close_overtook_are_told_of_ahead_of_the_end(
    installation: Installation, drain: Drain
) -> None:
    conversation = started(installation, drain)
    for text in ("one", "two"):
        said = NewMessage("text", {"text": text}, user_id=conversation.user_id)
        send_message(installation.bot, conversation.id, said)
    happens(conversation, TicketClosed(remote_id="t1", key="c", at=timezone.now()))
    assert told(conversation)[3:] == [
        "messageStatus", "undeliverable", "messageStatus", "sessionEnded", "hitlStopped",
    ]  # fmt: skip


def test_timers_begin_with_the_business_hours(installation: Installation, drain: Drain) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    day = f"{tomorrow:%A}".lower()
    hours = {day: [f"{tomorrow:%H}:00-{tomorrow:%H}:59"]}
    conversation = started(installation, drain, businessHours=hours, assignmentTimeout=60)
    assert conversation.assignment_deadline is not None
    assert conversation.assignment_deadline > timezone.now() + timedelta(hours=22)
    assert timers.run_due() == 0


def test_agents_words_are_marked_as_theirs(session: Conversation) -> None:
    content = Content("text", {"text": "Hi"})
    message = AgentMessage(
        remote_id="t1", key="m", at=timezone.now(), agent=RUI, contents=(content,)
    )
    happens(session, message)
    assert session.events.get(type="messageCreated").data["source"] == "agent"
