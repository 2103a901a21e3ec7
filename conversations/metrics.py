"""Gauges that are read from our tables when Prometheus asks: the same from whichever process.

Every query runs on an index that holds only what is unfinished, dead or waiting, so it costs by
how much there is of that and not by how much there ever was; the answer is kept for some seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from conversations.engine import heartbeat
from conversations.models import (
    UNFINISHED,
    Delivery,
    DeliveryState,
    Lane,
    LaneKind,
    Receipt,
    WorkerHeartbeat,
)
from hitl_bridge.health import OPENS_AFTER
from hitl_bridge.models import Alert, AlertKind, Bot, Installation, InstallationStatus, OAuthToken

log = structlog.get_logger(__name__)

KEPT = 5.0  # seconds
LONGEST = 2000  # milliseconds that one of the queries may take (PostgreSQL)
SEEN_LATELY = timedelta(seconds=60)
Family = GaugeMetricFamily
LABEL_OF_LANES = ["lane"]


class TableMetrics(Collector):
    """See above. Where the database does not answer, hitl_tables_up is 0 and the rest is absent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._families: list[Family] = []
        self._read_at = float("-inf")

    def collect(self) -> Iterable[Family]:
        """All gauges, at most `KEPT` seconds old."""
        with self._lock:
            if time.monotonic() - self._read_at > KEPT:
                self._families = _read()
                self._read_at = time.monotonic()
            return list(self._families)


def _read() -> list[Family]:
    started = time.monotonic()
    families: list[Family] = []
    up = 1.0
    try:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = {LONGEST}")
            for query in QUERIES:
                families += query(timezone.now())
    except DatabaseError as error:
        log.warning("metrics_not_read", error=type(error).__name__)
        families, up = [], 0.0
    families += [
        Family("hitl_tables_up", "1 if the gauges could be read from the database.", up),
        Family(
            "hitl_tables_read_seconds", "How long reading them took.", time.monotonic() - started
        ),
    ]
    return families


def _age(now: datetime, then: datetime | None) -> float:
    return max(0.0, (now - then).total_seconds()) if then else 0.0


def _gauge(name: str, text: str, labels: list[str], values: dict[tuple[str, ...], float]) -> Family:
    family = Family(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _lanes(now: datetime) -> Iterator[Family]:
    due = Lane.objects.filter(due_at__isnull=False).values("kind").annotate(oldest=Min("due_at"))
    overdue = {row["kind"]: _age(now, row["oldest"]) for row in due}
    work = (
        Delivery.objects.filter(state__in=UNFINISHED)
        .values("lane__kind")
        .annotate(count=Count("id"), oldest=Min("created_at"))
        .order_by()
    )
    waiting = {row["lane__kind"]: (row["count"], _age(now, row["oldest"])) for row in work}
    yield _gauge(
        "hitl_oldest_due_seconds",
        "For how long the lane that is due the longest has waited for a worker.",
        LABEL_OF_LANES,
        {(kind,): overdue.get(kind, 0.0) for kind in LaneKind.values},
    )
    yield _gauge(
        "hitl_lane_age_seconds",
        "The age of the oldest thing that is not delivered yet, whatever it waits for.",
        LABEL_OF_LANES,
        {(kind,): waiting.get(kind, (0, 0.0))[1] for kind in LaneKind.values},
    )
    yield _gauge(
        "hitl_deliveries_waiting",
        "How much is not delivered yet.",
        LABEL_OF_LANES,
        {(kind,): waiting.get(kind, (0, 0.0))[0] for kind in LaneKind.values},
    )


def _dead_letters(_now: datetime) -> Iterator[Family]:
    provider = "conversation__installation__provider"
    rows = Delivery.objects.filter(state=DeliveryState.DEAD).values(provider)
    yield _gauge(
        "hitl_dead_letters",
        "What could not be delivered and waits for a decision, by the session's help desk.",
        ["provider"],
        {(row[provider],): row["count"] for row in rows.annotate(count=Count("id")).order_by()}
        or {("none",): 0},
    )


def _connections(_now: datetime) -> Iterator[Family]:
    rows = Installation.objects.values("provider", "status").annotate(count=Count("id")).order_by()
    yield _gauge(
        "hitl_installations",
        "Installations, by whether they are connected.",
        ["provider", "status"],
        {(row["provider"], row["status"]): row["count"] for row in rows},
    )
    sending = (InstallationStatus.ACTIVE, InstallationStatus.NEW)
    desks = Installation.objects.filter(failures__gte=OPENS_AFTER, status__in=sending)
    bots = Bot.objects.filter(failures__gte=OPENS_AFTER, enabled=True)
    yield _gauge(
        "hitl_open_breakers",
        "Help desks and bots that failed so often that only single tries go to them.",
        ["side"],
        {("installation",): desks.count(), ("bot",): bots.count()},
    )


def _tokens(now: datetime) -> Iterator[Family]:
    provider = "installation__provider"
    rows = (
        OAuthToken.objects.filter(installation__status=InstallationStatus.ACTIVE)
        .exclude(access_token="", refresh_token="")
        .values(provider)
        .annotate(oldest=Min("obtained_at"), old=Count("id", filter=Q(expires_at__lt=now)))
        .order_by()
    )
    found = list(rows)
    yield _gauge(
        "hitl_token_age_seconds",
        "The age of the oldest access token of a connected installation.",
        ["provider"],
        {(row[provider],): _age(now, row["oldest"]) for row in found},
    )
    yield _gauge(
        "hitl_tokens_expired",
        "Access tokens of connected installations that have run out; each is renewed when used.",
        ["provider"],
        {(row[provider],): row["old"] for row in found},
    )


def _workers(now: datetime) -> Iterator[Family]:
    lately = WorkerHeartbeat.objects.filter(seen_at__gte=now - SEEN_LATELY).count()
    age = heartbeat.age_seconds()
    yield Family("hitl_workers", "Worker processes that were seen in the last minute.", lately)
    yield Family(
        "hitl_worker_last_seen_seconds",
        "For how long no worker has been seen; -1 if none ever was.",
        -1 if age is None else age,
    )
    yield Family(
        "hitl_webhooks_waiting",
        "Webhooks that are stored and could not be applied yet.",
        Receipt.objects.filter(retry_at__isnull=False).count(),
    )


def _alerts(_now: datetime) -> Iterator[Family]:
    rows = Alert.objects.filter(solved_at=None).values("kind").annotate(count=Count("id"))
    found = {row["kind"]: row["count"] for row in rows.order_by()}
    yield _gauge(
        "hitl_alerts_open",
        "Troubles that operators have been told of and that go on.",
        ["kind"],
        {(kind,): found.get(kind, 0) for kind in AlertKind.values},
    )


QUERIES: tuple[Callable[[datetime], Iterator[Family]], ...] = (
    _lanes,
    _dead_letters,
    _connections,
    _tokens,
    _workers,
    _alerts,
)
