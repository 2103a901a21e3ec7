"""Bringing what is set up at the help desk in line with what the installation says.

`provision_at` is when that is next to be done. A worker claims it by moving it on, so that two
never register the same channel, and a crash is only a delay.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db.models import QuerySet
from django.utils import timezone

from hitl_bridge import connect
from hitl_bridge.models import Installation, InstallationStatus
from providers.errors import Misconfigured, ProviderError, Reconnect, Retry

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
AGAIN = timedelta(seconds=15)


def request(installations: QuerySet[Installation]) -> None:
    """Have a worker check and register (or unregister) these soon."""
    installations.update(provision_at=timezone.now())


def lease() -> datetime:
    """The `provision_at` of one that somebody works on: workers leave it alone until then."""
    return timezone.now() + LEASE


def begin(installation: Installation) -> None:
    """Keep workers off what this request does; if it dies, one of them takes over."""
    Installation.objects.filter(pk=installation.pk).update(provision_at=lease())


def finished(installation: Installation) -> None:
    """Nothing is left to be done for it, or whoever mends it asks for the next try."""
    Installation.objects.filter(pk=installation.pk).update(provision_at=None)


def run_due(limit: int = 10) -> int:
    """Do what is due; returns how many installations were worked on."""
    due = Installation.objects.filter(provision_at__lte=timezone.now()).select_related("app", "bot")
    return sum(_claim(installation) and _provision(installation) for installation in due[:limit])


def _claim(installation: Installation) -> bool:
    return bool(
        Installation.objects.filter(
            pk=installation.pk, provision_at=installation.provision_at
        ).update(provision_at=lease())
    )


def _provision(installation: Installation) -> bool:
    next_at = None
    try:
        if installation.status == InstallationStatus.DISABLED:
            if installation.state:
                connect.unregister(installation)
        else:
            connect.check(installation)
            connect.register(installation)
    except (Reconnect, Misconfigured) as error:
        # Whoever mends it asks for the next try. A disabled one is left with what it has.
        log.info("not_provisioned", installation=installation.pk, error=type(error).__name__)
    except ProviderError as error:
        log.info("not_provisioned", installation=installation.pk, error=type(error).__name__)
        wait = error.retry_after if isinstance(error, Retry) and error.retry_after else 0
        next_at = timezone.now() + max(AGAIN, timedelta(seconds=wait))
    Installation.objects.filter(pk=installation.pk).update(provision_at=next_at)
    return True
