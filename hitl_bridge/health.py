"""How the other side is: breakers, holds and the status that operators see.

A breaker opens after failures in a row; until `hold_until` nothing is sent. Then one caller
wins the right to probe by moving `hold_until` on; success closes the breaker. A rate limit holds
all callers in the same way, but says itself when it is over: nobody needs to probe then.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet
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
# Who waits comes back at random within so many seconds after the hold, lest a thousand come at
# once: the first of them probes, and its success calls all the others. Who has just failed comes
# last, so that a message which alone fails does not keep the others waiting.
AFTER_A_LIMIT, AFTER_A_PROBE = 1.0, 30.0


def hold_until(target: Installation | Bot) -> datetime | None:
    """When to look again; None: nothing holds it, or somebody must probe now."""
    held = target.hold_until
    return _with_spread(target, held) if held and held > timezone.now() else None


def probe(target: Installation | Bot) -> datetime | None:
    """Ask to try a target that nothing holds: None, or when to look again, since somebody else
    tries whether it is back."""
    held, until = target.hold_until, timezone.now() + PROBE
    if held is None or target.failures < OPENS_AFTER:
        return None
    if _row(target).filter(hold_until=held).update(hold_until=until):
        target.hold_until = None  # for the rest of this attempt
        return None
    return _with_spread(target, until)


def _with_spread(target: Installation | Bot, held: datetime) -> datetime:
    spread = AFTER_A_PROBE if target.failures >= OPENS_AFTER else AFTER_A_LIMIT
    return held + timedelta(seconds=random.random() * spread)  # noqa: S311 - no secret


def succeeded(target: Installation | Bot) -> bool:
    """The target took something: close its breaker, note when. True if the breaker was open."""
    now = timezone.now()
    seen = "last_sent_at" if isinstance(target, Installation) else "last_delivered_at"
    last = getattr(target, seen)
    if target.failures or target.hold_until or last is None or now - last > QUIET:
        changes: dict[str, object] = {seen: now, "failures": 0, "hold_until": None}
        if isinstance(target, Installation):
            changes["hold_reason"] = ""
        _row(target).update(**changes)
    return target.failures >= OPENS_AFTER


def failed(target: Installation | Bot, error: ProviderError) -> datetime | None:
    """The target did not take something: count it if it says something about the target.

    Returns when whoever tried it should try again, if because of that nobody may now.
    """
    now = timezone.now()
    if isinstance(error, RateLimited):
        until = now + timedelta(seconds=error.retry_after or 10)
        _row(target).update(**_hold(target, until, error))
        return until
    if isinstance(error, Unavailable | OutcomeUnknown):
        return _count(target, error, now)
    if isinstance(target, Installation) and isinstance(error, Reconnect | Misconfigured):
        needs_help(target, error)
    return None


def _count(target: Installation | Bot, error: ProviderError, now: datetime) -> datetime | None:
    """One more failure. `target` is as it was when the attempt began: many may fail at once,
    but one alone got through to a target whose breaker was open."""
    rows, probed = _row(target), target.failures
    if probed >= OPENS_AFTER:
        until = now + min(FIRST_HOLD * 2 ** min(probed + 1 - OPENS_AFTER, 10), LONGEST_HOLD)
        hold = _hold(target, until, error)
        opened = rows.filter(failures=probed).update(failures=probed + 1, **hold)
    else:
        until = now + FIRST_HOLD
        counted = rows.filter(failures__lt=OPENS_AFTER).update(
            failures=F("failures") + 1, last_error=error.detail[:300]
        )
        # Not counted: others have opened it while we waited for an answer.
        opened = not counted or rows.filter(failures=OPENS_AFTER).update(
            **_hold(target, until, error)
        )
    return until + timedelta(seconds=AFTER_A_PROBE) if opened else None


def _hold(target: Installation | Bot, until: datetime, error: ProviderError) -> dict[str, object]:
    changes: dict[str, object] = {"hold_until": until, "last_error": error.detail[:300]}
    if isinstance(target, Installation):
        changes["hold_reason"] = error.detail[:200]
    return changes


def _row(target: Installation | Bot) -> QuerySet[Any]:
    return type(target)._default_manager.filter(pk=target.pk)


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
