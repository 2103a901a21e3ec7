"""The audit log: `record` adds who did what to what, from where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from hitl_bridge import callers
from hitl_bridge.fields import SecretField
from hitl_bridge.models import AuditEntry, Membership, Tenant
from hitl_bridge.models.audit import AuditAction

MASKED = "[hidden]"
CHANGED = "changed"
LONGEST = 300  # characters of one detail

# A name that ends so holds a secret or what somebody wrote; config.logs hides the same.
_SENSITIVE = re.compile(
    r"(?:^|[_\-. ]|(?<=[a-z])(?=[A-Z]))"
    r"(?i:authorization|cookie|token|secret|signature|password|credential|key|text|body|payload)s?$"
)

Who = HttpRequest | AbstractBaseUser | AnonymousUser | str


def record(by: Who, action: AuditAction, target: models.Model, /, **details: Any) -> AuditEntry:
    """Add an entry: `by` is a request, an account, or the name of a command.

    Call it in the transaction of what it tells of, so that neither is without the other. Details
    are plain values; those whose name says secret or text are masked.
    """
    actor, ip = _actor(by)
    name = by if isinstance(by, str) else str(actor or "nobody")
    return AuditEntry.objects.create(
        tenant_id=_tenant_id(target),
        actor=actor,
        actor_name=name[:150],
        action=action,
        target_type=target._meta.label_lower,
        target_id=str(target.pk)[:64],
        target_label=_label(target),
        details=_mask("", details),
        ip=ip,
    )


def record_reading(request: HttpRequest, target: models.Model, /, **details: Any) -> None:
    """Add that somebody reads something personal; a page that refreshes itself is read on.

    That is no way around the log: only who is in it with this very thing in the last hour reads on.
    """
    lately = AuditEntry.objects.filter(
        target_type=target._meta.label_lower,
        target_id=str(target.pk)[:64],
        actor_id=request.user.pk,
        action=AuditAction.READ,
        at__gte=timezone.now() - timedelta(hours=1),
    )
    if not (refreshes_itself(request) and lately.exists()):
        record(request, AuditAction.READ, target, **details)


def refreshes_itself(request: HttpRequest) -> bool:
    """Whether the page asks, and nobody pressed anything (see admin.js)."""
    return "X-Refresh" in request.headers


def record_login(
    request: HttpRequest | None, action: AuditAction, account: User | None
) -> AuditEntry:
    """Add a login or a failed one; without an account somebody gave a name that there is not.

    That name is not kept: now and then it is a password in the wrong field.
    """
    return AuditEntry.objects.create(
        tenant_id=_only_tenant_of(account) if account else None,
        actor=account,
        actor_name=str(account or "an unknown name")[:150],
        action=action,
        target_type="auth.user",
        target_id=str(account.pk) if account else "",
        target_label=str(account or ""),
        ip=callers.address(request) if request else None,
    )


def _actor(by: Who) -> tuple[Any, str | None]:
    """The account, if there is one, and the address that it acts from."""
    ip = None
    user: Any = by
    if isinstance(by, HttpRequest):
        user, ip = by.user, callers.address(by)
    known = isinstance(user, AbstractBaseUser)
    return (user if known else None), ip


def _tenant_id(target: models.Model) -> int | None:
    """Whose the target is: its own column, its bot's, or itself; a person's if it is only one's."""
    if isinstance(target, Tenant):
        return target.pk
    if isinstance(target, User):
        return _only_tenant_of(target)
    own: int | None = getattr(target, "tenant_id", None)
    if own is None and getattr(target, "bot_id", None) is not None:
        own = target.bot.tenant_id  # type: ignore[attr-defined]  # whatever has a bot
    return own


def _only_tenant_of(account: User) -> int | None:
    tenants = Membership.objects.filter(user=account).values_list("tenant_id", flat=True)[:2]
    return tenants[0] if len(tenants) == 1 else None


def differences(form: Any) -> dict[str, Any]:
    """What a form changes, field by field: [before, after], of secrets only that they changed."""
    found: dict[str, Any] = {}
    for name in form.changed_data:
        field = form.fields.get(name)
        hidden = getattr(getattr(field, "widget", None), "input_type", "") == "password"
        if hidden or isinstance(field, SecretField) or _SENSITIVE.search(name):
            found[name] = CHANGED
        else:
            values = (form.initial.get(name), form.cleaned_data.get(name))
            found[name] = [_shown(value) for value in values]
    return found


def _shown(value: Any) -> Any:
    """A form's value as JSON has it; of rows, what they are called."""
    if isinstance(value, models.QuerySet | list | tuple):
        return [_shown(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _mask(str(key), inner) for key, inner in value.items()}
    return value if isinstance(value, bool | int | float | None) else str(value)[:LONGEST]


def _label(target: models.Model) -> str:
    """What it is called. Conversations and customers by id: their names would outlive them here."""
    if target._meta.app_label == "conversations":
        return f"{target._meta.verbose_name} {target.pk}"[:200]
    return str(target)[:200]


def _mask(name: str, value: Any) -> Any:
    if value not in (None, "", CHANGED) and _SENSITIVE.search(name):
        return MASKED
    if isinstance(value, Mapping):
        return {str(key): _mask(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_mask("", inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else str(value)[:LONGEST]
