"""How the other side is: breakers, holds and the status that operators see.

A breaker opens after failures in a row; until `hold_until` nothing is sent. Then one caller
wins the right to probe by moving `hold_until` on; success closes the breaker. A rate limit holds
all callers in the same way, but says itself when it is over: nobody needs to probe then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from hitl_bridge.models import Bot, Installation, InstallationStatus
from hitl_bridge.signals import installation_needs_help, installation_recovered
from hitl_bridge.tokens import NOT_CONNECTED
from providers.errors import (
    Misconfigured,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Reconnect,
    Unavailable,
)
from providers.types import Account

OPENS_AFTER = 5  # failures in a row
FIRST_HOLD, LONGEST_HOLD = timedelta(seconds=5), timedelta(minutes=5)
PROBE = timedelta(seconds=30)  # how long others wait for the one who probes
QUIET = timedelta(seconds=30)  # "last success" is written at most this often


def hold_until(target: Installation | Bot) -> datetime | None:
    """When the target may be tried again; None: now (and if its breaker is open, by us alone)."""
    held, now = target.hold_until, timezone.now()
    if held is None:
        return None
    if held > now:
        return held
    if target.failures < OPENS_AFTER:
        return None
    manager = type(target)._default_manager
    probing = now + PROBE
    if manager.filter(pk=target.pk, hold_until=held).update(hold_until=probing):
        return None
    return probing


def succeeded(target: Installation | Bot) -> bool:
    """The target took something: close its breaker, note when. True if the breaker was open."""
    now = timezone.now()
    seen = "last_sent_at" if isinstance(target, Installation) else "last_delivered_at"
    last = getattr(target, seen)
    if target.failures or target.hold_until or last is None or now - last > QUIET:
        changes = {seen: now, "failures": 0, "hold_until": None}
        type(target)._default_manager.filter(pk=target.pk).update(**changes)
    return target.failures >= OPENS_AFTER


def failed(target: Installation | Bot, error: ProviderError) -> None:
    """The target did not take something: count it if it says something about the target."""
    manager = type(target)._default_manager.filter(pk=target.pk)
    now = timezone.now()
    if isinstance(error, RateLimited):
        until = now + timedelta(seconds=error.retry_after or 10)
        manager.update(hold_until=until, last_error=error.detail[:300])
    elif isinstance(error, Unavailable | OutcomeUnknown):
        failures = target.failures + 1
        changes: dict[str, object] = {"failures": failures, "last_error": error.detail[:300]}
        if failures >= OPENS_AFTER:
            wait = min(FIRST_HOLD * 2 ** min(failures - OPENS_AFTER, 10), LONGEST_HOLD)
            changes["hold_until"] = now + wait
        manager.update(**changes)
    elif isinstance(target, Installation) and isinstance(error, Reconnect | Misconfigured):
        needs_help(target, error)


def needs_help(installation: Installation, error: ProviderError) -> None:
    """Pause the installation's lanes until an operator has acted, and say so once."""
    status = (
        InstallationStatus.RECONNECT if isinstance(error, Reconnect) else InstallationStatus.CONFIG
    )
    changed = (
        Installation.objects.filter(pk=installation.pk)
        .exclude(status__in=[status, InstallationStatus.DISABLED, InstallationStatus.PAUSED])
        .update(
            status=status,
            status_reason=error.detail[:300],
            status_field=getattr(error, "field", "")[:60],
            last_error=error.detail[:300],
            last_error_at=timezone.now(),
        )
    )
    if changed:
        installation_needs_help.send(Installation, installation=installation, reason=error.detail)


def check_failed(installation: Installation, error: ProviderError) -> None:
    """A test of the connection failed."""
    now = timezone.now()
    Installation.objects.filter(pk=installation.pk).update(
        checked_at=now, last_error=error.detail[:300], last_error_at=now
    )
    # One that awaits its first login is new, not broken.
    new = installation.status == InstallationStatus.NEW and error.code == NOT_CONNECTED
    if isinstance(error, Reconnect | Misconfigured) and not new:
        needs_help(installation, error)


def check_passed(installation: Installation, account: Account) -> None:
    """A test of the connection passed: waiting deliveries may go on."""
    keep = (InstallationStatus.PAUSED, InstallationStatus.DISABLED)
    if installation.status not in keep:
        installation.status = InstallationStatus.ACTIVE
    installation.status_reason = installation.status_field = installation.last_error = ""
    installation.account_id, installation.account_name = account.id, account.name[:200]
    installation.checked_at = timezone.now()
    installation.failures, installation.hold_until, installation.hold_reason = 0, None, ""
    installation.save(
        update_fields=[
            "status",
            "status_reason",
            "status_field",
            "last_error",
            "account_id",
            "account_name",
            "checked_at",
            "failures",
            "hold_until",
            "hold_reason",
        ]
    )
    installation_recovered.send(Installation, installation=installation)


def received(installation: Installation) -> None:
    """A valid webhook arrived."""
    now = timezone.now()
    last = installation.last_received_at
    if last is None or now - last > QUIET:
        Installation.objects.filter(pk=installation.pk).update(last_received_at=now)
