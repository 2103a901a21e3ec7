from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

import providers
from hitl_bridge.encryption import EncryptedJSONField, EncryptedTextField
from hitl_bridge.ids import MAX_LENGTH, new_id, new_token
from hitl_bridge.models.bots import Bot
from hitl_bridge.models.tenants import SLUG, Tenant


def installation_id() -> str:
    return new_id("inst")


def provider_choices() -> list[tuple[str, str]]:
    """A callable, so that a new help desk needs no migration."""
    return providers.choices()


class App(models.Model):
    """OAuth client credentials that several installations share, and their webhook address."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="apps")
    slug = models.CharField(max_length=63, validators=[SLUG])
    provider = models.CharField(max_length=30, choices=provider_choices)
    credentials = EncryptedJSONField()
    settings = models.JSONField(default=dict, blank=True)
    webhook_token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords(excluded_fields=["credentials", "webhook_token"])

    class Meta:
        ordering = ["tenant", "slug"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="app_slug_in_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.slug} ({self.provider})"

    @property
    def webhook_url(self) -> str:
        """The address that all accounts of this app send to."""
        return f"{settings.PUBLIC_URL}/webhooks/{self.provider}/app/{self.webhook_token}"


class InstallationStatus(models.TextChoices):
    """Whether deliveries flow, and if not, who must act."""

    NEW = "new", "Not connected yet"
    ACTIVE = "active", "Connected"
    RECONNECT = "reconnect", "Connect again"
    CONFIG = "config", "Needs mending"
    PAUSED = "paused", "Paused by an operator"
    DISABLED = "disabled", "Disabled"


class Installation(models.Model):
    """One bot's connection to one help desk account."""

    id = models.CharField(
        primary_key=True, max_length=MAX_LENGTH, default=installation_id, editable=False
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="installations")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="installations")
    app = models.ForeignKey(
        App,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="installations",
        help_text="Client credentials shared with other installations.",
    )
    slug = models.CharField(max_length=63, validators=[SLUG])
    provider = models.CharField(max_length=30, choices=provider_choices, verbose_name="help desk")
    settings = models.JSONField(default=dict, blank=True)
    credentials = EncryptedJSONField()
    options = models.JSONField(default=dict, blank=True)  # session behaviour: time-outs, texts
    api_base_url = models.URLField(
        max_length=300,
        blank=True,
        help_text="Replaces the vendor's API host: a sandbox or a proxy.",
    )
    auth_base_url = models.URLField(
        max_length=300, blank=True, help_text="Likewise for the host where accounts live."
    )
    webhook_token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    bot_token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    # What the vendor's side looks like: routes app-level webhooks, filled by `check`.
    account_id = models.CharField(max_length=100, blank=True, editable=False)
    account_name = models.CharField(max_length=200, blank=True, editable=False)
    state = EncryptedJSONField(editable=False)  # what the adapter's `register` stored
    status = models.CharField(
        max_length=20, choices=InstallationStatus.choices, default=InstallationStatus.NEW
    )
    status_reason = models.CharField(max_length=300, blank=True, editable=False)
    status_field = models.CharField(max_length=60, blank=True, editable=False)
    # When to check the connection and register at the help desk next; see provisioning.
    provision_at = models.DateTimeField(null=True, blank=True, editable=False, default=timezone.now)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_received_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The breaker: failures in a row, and until when nothing is sent (also set by rate limits).
    failures = models.PositiveIntegerField(default=0, editable=False)
    hold_until = models.DateTimeField(null=True, blank=True, editable=False)
    hold_reason = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords(
        excluded_fields=[
            "credentials",
            "webhook_token",
            "bot_token",
            "state",
            "provision_at",
            "checked_at",
            "last_sent_at",
            "last_received_at",
            "last_error",
            "last_error_at",
            "failures",
            "hold_until",
            "hold_reason",
        ]
    )

    class Meta:
        ordering = ["tenant", "bot", "slug"]
        constraints = [
            models.UniqueConstraint(fields=["bot", "slug"], name="installation_slug_in_bot"),
            models.CheckConstraint(
                condition=Q(status__in=InstallationStatus.values), name="installation_status_valid"
            ),
        ]
        indexes = [
            models.Index(fields=["app", "account_id"], name="installation_by_account"),
            models.Index(
                fields=["provision_at"],
                condition=Q(provision_at__isnull=False),
                name="installation_provision_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slug} ({self.provider})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The tenant is the bot's: it is stored so that every query can start from it."""
        self.tenant_id = self.bot.tenant_id
        super().save(*args, **kwargs)

    @property
    def delivering(self) -> bool:
        """Whether deliveries to the help desk may be attempted."""
        return self.status in (InstallationStatus.ACTIVE, InstallationStatus.NEW)

    @property
    def enabled(self) -> bool:
        """Whether new sessions may start: a paused or broken installation still queues."""
        return self.status != InstallationStatus.DISABLED

    @property
    def webhook_url(self) -> str:
        """Where this one account's webhooks go."""
        return f"{settings.PUBLIC_URL}/webhooks/{self.provider}/{self.webhook_token}"

    @property
    def botpress_url(self) -> str:
        """The one address to paste into Botpress."""
        return f"{settings.PUBLIC_URL}/botpress/{self.bot_token}"

    def merged_credentials(self) -> dict[str, str]:
        """The app's credentials with the installation's own on top."""
        shared = self.app.credentials if self.app else {}
        return {**shared, **{key: value for key, value in self.credentials.items() if value}}

    def merged_settings(self) -> dict[str, str]:
        """Likewise for settings."""
        shared = self.app.settings if self.app else {}
        return {**shared, **{key: value for key, value in self.settings.items() if value != ""}}


class OAuthToken(models.Model):
    """An installation's tokens; refreshed under the lease in this row (see hitl_bridge.tokens)."""

    installation = models.OneToOneField(
        Installation, on_delete=models.CASCADE, related_name="token"
    )
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    obtained_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: does not expire.")
    version = models.PositiveIntegerField(default=0)  # every stored grant counts one up
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=40, blank=True)
    details = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"token of {self.installation_id}"
