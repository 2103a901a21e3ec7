"""Telling operators of trouble: what to tell is rows, so that no crash loses it or says it twice.

`note` is handed all troubles there are and keeps the alerts so that they say the same: one is told
when it opens, daily while it lasts, and when it is over. `send_due` sends what is to be told. Any
number of workers may call both: unique keys and conditional updates decide who makes what.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from hitl_bridge.alert_sending import NotSent, destination, send
from hitl_bridge.models import Alert, AlertKind, AlertNotice
from hitl_bridge.models.alerts import NoticeAudience, NoticePhase, NoticeState

log = structlog.get_logger(__name__)

# A breaker that opens and closes in turns is one trouble, not many.
SETTLES_IN = timedelta(minutes=2)
REMIND_EVERY = timedelta(days=1)
KEEP_SOLVED = timedelta(days=90)
LEASE = timedelta(minutes=2)  # longer than one notice may take to send
_MINUTE = 60
# Seconds to wait after each try; after the last one the notice is given up: about a day.
WAITS = (10, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, *[60 * _MINUTE] * 24)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that an operator should know of, as it is now."""

    kind: AlertKind
    tenant_id: int
    subject_type: str  # installation or bot
    subject_id: str
    label: str
    count: int = 1

    @property
    def key(self) -> tuple[str, str, str]:
        """No two alerts of the same are open at a time."""
        return str(self.kind), self.subject_type, self.subject_id


def note(troubles: Iterable[Trouble]) -> None:
    """Open, keep and solve alerts so that they say what is."""
    now = timezone.now()
    found = {trouble.key: trouble for trouble in troubles}
    known = {
        (alert.kind, alert.subject_type, alert.subject_id): alert
        for alert in Alert.objects.filter(solved_at=None)
    }
    for key, trouble in found.items():
        alert = known.get(key)
        if alert is None:
            _open(trouble)
        else:
            _keep(alert, trouble, now)
    for key, alert in known.items():
        if key not in found:
            _settle(alert, now)


def send_due(limit: int = 20) -> int:
    """Send the notices that are due; returns how many were tried."""
    due = AlertNotice.objects.filter(
        state=NoticeState.PENDING, next_attempt_at__lte=timezone.now()
    ).select_related("alert__tenant")[:limit]
    tried = 0
    for notice in due:
        claimed = AlertNotice.objects.filter(
            pk=notice.pk, state=NoticeState.PENDING, next_attempt_at=notice.next_attempt_at
        ).update(next_attempt_at=timezone.now() + LEASE, attempts=notice.attempts + 1)
        if claimed:
            notice.attempts += 1
            _send(notice)
            tried += 1
    return tried


def forget_old() -> None:
    """Delete what was solved long ago."""
    Alert.objects.filter(solved_at__lt=timezone.now() - KEEP_SOLVED).delete()


def _open(trouble: Trouble) -> None:
    try:
        with transaction.atomic():
            alert = Alert.objects.create(
                tenant_id=trouble.tenant_id,
                kind=trouble.kind,
                subject_type=trouble.subject_type,
                subject_id=trouble.subject_id,
                subject_label=trouble.label[:200],
                count=trouble.count,
            )
            _tell(alert, NoticePhase.OPENED)
    except IntegrityError:
        return  # another worker has opened it in this moment, or its tenant has gone
    log.warning("alert_opened", kind=alert.kind, alert_id=alert.pk, tenant_id=alert.tenant_id)


def _keep(alert: Alert, trouble: Trouble, now: datetime) -> None:
    rows = Alert.objects.filter(pk=alert.pk, solved_at=None)
    if alert.clear_since is not None or alert.count != trouble.count:
        rows.update(clear_since=None, count=trouble.count)
        alert.count = trouble.count
    if now - alert.told_at < REMIND_EVERY:
        return
    with transaction.atomic():
        if rows.filter(told_at=alert.told_at).update(told_at=now):
            _tell(alert, NoticePhase.REMINDER)


def _settle(alert: Alert, now: datetime) -> None:
    """It is not seen any more: over, if that lasts."""
    rows = Alert.objects.filter(pk=alert.pk, solved_at=None)
    if alert.clear_since is None:
        rows.filter(clear_since=None).update(clear_since=now)
    elif now - alert.clear_since >= SETTLES_IN:
        with transaction.atomic():
            if rows.filter(clear_since=alert.clear_since).update(solved_at=now):
                _tell(alert, NoticePhase.SOLVED)


def _tell(alert: Alert, phase: NoticePhase) -> None:
    """A notice for each way that somebody has asked to be told."""
    AlertNotice.objects.bulk_create(
        AlertNotice(alert=alert, phase=phase, channel=channel, audience=audience)
        for audience in NoticeAudience
        for channel in destination(audience, alert.tenant).channels
    )


def _send(notice: AlertNotice) -> None:
    now = timezone.now()
    try:
        send(notice)
    except NotSent as error:
        over = notice.attempts > len(WAITS)
        wait = 0 if over else WAITS[notice.attempts - 1]
        changes = {
            "state": NoticeState.FAILED if over else NoticeState.PENDING,
            "next_attempt_at": now + timedelta(seconds=wait),
            "error": str(error)[:200],
        }
        log.warning("alert_not_sent", notice_id=notice.pk, channel=notice.channel, over=over)
    else:
        changes = {"state": NoticeState.SENT, "sent_at": now, "error": ""}
    AlertNotice.objects.filter(pk=notice.pk).update(**changes)
