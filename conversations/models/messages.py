from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models import Q

from conversations.models.conversations import Conversation
from conversations.models.users import User
from hitl_bridge.ids import MAX_LENGTH, new_id
from hitl_bridge.models import Bot, Tenant


def message_id() -> str:
    return new_id("msg")


def event_id() -> str:
    return new_id("evt")


class Author(models.TextChoices):
    """Who said it."""

    USER = "user", "End user"
    BOT = "bot", "Bot"
    AGENT = "agent", "Agent"
    SYSTEM = "system", "Bridge"  # its own words to the customer: see hitl_bridge.options.texts


class MessageStatus(models.TextChoices):
    """What became of a message."""

    PENDING = "pending", "On its way"
    SENT = "sent", "Delivered"
    FAILED = "failed", "Could not be delivered"
    DROPPED = "dropped", "Dropped"


class Message(models.Model):
    """Something that was said while a human was in charge."""

    id = models.CharField(
        primary_key=True, max_length=MAX_LENGTH, default=message_id, editable=False
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    sequence = models.PositiveIntegerField()  # in the conversation, from 1
    author = models.CharField(max_length=10, choices=Author.choices)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    type = models.CharField(max_length=20)
    payload = models.JSONField(default=dict)
    additional_data = models.CharField(max_length=500, blank=True)
    status = models.CharField(
        max_length=10, choices=MessageStatus.choices, default=MessageStatus.PENDING
    )
    failure = models.CharField(max_length=300, blank=True)
    # One effect, one row: the vendor's id of an agent's message (and which part of it), or ours.
    effect_key = models.CharField(max_length=250)
    remote_ids = models.JSONField(default=list, blank=True)  # the vendor's ids of what we sent
    remote_at = models.DateTimeField(null=True, blank=True)  # the vendor's time
    redacted_at = models.DateTimeField(null=True, blank=True)
    # By the agent or, where an agent wrote it, by the user; empty also where nobody tells.
    read_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["conversation", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "sequence"], name="message_sequence_once"
            ),
            models.UniqueConstraint(
                fields=["conversation", "effect_key"], name="message_effect_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=MessageStatus.values), name="message_status_valid"
            ),
            models.CheckConstraint(
                condition=Q(author__in=Author.values), name="message_author_valid"
            ),
        ]

    def __str__(self) -> str:
        return self.id


class EventType(models.TextChoices):
    """What a bot is told."""

    QUEUED = "hitlQueued"
    ASSIGNED = "hitlAssigned"
    TRANSFERRED = "hitlTransferred"
    MESSAGE_CREATED = "messageCreated"
    MESSAGE_STATUS = "messageStatus"
    TYPING = "typing"
    STOPPED = "hitlStopped"
    FAILED = "hitlFailed"


class Event(models.Model):
    """Something a bot is told; the callback's body and the feed's entry are made from it."""

    pk_number = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=MAX_LENGTH, unique=True, default=event_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="events")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="events")
    type = models.CharField(max_length=20, choices=EventType.choices)
    sequence = models.PositiveIntegerField()  # in the conversation, from 1
    data = models.JSONField(default=dict)
    # One effect, one row, however often the help desk or a timer says it.
    effect_key = models.CharField(max_length=250)
    # The place in the bot's feed, dealt out by whoever reads it: see flows.feed.
    position = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk_number"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "sequence"], name="event_sequence_once"
            ),
            models.UniqueConstraint(
                fields=["conversation", "effect_key"], name="event_effect_once"
            ),
            models.UniqueConstraint(fields=["bot", "position"], name="event_position_once"),
            models.CheckConstraint(condition=Q(type__in=EventType.values), name="event_type_valid"),
        ]
        indexes = [
            models.Index(
                fields=["bot", "pk_number"],
                condition=Q(position__isnull=True),
                name="event_without_position",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"

    def body(self) -> dict[str, Any]:
        """The event as callbacks and feed have it."""
        return {
            "id": self.id,
            "type": self.type,
            "timestamp": self.created_at.isoformat().replace("+00:00", "Z"),
            "sequence": self.sequence,
            "data": self.data,
        }

    def text(self) -> str:
        """The body as callbacks and the stream send it: JSON in one line."""
        return json.dumps(self.body(), ensure_ascii=False)
