"""Logins, failed ones and logouts, as the audit log has them. Imported for its receivers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from hitl_bridge import audit
from hitl_bridge.models import AuditAction


@receiver(user_logged_in, dispatch_uid="hitl_bridge.audit")
def logged_in(request: HttpRequest | None, user: Any, **_: Any) -> None:
    audit.record_login(request, AuditAction.LOGGED_IN, user)


@receiver(user_logged_out, dispatch_uid="hitl_bridge.audit")
def logged_out(request: HttpRequest | None, user: Any, **_: Any) -> None:
    """Also whose session was over already: then nobody is."""
    if user is not None:
        audit.record_login(request, AuditAction.LOGGED_OUT, user)


@receiver(user_login_failed, dispatch_uid="hitl_bridge.audit")
def login_failed(credentials: Any, request: HttpRequest | None = None, **_: Any) -> None:
    """A locked-out caller is refused before this, so the rows are bounded (AXES_FAILURE_LIMIT)."""
    model: Any = get_user_model()
    account = model.objects.filter(username=str(credentials.get("username", ""))).first()
    audit.record_login(request, AuditAction.LOGIN_FAILED, account)
