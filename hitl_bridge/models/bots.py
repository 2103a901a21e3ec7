from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from hitl_bridge.encryption import EncryptedTextField
from hitl_bridge.models.tenants import SLUG, Tenant

KEY_PREFIX_LENGTH = 12


class Connector(models.TextChoices):
    """How a bot is told of events."""

    CALLBACK = "callback", "Signed callback"
    BOTPRESS = "botpress", "Botpress (Hub's HITL API integration)"
    FEED = "feed", "Events feed only"


class Bot(models.Model):
    """A chatbot: it calls the API with its keys and is told events through its connector."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="bots")
    slug = models.CharField(max_length=63, validators=[SLUG])
    name = models.CharField(
        max_length=200, blank=True, help_text="What agents see as the bot's name."
    )
    connector = models.CharField(
        max_length=20,
        choices=Connector.choices,
        default=Connector.CALLBACK,
        help_text="How the bot is told what happens. Every bot can read the events feed as well.",
    )
    callback_url = models.URLField(
        max_length=500, blank=True, help_text="Where signed events are posted to."
    )
    callback_secret = EncryptedTextField(
        blank=True, help_text="Signs the callbacks (Standard Webhooks): whsec_ and Base64."
    )
    previous_callback_secret = EncryptedTextField(
        blank=True, help_text="Signs as well while the bot changes over to the new secret."
    )
    callback_disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    botpress_webhook_url = EncryptedTextField(
        blank=True,
        help_text="https://webhook.botpress.cloud/… of the integration; itself a secret.",
    )
    botpress_token = EncryptedTextField(
        blank=True,
        help_text="Optional Botpress personal access token: finds closed tickets exactly.",
    )
    botpress_bot_id = models.CharField(
        max_length=100, blank=True, help_text="Needed with the token."
    )
    enabled = models.BooleanField(default=True, help_text="A disabled bot's keys are refused.")
    # The breaker of the callback address: failures in a row, and until when nothing is sent.
    failures = models.PositiveIntegerField(default=0, editable=False)
    hold_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_delivered_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    # Of the events erased with a person: no position in the feed is dealt out twice.
    feed_floor = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords(
        excluded_fields=[
            "feed_floor",
            "callback_secret",
            "previous_callback_secret",
            "botpress_webhook_url",
            "botpress_token",
            "failures",
            "hold_until",
            "last_delivered_at",
            "last_error",
        ]
    )

    class Meta:
        ordering = ["tenant", "slug"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="bot_slug_in_tenant"),
            models.CheckConstraint(
                condition=Q(connector__in=Connector.values), name="bot_connector_valid"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.slug

    @property
    def is_authenticated(self) -> bool:
        """A bot is who an API request comes from; it has shown its key by then."""
        return True


class ApiKeyScope(models.TextChoices):
    """What a key may be used for."""

    ACTIONS = "actions", "Start, send, stop"
    READ = "read", "Read conversations and users"
    EVENTS = "events", "Read the events feed"


def all_scopes() -> list[str]:
    """A new key may do everything."""
    return list(ApiKeyScope.values)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, now: datetime | None = None) -> ApiKeyQuerySet:
        """Keys that are neither revoked nor expired, of enabled bots."""
        now = now or timezone.now()
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None, bot__enabled=True
        )

    def authenticate(self, key: str) -> ApiKey | None:
        """The usable key whose text this is; one indexed look-up, compared in constant time."""
        hashed = hash_key(key)
        found = self.usable().select_related("bot__tenant").filter(hash=hashed).first()
        return found if found and hmac.compare_digest(found.hash, hashed) else None


class ApiKey(models.Model):
    """A bot's key: the text is shown once, what is stored is its SHA-256 and its first letters."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, help_text="What the key is used for.")
    prefix = models.CharField(max_length=KEY_PREFIX_LENGTH, editable=False)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=all_scopes, help_text="actions, read, events")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiKeyQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["hash", "last_used_at"])

    class Meta:
        ordering = ["bot", "name"]
        verbose_name = "API key"
        constraints = [models.UniqueConstraint(fields=["bot", "name"], name="api_key_name_in_bot")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(cls, bot: Bot, name: str, **fields: Any) -> tuple[ApiKey, str]:
        """A new key and its text, which can't be read again."""
        text = f"hitl_{secrets.token_urlsafe(32)}"
        return cls.objects.create(bot=bot, name=name, **key_columns(text), **fields), text


def hash_key(text: str) -> str:
    """What is stored of a key. Keys are long and random, so a fast hash is enough."""
    return hashlib.sha256(text.encode()).hexdigest()


def key_columns(text: str) -> dict[str, str]:
    """The columns made from a key's text."""
    return {"prefix": text[:KEY_PREFIX_LENGTH], "hash": hash_key(text)}
