"""Looking for what operators must know of: see `hitl_bridge.alerts`."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Q

from conversations.models import Delivery, DeliveryState
from hitl_bridge import alerts
from hitl_bridge.alerts import Trouble
from hitl_bridge.health import OPENS_AFTER
from hitl_bridge.models import AlertKind, Bot, Installation, InstallationStatus

BROKEN: dict[str, AlertKind] = {
    InstallationStatus.RECONNECT: AlertKind.RECONNECT,
    InstallationStatus.CONFIG: AlertKind.CONFIG,
}


def run_due() -> None:
    """Look, note, and send what is to be told."""
    alerts.note([*_installations(), *_bots(), *_dead_letters()])
    alerts.send_due()


# Plain columns: whole rows would cost the decryption of their secrets.
def _installations() -> Iterator[Trouble]:
    sending = (InstallationStatus.ACTIVE, InstallationStatus.NEW)
    away = Q(status__in=sending, failures__gte=OPENS_AFTER)
    rows = Installation.objects.filter(away | Q(status__in=BROKEN), bot__enabled=True)
    for row in rows.values("id", "slug", "tenant_id", "bot__tenant__slug", "bot__slug", "status"):
        yield Trouble(
            kind=BROKEN.get(row["status"], AlertKind.DESK_AWAY),
            tenant_id=row["tenant_id"],
            subject_type="installation",
            subject_id=row["id"],
            label=f"{row['bot__tenant__slug']}/{row['bot__slug']}/{row['slug']}",
        )


def _bots() -> Iterator[Trouble]:
    away = Q(failures__gte=OPENS_AFTER) | ~Q(callback_disabled_reason="")
    rows = Bot.objects.filter(away, enabled=True)
    columns = ("id", "slug", "tenant_id", "tenant__slug", "callback_disabled_reason")
    for row in rows.values(*columns):
        off = bool(row["callback_disabled_reason"])
        yield Trouble(
            kind=AlertKind.CALLBACKS_OFF if off else AlertKind.BOT_AWAY,
            tenant_id=row["tenant_id"],
            subject_type="bot",
            subject_id=str(row["id"]),
            label=f"{row['tenant__slug']}/{row['slug']}",
        )


def _dead_letters() -> Iterator[Trouble]:
    owner = "conversation__installation"
    rows = (
        Delivery.objects.filter(state=DeliveryState.DEAD)
        .values("tenant_id", "tenant__slug", f"{owner}_id", f"{owner}__slug", f"{owner}__bot__slug")
        .annotate(count=Count("id"))
        .order_by()
    )
    for row in rows:
        yield Trouble(
            kind=AlertKind.DEAD_LETTERS,
            tenant_id=row["tenant_id"],
            subject_type="installation",
            subject_id=row[f"{owner}_id"],
            label=f"{row['tenant__slug']}/{row[f'{owner}__bot__slug']}/{row[f'{owner}__slug']}",
            count=row["count"],
        )
