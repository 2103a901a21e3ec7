from __future__ import annotations

from django.db import models
from django.db.models import Q

from conversations.models.conversations import Conversation
from conversations.models.users import User
from hitl_bridge.ids import MAX_LENGTH
from hitl_bridge.models import Installation

DOWNSTREAM_ID_LENGTH = 200


class BotpressConnection(models.Model):
    """One installation as Botpress uses it. Whose call belongs to which session is decided
    under a lock of this row, so that two calls at once never decide on half the facts."""

    installation = models.OneToOneField(
        Installation, on_delete=models.CASCADE, primary_key=True, related_name="botpress"
    )
    pinged_at = models.DateTimeField(null=True)  # Botpress saved its configuration
    handed_over_at = models.DateTimeField(null=True)  # the latest handoff

    def __str__(self) -> str:
        return f"Botpress at {self.installation_id}"


class Binding(models.TextChoices):
    """How a session's user is known: Botpress does not say it when it opens the session."""

    UNKNOWN = "unknown", "Not known yet"
    GUESSED = "guessed", "The only user announced just before"
    TOLD = "told", "Named in the handoff"
    SEEN = "seen", "Wrote a message"


class BotpressSession(models.Model):
    """What Botpress knows a conversation by, and what was seen of it."""

    conversation = models.OneToOneField(
        Conversation, on_delete=models.CASCADE, primary_key=True, related_name="botpress"
    )
    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="+")
    binding = models.CharField(max_length=10, choices=Binding.choices, default=Binding.UNKNOWN)
    # Who it turned out to be; where that came too late, the ticket stands under another user.
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    botpress_user_id = models.CharField(max_length=200, blank=True)  # as the handoff named it
    answered_at = models.DateTimeField()  # createRemoteConversation
    first_message_at = models.DateTimeField(null=True)  # the first botSendsMessage
    ending_notice_at = models.DateTimeField(null=True)  # the bot said that it is ending
    closed_at = models.DateTimeField(null=True)  # closeRemoteTicket ended it (or found it ended)
    downstream_id = models.CharField(max_length=DOWNSTREAM_ID_LENGTH, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(binding__in=Binding.values), name="botpress_binding_valid"
            ),
        ]
        indexes = [
            models.Index(fields=["installation", "answered_at"], name="botpress_session_by_time"),
            models.Index(
                fields=["installation"],
                condition=Q(closed_at__isnull=True),
                name="botpress_session_not_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"Botpress session {self.conversation_id}"


class BotpressArrival(models.Model):
    """A user whom Botpress announced; a session is likely to follow within seconds."""

    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    session = models.ForeignKey(
        BotpressSession, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["installation", "user"], name="botpress_arrival_once")
        ]
        indexes = [models.Index(fields=["installation", "at"], name="botpress_arrival_by_time")]

    def __str__(self) -> str:
        return f"arrival of {self.user_id}"


class CloseState(models.TextChoices):
    """What became of a closeRemoteTicket."""

    PENDING = "pending", "Not known yet whose it is"
    RESOLVED = "resolved", "Ended its session"
    UNRESOLVED = "unresolved", "Could not be told whose it was"


class BotpressClose(models.Model):
    """A closeRemoteTicket: it names a Botpress id that nobody told us before."""

    id: int
    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="+")
    downstream_id = models.CharField(max_length=DOWNSTREAM_ID_LENGTH)
    state = models.CharField(
        max_length=MAX_LENGTH, choices=CloseState.choices, default=CloseState.PENDING
    )
    session = models.ForeignKey(
        BotpressSession, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    received_at = models.DateTimeField()
    deadline = models.DateTimeField()  # until then it waits to be told apart
    due_at = models.DateTimeField(null=True)  # when a worker looks at it next
    asked_count = models.PositiveIntegerField(default=0)  # look-ups at Botpress

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["installation", "downstream_id"], name="botpress_close_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=CloseState.values), name="botpress_close_state_valid"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="botpress_close_due"
            ),
        ]

    def __str__(self) -> str:
        return f"close {self.pk}"
