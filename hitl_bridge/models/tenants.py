from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from hitl_bridge.encryption import EncryptedTextField

SLUG = RegexValidator(
    r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
    "Use lower-case letters, digits and hyphens; begin and end with a letter or digit.",
)


CONTENT_DAYS, RECEIPT_DAYS, LONGEST_DAYS = 90, 14, 3650


class Tenant(models.Model):
    """A customer organisation; everything belongs to exactly one."""

    slug = models.CharField(
        max_length=63,
        unique=True,
        validators=[SLUG],
        help_text="Short name, used in `apply` files.",
    )
    name = models.CharField(max_length=200, blank=True, help_text="What people call it.")
    # Who is told of trouble (docs/operations.md); the platform's operators are told beside them.
    alert_emails = models.CharField(
        max_length=1000,
        blank=True,
        default="",
        db_default="",
        help_text="E-mail addresses, with commas.",
    )
    alert_webhook_url = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text="Where signed alerts are posted to.",
    )
    alert_webhook_secret = EncryptedTextField(
        blank=True, default="", db_default="", help_text="Signs the alerts (Standard Webhooks)."
    )
    # Retention (docs/operators/privacy.md); empty keeps for ever.
    content_days = models.PositiveIntegerField(
        "keep contents for days",
        null=True,
        blank=True,
        default=CONTENT_DAYS,
        db_default=CONTENT_DAYS,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)],
        help_text="What was said, files, tags and people's data go so long after a session ended. "
        "Empty: never.",
    )
    receipt_days = models.PositiveIntegerField(
        "keep webhooks for days",
        null=True,
        blank=True,
        default=RECEIPT_DAYS,
        db_default=RECEIPT_DAYS,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)],
        help_text="Webhooks as they arrived go after so long. Empty: never.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        permissions = [("reach_every_tenant", "Can reach every tenant (platform operators)")]

    def __str__(self) -> str:
        return self.name or self.slug

    @property
    def alert_addresses(self) -> list[str]:
        """The e-mail addresses, one by one."""
        return [entry.strip() for entry in self.alert_emails.split(",") if entry.strip()]
