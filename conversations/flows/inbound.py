"""Applying what happened at the help desk to a conversation, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

import providers
from conversations.engine import lanes
from conversations.flows import ending, media
from conversations.flows.events import agent_body, emit, touch
from conversations.flows.people import agent_user
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
from providers.base import Provider
from providers.types import (
    AgentAssigned,
    AgentMessage,
    InboundEvent,
    MessageRedacted,
    SendFailed,
    TicketChanged,
    TicketClosed,
    TicketTransferred,
    storable,
)


def apply(conversation: Conversation, events: Iterable[InboundEvent]) -> None:
    """Apply events, in order, to a locked conversation; what was applied before is skipped."""
    adapter = providers.get(conversation.installation.provider)
    for event in events:
        rule = _RULES.get(type(event))
        if rule and adapter.concerns(conversation.remote_state, event):
            rule(conversation, event)


def wants_reading(provider: Provider | type[Provider], event: InboundEvent) -> bool:
    """Whether the ticket is read before this is told to the bot.

    Webhooks overtake each other, and some get lost: an agent's words must not pass earlier ones,
    and a close must not pass any.
    """
    if isinstance(event, AgentMessage):
        return provider.capabilities.reads_before_telling
    return isinstance(event, TicketClosed)


def unseen(conversation: Conversation, events: Iterable[InboundEvent]) -> list[InboundEvent]:
    """The events without those agents' messages that were taken in before; one query for all."""
    told = list(events)
    if not any(isinstance(event, AgentMessage) for event in told):
        return told
    agents = Message.objects.filter(conversation=conversation, author=Author.AGENT)
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
        Message.objects.filter(conversation=conversation, effect_key__in=keys).values_list(
            "effect_key", flat=True
        )
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
            "userId": agent.id,
            "agent": agent_body(agent),
            "type": message.type,
            "payload": message.payload,
        }
        if not conversation.is_open:
            data["late"] = True  # written after (or just before) the session ended
        emit(conversation, EventType.MESSAGE_CREATED, data, key, message)


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
    conversation.save(update_fields=["agent", "agent_since", "status"])
    emit(conversation, EventType.TRANSFERRED, {"to": event.to}, key)


def _was_told(conversation: Conversation, effect_key: str) -> bool:
    """Whether it has been applied: times of whole seconds don't tell what is older."""
    return conversation.events.filter(effect_key=effect_key).exists()


def _closed(conversation: Conversation, event: TicketClosed) -> None:
    ending.end(conversation, StopReason(event.reason), ticket_is_closed=True)


def _changed(conversation: Conversation, event: TicketChanged) -> None:
    del event
    asked = conversation.deliveries.filter(
        kind=DeliveryKind.CATCH_UP, state=DeliveryState.PENDING, attempt_count=0
    )
    # A question that has not been put yet will be answered with this as well.
    if conversation.is_open and not asked.exists():
        lanes.append(conversation, DeliveryKind.CATCH_UP)


def _redacted(conversation: Conversation, event: MessageRedacted) -> None:
    keys = Message.objects.filter(
        conversation=conversation, effect_key__startswith=f"in:{event.message_key}:"
    )
    for message in keys:
        message.payload, message.redacted_at = {}, timezone.now()
        message.save(update_fields=["payload", "redacted_at"])
        files = MediaFile.objects.filter(conversation=conversation, message_key=message.effect_key)
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
    emit(conversation, EventType.MESSAGE_STATUS, data, f"failed:{message.id}")


_RULES: dict[type, Callable[[Conversation, Any], None]] = {
    AgentMessage: _agent_message,
    AgentAssigned: _assigned,
    TicketTransferred: _transferred,
    TicketClosed: _closed,
    TicketChanged: _changed,
    MessageRedacted: _redacted,
    SendFailed: _send_failed,
}
