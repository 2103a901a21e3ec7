"""Who did what: rows that are only ever added."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.db import connections, models, transaction

from hitl_bridge.models.tenants import Tenant


class AuditAction(models.TextChoices):
    """What was done. A further one needs no migration of data."""

    CHANGED = "changed", "Changed"
    READ = "read", "Read"
    REPLAYED = "replayed", "Tried again"
    DROPPED = "dropped", "Dropped"
    EXPORTED = "exported", "Exported"
    ERASED = "erased", "Erased"
    LOGGED_IN = "loggedIn", "Logged in"
    LOGGED_OUT = "loggedOut", "Logged out"
    LOGIN_FAILED = "loginFailed", "Login failed"


class AppendOnly(Exception):
    """The audit log is only ever added to."""


@contextmanager
def _opened(using: str) -> Iterator[None]:
    """A transaction in which the database's triggers let entries be changed."""
    with transaction.atomic(using=using):
        connection: Any = connections[using]
        if connection.vendor == "sqlite":
            with connection.audit_opened():
                yield
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('hitl_bridge.audit', 'open', true)")
        yield
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('hitl_bridge.audit', '', true)")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Rows to read; what changes them is refused, here and by triggers."""

    def update(self, **_columns: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly

    def delete(self) -> NoReturn:
        """Refused; see `forget`."""
        raise AppendOnly

    def forget(self, before: datetime) -> int:
        """Delete the entries older than that, as a retention rule asks; returns how many."""
        with _opened(self.db):
            return models.QuerySet.delete(self.filter(at__lt=before))[0]

    def redact(self) -> int:
        """Take away what entries say of somebody who has been erased; returns how many."""
        with _opened(self.db):
            return models.QuerySet.update(self, target_label="", details={"erased": True})


class AuditEntry(models.Model):
    """One act of a person or of a command. It outlives its tenant, its actor and its target."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    actor_name = models.CharField(max_length=150)  # as it was then; of a command its name
    action = models.CharField(max_length=20, choices=AuditAction.choices)
    target_type = models.CharField(max_length=60)  # app_label.model
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict, blank=True)  # secrets and texts are masked
    ip = models.GenericIPAddressField(null=True, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_of_tenant"),
            models.Index(fields=["target_type", "target_id"], name="audit_of_target"),
            models.Index(fields=["at"], name="audit_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.get_action_display()} {self.target_label}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add it. Raises AppendOnly if it is there already."""
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly
