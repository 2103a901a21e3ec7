"""Who of the people that log in may do what for which tenant, and their second login step."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from hitl_bridge.encryption import EncryptedTextField
from hitl_bridge.models.tenants import Tenant


class Role(models.TextChoices):
    """What somebody is for a tenant; a Django group holds each role's permissions."""

    OPERATOR = "operator", "Operator"
    SUPPORT = "support", "Support staff"


class Membership(models.Model):
    """A person's role for one tenant."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name="person",
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=20,
        choices=Role.choices,
        default=Role.SUPPORT,
        help_text="Operators connect help desks and bots and look after the tenant's people; "
        "support staff read conversations.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["tenant", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "tenant"],
                name="membership_once",
                violation_error_message="This person has a role for this tenant already: "
                "change that one.",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_valid"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display().lower()} of {self.tenant}"


class SecondStep(models.Model):
    """An authenticator app that somebody logs in with besides the password (RFC 6238)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_step"
    )
    secret = EncryptedTextField(editable=False)  # Base32, as the app has it
    confirmed_at = models.DateTimeField(null=True, editable=False)  # by a first right code
    last_counter = models.BigIntegerField(default=0, editable=False)  # a code works once
    recovery_hashes = models.JSONField(default=list, editable=False)  # SHA-256 of unused codes

    def __str__(self) -> str:
        return f"second login step of {self.user}"
