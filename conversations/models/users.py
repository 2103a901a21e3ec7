from __future__ import annotations

from django.db import models
from django.db.models import Q

from hitl_bridge.encryption import EncryptedJSONField
from hitl_bridge.ids import MAX_LENGTH, new_id
from hitl_bridge.models import Bot, Installation, Tenant

TAG_NAME_LENGTH = 64
TAG_VALUE_LENGTH = 300


def user_id() -> str:
    return new_id("user")


class UserKind(models.TextChoices):
    """Which side of the conversation somebody is on."""

    END_USER = "user", "End user"
    AGENT = "agent", "Agent"


# An end user of whom anything is known yet; retention empties these columns.
KNOWN_CUSTOMER = Q(kind="user") & ~Q(name="", email="", phone="", picture_url="")


class User(models.Model):
    """An end user of a bot, or an agent of a help desk, as the HITL interface has it."""

    id = models.CharField(primary_key=True, max_length=MAX_LENGTH, default=user_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="users")
    installation = models.ForeignKey(
        Installation,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="users",
        help_text="For an agent: where they work. For an end user: where they were created for.",
    )
    kind = models.CharField(max_length=10, choices=UserKind.choices, default=UserKind.END_USER)
    external_id = models.CharField(
        max_length=200,
        blank=True,
        help_text="The bot's id of an end user, the help desk's of an agent.",
    )
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=320, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    picture_url = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["bot", "external_id"],
                condition=Q(kind="user") & ~Q(external_id=""),
                name="user_external_id_in_bot",
            ),
            models.UniqueConstraint(
                fields=["installation", "external_id"],
                condition=Q(kind="agent"),
                name="agent_external_id_in_installation",
            ),
            models.CheckConstraint(condition=Q(kind__in=UserKind.values), name="user_kind_valid"),
        ]
        indexes = [
            models.Index(fields=["tenant", "email"], name="user_by_email"),
            models.Index(fields=["tenant", "phone"], name="user_by_phone"),
            models.Index(fields=["external_id"], name="user_by_external_id"),
            models.Index(
                fields=["tenant", "updated_at"], condition=KNOWN_CUSTOMER, name="user_to_purge"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.id


class UserTag(models.Model):
    """A tag on a user: the bot's own mapping data."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tags")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=TAG_NAME_LENGTH)
    value = models.CharField(max_length=TAG_VALUE_LENGTH)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="user_tag_once")]
        indexes = [
            models.Index(fields=["bot", "name", "value"], name="user_tag_lookup"),
            models.Index(fields=["value"], name="user_tag_value"),
        ]

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class Contact(models.Model):
    """An end user's identity in one help desk account: whatever the adapter keeps of it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="contacts")
    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="+")
    data = EncryptedJSONField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "installation"], name="contact_once")
        ]

    def __str__(self) -> str:
        return f"contact of {self.user_id}"
