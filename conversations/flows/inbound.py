"""Applying what happened at the help desk to a conversation, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

import providers
from conversations.engine import lanes
from conversations.flows import ending, late, media
from conversations.flows.events import agent_body, emit, touch
from conversations.flows.locking import locked
from conversations.flows.people import agent_user
from conversations.flows.saying import say
from conversations.flows.timers import deadlines
from conversations.models import (
    Author,
    Conversation,
    ConversationStatus,
    DeliveryKind,
    DeliveryState,
    EventType,
    MediaFile,
    Message,
    MessageStatus,
    StopReason,
    User,
)
from hitl_bridge.options import Text
from providers.types import (
    AgentAssigned,
    AgentMessage,
    InboundEvent,
    MessageRedacted,
    SendFailed,
    TicketChanged,
    TicketClosed,
    TicketReopened,
    TicketTransferred,
    storable,
)


def apply(conversation: Conversation, events: Iterable[InboundEvent]) -> None:
    """Apply events, in order, to a locked conversation; what was applied before is skipped."""
    adapter = providers.get(conversation.installation.provider)
    for event in events:
        rule = _RULES.get(type(event))
        if not conversation.is_open:
            conversation = _taken_up_again(conversation, event) or conversation
        concerns = adapter.concerns(conversation.remote_state, event)
        if rule and concerns and not _is_of_the_session_before(conversation, event):
            rule(conversation, event)


def _is_of_the_session_before(conversation: Conversation, event: InboundEvent) -> bool:
    """Whether an agent took the ticket up again after this; only words are never too old."""
    if conversation.reopened_at is None or isinstance(event, AgentMessage | MessageRedacted):
        return False
    return event.at < conversation.reopened_at


def _taken_up_again(conversation: Conversation, event: InboundEvent) -> Conversation | None:
    """The session that an ended one's ticket has now, or that this event begins on it; if any."""
    if isinstance(event, MessageRedacted | SendFailed):
        return None  # about something that was said in the ended one
    following = late.following(conversation)
    if following or not isinstance(event, AgentMessage | TicketReopened):
        return following
    adapter = providers.get(conversation.installation.provider)
    news = unseen(conversation, [event]) and adapter.concerns(conversation.remote_state, event)
    return late.reopened(conversation, event) if news else None


def _said_on_ticket(conversation: Conversation) -> QuerySet[Message]:
    """What was said in the session, and in those ahead of it that an agent took up again."""
    if not conversation.reopened_from_id:
        return Message.objects.filter(conversation=conversation)
    return Message.objects.filter(
        conversation__installation_id=conversation.installation_id,
        conversation__remote_id=conversation.remote_id,
    )


def wants_reading(event: InboundEvent) -> bool:
    """Whether the ticket is read before this is told to the bot.

    Webhooks overtake each other, and some get lost: an agent's words must not pass earlier ones,
    and a close must not pass any.
    """
    return isinstance(event, AgentMessage | TicketClosed)


def unseen(conversation: Conversation, events: Iterable[InboundEvent]) -> list[InboundEvent]:
    """The events without those agents' messages that were taken in before; one query for all."""
    told = list(events)
    if not any(isinstance(event, AgentMessage) for event in told):
        return told
    agents = _said_on_ticket(conversation).filter(author=Author.AGENT)
    seen = set(agents.values_list("effect_key", flat=True))
    return [
        event
        for event in told
        if not isinstance(event, AgentMessage)
        or any(message_key(event, part) not in seen for part in range(len(event.contents)))
    ]


def message_key(event: AgentMessage, part: int) -> str:
    """The effect key of one content of an agent's message."""
    return f"in:{event.key}:{part}"


def _agent_message(conversation: Conversation, event: AgentMessage) -> None:
    keys = [message_key(event, part) for part in range(len(event.contents))]
    seen = set(
        _said_on_ticket(conversation)
        .filter(effect_key__in=keys)
        .values_list("effect_key", flat=True)
    )
    if len(seen) == len(keys):
        return
    agent = agent_user(conversation.installation, event.agent)
    # An agent who writes has the ticket, whether or not the help desk says so.
    _assign(conversation, agent, event.at, f"assigned-by:{event.key}")
    for key, content in zip(keys, event.contents, strict=True):
        if key in seen:
            continue
        conversation.last_message_sequence += 1
        touch(conversation, "last_message_sequence")
        message = Message.objects.create(
            tenant_id=conversation.tenant_id,
            conversation=conversation,
            sequence=conversation.last_message_sequence,
            author=Author.AGENT,
            user=agent,
            type=content.type,
            payload=storable(content.payload),
            effect_key=key,
            remote_ids=[event.key],
            remote_at=event.at,
            status=MessageStatus.PENDING,
        )
        data: dict[str, Any] = {
            "messageId": message.id,
            "source": Author.AGENT,
            "userId": agent.id,
            "agent": agent_body(agent),
            "type": message.type,
            "payload": message.payload,
        }
        if not conversation.is_open:
            data["late"] = True  # written after (or just before) the session ended
        emit(conversation, EventType.MESSAGE_CREATED, data, key, message)
    if not conversation.is_open:
        late.tell_agent(conversation, event.at)


def _assigned(conversation: Conversation, event: AgentAssigned) -> None:
    agent = agent_user(conversation.installation, event.agent)
    # Some vendors name who has it and not the occasion: an agent who comes back does so later.
    key = f"assigned:{event.key}@{int(event.at.timestamp() * 1000)}"
    _assign(conversation, agent, event.at, key)


def _assign(conversation: Conversation, agent: User, at: datetime, key: str) -> None:
    """Only a change is told; news older than what is known are no news."""
    if not conversation.is_open or conversation.agent_id == agent.pk:
        return
    if conversation.agent_since and at < conversation.agent_since:
        return
    if _was_told(conversation, key):
        return
    text = Text.CHANGED if conversation.assigned_at else Text.JOINED
    conversation.agent = agent
    conversation.agent_since = at
    conversation.status = ConversationStatus.ASSIGNED
    conversation.assigned_at = conversation.assigned_at or timezone.now()
    conversation.assignment_deadline = None
    conversation.save(
        update_fields=["agent", "agent_since", "status", "assigned_at", "assignment_deadline"]
    )
    data = {"userId": agent.pk, "agent": agent_body(agent)}
    emit(conversation, EventType.ASSIGNED, data, key)
    say(conversation, text, key, agent)


def _transferred(conversation: Conversation, event: TicketTransferred) -> None:
    if not conversation.is_open or conversation.agent_id is None:
        return
    if conversation.agent_since and event.at < conversation.agent_since:
        return
    key = f"transferred:{event.key}"
    if _was_told(conversation, key):
        return
    conversation.agent = None
    conversation.agent_since = event.at
    conversation.status = ConversationStatus.QUEUED
    conversation.assignment_deadline, _ = deadlines(conversation.options, timezone.now())
    conversation.save(update_fields=["agent", "agent_since", "status", "assignment_deadline"])
    emit(conversation, EventType.TRANSFERRED, {"to": event.to}, key)


def _was_told(conversation: Conversation, effect_key: str) -> bool:
    """Whether it has been applied: times of whole seconds don't tell what is older."""
    return conversation.events.filter(effect_key=effect_key).exists()


def _closed(conversation: Conversation, event: TicketClosed) -> None:
    ending.end(conversation, StopReason(event.reason), ticket_is_closed=True)


def _reopened(conversation: Conversation, event: TicketReopened) -> None:
    if not conversation.is_open:
        if late.is_later(conversation, event.at):
            late.tell_agent(conversation, event.at)
    elif conversation.reopened_at == event.at:  # by this the session began
        emit(conversation, EventType.QUEUED, {"ticketId": conversation.remote_id}, "queued")
        if event.agent is not None:
            agent = agent_user(conversation.installation, event.agent)
            _assign(conversation, agent, event.at, f"assigned-by:{event.key}")


def _changed(conversation: Conversation, event: TicketChanged) -> None:
    del event
    asked = conversation.deliveries.filter(
        kind=DeliveryKind.CATCH_UP, state=DeliveryState.PENDING, attempt_count=0
    )
    # A question that has not been put yet will be answered with this as well.
    if conversation.is_open and not asked.exists():
        lanes.append(conversation, DeliveryKind.CATCH_UP)


def _redacted(conversation: Conversation, event: MessageRedacted) -> None:
    found = _said_on_ticket(conversation).filter(effect_key__startswith=f"in:{event.message_key}:")
    for message in found:
        if message.conversation_id != conversation.id:  # said before an agent took it up again
            _redacted(locked(message.conversation_id), event)
            continue
        message.payload, message.redacted_at = {}, timezone.now()
        message.save(update_fields=["payload", "redacted_at"])
        # The files of what an agent took it up again with were kept for the session before.
        places = [conversation.id, conversation.reopened_from_id]
        files = MediaFile.objects.filter(conversation_id__in=places, message_key=message.effect_key)
        media.delete_files(files)
        told = conversation.events.filter(effect_key=message.effect_key).first()
        if told:
            told.data = {**told.data, "payload": {}, "redacted": True}
            told.save(update_fields=["data"])
        data = {"messageId": message.id, "status": "redacted"}
        emit(conversation, EventType.MESSAGE_STATUS, data, f"redacted:{message.id}")


def _send_failed(conversation: Conversation, event: SendFailed) -> None:
    recent = conversation.messages.exclude(author=Author.AGENT).order_by("-sequence")[:500]
    for message in recent:
        if event.message_key in message.remote_ids:
            message_failed(conversation, message, event.detail or "The help desk refused it.")


def message_failed(conversation: Conversation, message: Message, why: str) -> None:
    """A message of the bot's side could not be delivered: the bot is told."""
    message.status, message.failure = MessageStatus.FAILED, why[:300]
    message.save(update_fields=["status", "failure"])
    data = {"messageId": message.id, "status": MessageStatus.FAILED, "detail": message.failure}
    # Tried again by an operator, it may fail once more, and the bot waits for word of it.
    retries = conversation.events.filter(effect_key__startswith=f"retried:{message.id}:").count()
    key = f"failed:{message.id}:{retries}" if retries else f"failed:{message.id}"
    emit(conversation, EventType.MESSAGE_STATUS, data, key)
    if message.author == Author.USER and conversation.is_open:
        say(conversation, Text.UNDELIVERABLE, message.id)


_RULES: dict[type, Callable[[Conversation, Any], None]] = {
    AgentMessage: _agent_message,
    AgentAssigned: _assigned,
    TicketTransferred: _transferred,
    TicketClosed: _closed,
    TicketChanged: _changed,
    TicketReopened: _reopened,
    MessageRedacted: _redacted,
    SendFailed: _send_failed,
}
