from __future__ import annotations

from django.db import models
from django.db.models import Q

from hitl_bridge.encryption import EncryptedTextField
from hitl_bridge.models import App, Bot, Installation


class ReceiptState(models.TextChoices):
    """What became of a webhook."""

    STORED = "stored", "Stored, not applied yet"
    APPLIED = "applied", "Applied"
    IGNORED = "ignored", "Nothing in it for us"
    FAILED = "failed", "Could not be applied"


class Receipt(models.Model):
    """A verified webhook as it arrived; only its repeats are dropped, by its key."""

    installation = models.ForeignKey(
        Installation, on_delete=models.CASCADE, null=True, blank=True, related_name="receipts"
    )
    app = models.ForeignKey(
        App, on_delete=models.CASCADE, null=True, blank=True, related_name="receipts"
    )
    key = models.CharField(max_length=200)  # the vendor's id of the webhook, or the body's hash
    # Encrypted: some vendors put the shared secret into the body. Emptied by retention.
    body = EncryptedTextField(blank=True)
    state = models.CharField(
        max_length=10, choices=ReceiptState.choices, default=ReceiptState.STORED
    )
    event_count = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)  # when to apply it (again), if it waits
    error = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["installation", "key"],
                condition=Q(installation__isnull=False),
                name="receipt_once_per_installation",
            ),
            models.UniqueConstraint(
                fields=["app", "key"], condition=Q(app__isnull=False), name="receipt_once_per_app"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ReceiptState.values), name="receipt_state_valid"
            ),
            models.CheckConstraint(
                condition=Q(installation__isnull=False) ^ Q(app__isnull=False),
                name="receipt_has_one_owner",
            ),
        ]
        indexes = [
            models.Index(
                fields=["retry_at"], condition=Q(retry_at__isnull=False), name="receipt_waiting"
            ),
            models.Index(fields=["received_at"], name="receipt_by_age"),
        ]

    def __str__(self) -> str:
        return f"receipt {self.pk}"


class UnmatchedEvent(models.Model):
    """What a help desk told about a ticket whose id we are just about to learn.

    A webhook can overtake the answer to the call that opened its ticket. While an installation
    has tickets being opened, events for unknown tickets wait here, for minutes, and are taken
    in when their ticket is known. All others are acknowledged and dropped.
    """

    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="+")
    remote_id = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    event = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["installation", "remote_id", "key"], name="unmatched_event_once"
            )
        ]

    def __str__(self) -> str:
        return f"unmatched event {self.pk}"


class IdempotentRequest(models.Model):
    """The answer to a POST with an Idempotency-Key, for whoever repeats it."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # of method, path and body
    status = models.PositiveIntegerField(null=True)
    response = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bot", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"request {self.pk}"


class WorkerHeartbeat(models.Model):
    """When each worker process last said that it is alive."""

    name = models.CharField(primary_key=True, max_length=100)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
