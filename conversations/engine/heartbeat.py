"""Which workers are alive, and whether all of them were away."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from django.utils import timezone

from conversations.models import WorkerHeartbeat

AWAY = timedelta(seconds=15)  # three beats


def name() -> str:
    """This process, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"[:100]


def beat() -> bool:
    """Say that this process is alive; True: before that, nobody was for a while."""
    now = timezone.now()
    latest = last_seen()
    WorkerHeartbeat.objects.update_or_create(name=name(), defaults={"seen_at": now})
    return latest is not None and now - latest > AWAY


def last_seen() -> datetime | None:
    """When any worker was last seen; None: never."""
    return WorkerHeartbeat.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()


def age_seconds() -> float | None:
    """The seconds since any worker was last seen; None: never."""
    latest = last_seen()
    return None if latest is None else (timezone.now() - latest).total_seconds()


def forget_the_dead() -> None:
    """Remove the rows of processes that have not been seen for a day."""
    WorkerHeartbeat.objects.filter(seen_at__lt=timezone.now() - timedelta(days=1)).delete()
