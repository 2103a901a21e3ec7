"""What operators are told of trouble: an alert while it lasts, a notice per way to tell of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from hitl_bridge.models.tenants import Tenant


class AlertKind(models.TextChoices):
    """What is wrong; each has a chapter of its name in docs/operations.md."""

    RECONNECT = "reconnect", "Must be connected again"
    CONFIG = "config", "Settings need mending"
    DESK_AWAY = "helpDeskAway", "Help desk out of reach"
    BOT_AWAY = "botAway", "Bot out of reach"
    CALLBACKS_OFF = "callbacksOff", "Callbacks switched off by the bot"
    DEAD_LETTERS = "deadLetters", "Dead letters"


class Alert(models.Model):
    """One trouble of one thing: opened once, solved once, told again daily in between."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=20, choices=AlertKind.choices)
    subject_type = models.CharField(max_length=20)  # installation or bot
    subject_id = models.CharField(max_length=64)
    subject_label = models.CharField(max_length=200)
    count = models.PositiveIntegerField(default=1)  # of dead letters; otherwise 1
    opened_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(default=timezone.now)  # last time that notices were made
    clear_since = models.DateTimeField(null=True, blank=True)  # the trouble has not been seen since
    solved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_type", "subject_id"],
                condition=Q(solved_at__isnull=True),
                name="alert_open_once",
            ),
        ]
        indexes = [models.Index(fields=["solved_at"], name="alert_by_solved")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject_label}"


class NoticePhase(models.TextChoices):
    """What about an alert is told."""

    OPENED = "opened", "It began"
    REMINDER = "reminder", "It goes on"
    SOLVED = "solved", "It is over"


class NoticeChannel(models.TextChoices):
    """How."""

    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class NoticeAudience(models.TextChoices):
    """Whom: the tenant's own operators, or the platform's."""

    TENANT = "tenant", "The tenant"
    PLATFORM = "platform", "The platform"


class NoticeState(models.TextChoices):
    """Whether it has been told."""

    PENDING = "pending", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"


class AlertNotice(models.Model):
    """One e-mail or one webhook about an alert; sent by the workers, tried for about a day."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="notices")
    phase = models.CharField(max_length=10, choices=NoticePhase.choices)
    channel = models.CharField(max_length=10, choices=NoticeChannel.choices)
    audience = models.CharField(max_length=10, choices=NoticeAudience.choices)
    state = models.CharField(
        max_length=10, choices=NoticeState.choices, default=NoticeState.PENDING
    )
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="pending"), name="alert_notice_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} to {self.get_audience_display().lower()}"
