from __future__ import annotations

from django.db import models
from django.db.models import Q

from conversations.models.users import TAG_NAME_LENGTH, TAG_VALUE_LENGTH, User
from hitl_bridge.ids import MAX_LENGTH, new_id
from hitl_bridge.models import Bot, Installation, Tenant


def conversation_id() -> str:
    return new_id("conv")


class ConversationStatus(models.TextChoices):
    """Where a HITL session stands."""

    OPENING = "opening", "Ticket being opened"
    QUEUED = "queued", "Waiting for an agent"
    ASSIGNED = "assigned", "With an agent"
    STOPPED = "stopped", "Ended"
    FAILED = "failed", "Could not be opened"


WAITING_STATUSES = (ConversationStatus.OPENING, ConversationStatus.QUEUED)
OPEN_STATUSES = (*WAITING_STATUSES, ConversationStatus.ASSIGNED)


class StopReason(models.TextChoices):
    """Why a session is over."""

    AGENT_CLOSED = "agentClosed", "The agent closed it"
    USER_ENDED = "userEnded", "The user ended it"
    BOT_STOPPED = "botStopped", "The bot stopped it"
    ASSIGNMENT_TIMEOUT = "assignmentTimeout", "No agent took it in time"
    IDLE_TIMEOUT = "idleTimeout", "Nobody wrote for too long"
    MISSED = "missed", "The help desk gave up on it"
    FAILED = "failed", "It failed"


class Conversation(models.Model):
    """One HITL session; its ticket is the remote side.

    Every change to a conversation, its messages and its events is made under a lock of this
    row (`flows.locking`), so sequence numbers have no gaps and no doubles.
    """

    id = models.CharField(
        primary_key=True, max_length=MAX_LENGTH, default=conversation_id, editable=False
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="conversations")
    installation = models.ForeignKey(
        Installation, on_delete=models.CASCADE, related_name="conversations"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="conversations")
    agent = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="handled"
    )
    agent_since = models.DateTimeField(null=True, blank=True)  # the help desk's time
    bot_conversation_id = models.CharField(
        max_length=200, blank=True, help_text="The bot's own id of the chat that was handed over."
    )
    status = models.CharField(
        max_length=10, choices=ConversationStatus.choices, default=ConversationStatus.OPENING
    )
    stop_reason = models.CharField(max_length=20, blank=True, choices=StopReason.choices)
    failure = models.CharField(max_length=300, blank=True)  # why it failed, for people
    title = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    transcript = models.JSONField(default=list, blank=True)  # messageHistory as the bot gave it
    hitl_session = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    remote_id = models.CharField(max_length=200, blank=True, help_text="The help desk's ticket id.")
    remote_url = models.CharField(max_length=500, blank=True)
    remote_state = models.JSONField(default=dict, blank=True)  # the adapter's own
    # The ended session on the same ticket which an agent took up again, and when (their time).
    reopened_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="reopened_as"
    )
    reopened_at = models.DateTimeField(null=True, blank=True)
    late_told_at = models.DateTimeField(null=True, blank=True)  # the agent knows that it is over
    last_message_sequence = models.PositiveIntegerField(default=0)
    last_event_sequence = models.PositiveIntegerField(default=0)
    agent_read_to = models.DateTimeField(null=True, blank=True)  # the help desk's time
    assignment_deadline = models.DateTimeField(null=True, blank=True)
    idle_deadline = models.DateTimeField(null=True, blank=True)
    catch_up_at = models.DateTimeField(null=True, blank=True)  # when to ask the help desk next
    caught_up_to = models.DateTimeField(null=True, blank=True)  # nothing earlier is missing
    last_activity_at = models.DateTimeField(auto_now_add=True)
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    assigned_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)  # retention has emptied it

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["bot", "bot_conversation_id"],
                condition=Q(status__in=OPEN_STATUSES) & ~Q(bot_conversation_id=""),
                name="one_open_conversation_per_bot_conversation",
            ),
            models.UniqueConstraint(
                fields=["installation", "remote_id"],
                condition=Q(status__in=OPEN_STATUSES) & ~Q(remote_id=""),
                name="one_open_conversation_per_ticket",
            ),
            models.CheckConstraint(
                condition=Q(status__in=ConversationStatus.values), name="conversation_status_valid"
            ),
            models.CheckConstraint(
                condition=Q(stop_reason__in=["", *StopReason.values]),
                name="conversation_stop_reason_valid",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN_STATUSES, stop_reason="")
                | (~Q(status__in=OPEN_STATUSES) & ~Q(stop_reason="")),
                name="ended_conversations_have_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["bot", "-id"], name="conversation_by_bot"),
            models.Index(fields=["tenant", "status", "-id"], name="conversation_by_tenant"),
            models.Index(fields=["installation", "remote_id"], name="conversation_by_ticket"),
            models.Index(
                fields=["assignment_deadline"],
                condition=Q(assignment_deadline__isnull=False),
                name="conversation_assignment_due",
            ),
            models.Index(
                fields=["idle_deadline"],
                condition=Q(idle_deadline__isnull=False),
                name="conversation_idle_due",
            ),
            models.Index(
                fields=["catch_up_at"],
                condition=Q(catch_up_at__isnull=False),
                name="conversation_catch_up_due",
            ),
            models.Index(
                fields=["tenant", "stopped_at"],
                condition=Q(stopped_at__isnull=False, purged_at__isnull=True),
                name="conversation_to_purge",
            ),
            # For people who look for one (see admin.searching), and for the home page.
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=WAITING_STATUSES),
                name="conversation_waiting",
            ),
            models.Index(
                fields=["remote_id"], condition=~Q(remote_id=""), name="conversation_find_ticket"
            ),
            models.Index(
                fields=["bot_conversation_id"],
                condition=~Q(bot_conversation_id=""),
                name="conversation_find_bots_id",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.id

    @property
    def is_open(self) -> bool:
        """Whether the session still runs."""
        return self.status in OPEN_STATUSES


class ConversationTag(models.Model):
    """A tag on a conversation: the bot's own mapping data."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="tags")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=TAG_NAME_LENGTH)
    value = models.CharField(max_length=TAG_VALUE_LENGTH)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "name"], name="conversation_tag_once")
        ]
        indexes = [
            models.Index(fields=["bot", "name", "value"], name="conversation_tag_lookup"),
            models.Index(fields=["value"], name="conversation_tag_value"),
        ]

    def __str__(self) -> str:
        return f"{self.name}={self.value}"
