"""Telling the bot: every event is a row first, whoever is to read it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from conversations.connectors import wants_delivery
from conversations.engine import lanes
from conversations.models import Conversation, DeliveryKind, Event, EventType, Message, User
from hitl_bridge.options import counts_from, seconds


def emit(
    conversation: Conversation,
    type_: EventType,
    data: dict[str, Any],
    effect_key: str,
    message: Message | None = None,
) -> Event | None:
    """Add an event to a locked conversation; None if this effect has been told already."""
    if Event.objects.filter(conversation=conversation, effect_key=effect_key).exists():
        return None
    conversation.last_event_sequence += 1
    conversation.save(update_fields=["last_event_sequence"])
    event = Event.objects.create(
        tenant_id=conversation.tenant_id,
        bot_id=conversation.bot_id,
        conversation=conversation,
        type=type_,
        sequence=conversation.last_event_sequence,
        data={**context_of(conversation), **data},
        effect_key=effect_key,
    )
    if wants_delivery(conversation.bot):
        payload = {"message": message.pk} if message else {}
        lanes.append(conversation, DeliveryKind.EVENT, event=event, payload=payload)
    return event


def agent_body(agent: User) -> dict[str, str]:
    """An agent as the bot sees them; what is not known is left out."""
    known = {
        "userId": agent.id,
        "name": agent.name or "Agent",
        "email": agent.email,
        "pictureUrl": agent.picture_url,
    }
    return {key: value for key, value in known.items() if value}


def context_of(conversation: Conversation) -> dict[str, Any]:
    """What every event of the conversation carries."""
    tags = {tag.name: tag.value for tag in conversation.tags.all()}
    context: dict[str, Any] = {"conversationId": conversation.id, "tags": tags}
    if conversation.reopened_from_id:
        context["reopenedFrom"] = conversation.reopened_from_id
    if conversation.bot_conversation_id:
        context["botConversationId"] = conversation.bot_conversation_id
    return context


def touch(conversation: Conversation, *fields: str) -> None:
    """Something was said: push the idle deadline on, and store `fields` with it."""
    now = timezone.now()
    conversation.last_activity_at = now
    idle = seconds(conversation.options, "idleTimeout")
    if idle and conversation.is_open:
        begin = counts_from(conversation.options, now)
        conversation.idle_deadline = begin + timedelta(seconds=idle)
    conversation.save(update_fields=["last_activity_at", "idle_deadline", *fields])
