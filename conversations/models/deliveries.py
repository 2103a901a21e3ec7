"""The delivery engine's rows: lanes, deliveries, attempts (docs/architecture.md)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from conversations.models.conversations import Conversation
from conversations.models.messages import Event, Message
from hitl_bridge.models import Bot, Installation, Tenant


class LaneKind(models.TextChoices):
    """The three ways through a conversation; each is strictly in order, none blocks another."""

    PROVIDER = "provider", "To the help desk"
    INBOUND = "inbound", "From the help desk"
    BOT = "bot", "To the bot"


def lane_id(conversation_id: str, kind: str) -> str:
    """A lane's id follows from its conversation, so that nobody needs to look it up."""
    return f"{conversation_id}:{kind}"


class Lane(models.Model):
    """A conversation's queue in one direction, worked by one worker at a time.

    `due_at` is when there is next something to do, empty when idle: the sweep finds work by
    it, and a wake-up is sent only when it goes from empty to now. `version` counts each
    arrival, so that a worker that goes idle can't miss one (compare and swap). The lease
    survives the death of its holder: when it is over, the next worker takes the lane.
    `stuck_since` is since when what is first in it does not get through, see flows.delays.
    """

    id = models.CharField(primary_key=True, max_length=48, editable=False)  # see `lane_id`
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="lanes")
    kind = models.CharField(max_length=10, choices=LaneKind.choices)
    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="+")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="+")
    due_at = models.DateTimeField(null=True)
    version = models.PositiveBigIntegerField(default=0)
    lease_owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True)
    stuck_since = models.DateTimeField(null=True)
    delay_told = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=LaneKind.values), name="lane_kind_valid"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="lane_due"),
            models.Index(
                fields=["installation", "lease_until"],
                condition=Q(lease_until__isnull=False),
                name="lane_leased",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} lane of {self.conversation_id}"


class DeliveryKind(models.TextChoices):
    """What is to be carried out."""

    OPEN = "open", "Open the ticket"
    MESSAGE = "message", "Send a message to the help desk"
    CLOSE = "close", "Close the ticket"
    TELL_AGENT = "tellAgent", "Tell the agent something"
    RECEIVE = "receive", "Take in what the help desk sent"
    CATCH_UP = "catchUp", "Ask the help desk what was missed"
    EVENT = "event", "Tell the bot"


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "pending", "Waiting"
    SENDING = "sending", "Being carried out"
    DONE = "done", "Carried out"
    DEAD = "dead", "Could not be carried out"
    DROPPED = "dropped", "Dropped"


UNFINISHED = (DeliveryState.PENDING, DeliveryState.SENDING)


class Delivery(models.Model):
    """One thing to carry out, in its lane's order (by id)."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    lane = models.ForeignKey(Lane, on_delete=models.CASCADE, related_name="deliveries")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="deliveries"
    )
    kind = models.CharField(max_length=10, choices=DeliveryKind.choices)
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    event = models.ForeignKey(
        Event, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    payload = models.JSONField(default=dict, blank=True)
    state = models.CharField(
        max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    next_attempt_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)  # of the latest attempt
    attempt_count = models.PositiveIntegerField(default=0)
    # How many of them were made before an operator tried it again: the schedule begins anew.
    attempts_before = models.PositiveIntegerField(default=0)
    crash_count = models.PositiveIntegerField(default=0)  # attempts whose worker died
    progress = models.JSONField(default=dict, blank=True)  # the journal: step -> result
    doubtful_since = models.DateTimeField(null=True, blank=True)  # outcome unknown: look first
    repeated_in_doubt = models.BooleanField(default=False)  # could not be looked up, sent again
    error_kind = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="delivery_state_valid"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=DeliveryKind.values), name="delivery_kind_valid"
            ),
            models.UniqueConstraint(
                fields=["event"], condition=Q(event__isnull=False), name="event_delivered_once"
            ),
            models.UniqueConstraint(
                fields=["message"],
                condition=Q(message__isnull=False),
                name="message_delivered_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lane", "id"], condition=Q(state__in=UNFINISHED), name="delivery_unfinished"
            ),
            models.Index(fields=["tenant", "-id"], condition=Q(state="dead"), name="delivery_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Outcome(models.TextChoices):
    """How an attempt ended."""

    RUNNING = "running", "Not known yet"
    DONE = "done", "Carried out"
    FOUND = "found", "Had been carried out before"
    RETRY = "retry", "To be repeated"
    UNKNOWN = "unknown", "Outcome unknown"
    CRASHED = "crashed", "The worker died"
    HELD = "held", "The installation must be mended first"
    DEAD = "dead", "Never possible"


class Attempt(models.Model):
    """One try at a delivery; counted before it is made, so that a crash leaves a trace."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    status_code = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["delivery", "number"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="attempt_outcome_valid"
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} at {self.delivery_id}"
