"""What `manage.py doctor` looks at: each part yields what it found, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import redis
import requests
from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.timesince import timesince

from conversations.engine import heartbeat
from conversations.models import Delivery, DeliveryState, Lane, Receipt, WorkerHeartbeat
from hitl_bridge import connect
from hitl_bridge.connecting import next_step
from hitl_bridge.health import OPENS_AFTER
from hitl_bridge.models import Bot, Installation, InstallationStatus
from providers.errors import ProviderError

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
APART = 5.0  # seconds that clocks may differ: webhooks are refused when they seem too old
LATE = timedelta(minutes=1)
SLOW = 0.25  # seconds that a database may take to say that it is there


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, how bad it is, and what to do about it."""

    area: str
    state: str
    said: str
    step: str = ""


def configuration() -> Iterator[Finding]:
    """Settings: Django's own checks and ours; in production those for it as well."""
    tags = ["bridge"] if settings.DEBUG else None
    found = run_checks(tags=tags, include_deployment_checks=not settings.DEBUG)
    for message in found:
        if message.level >= WARNING:
            state = BAD if message.is_serious() else DOUBTFUL
            yield Finding("settings", state, str(message.msg), str(message.hint or ""))
    if not any(message.level >= WARNING for message in found):
        yield Finding("settings", GOOD, "Nothing is wrong with the settings.")


def database() -> Iterator[Finding]:
    """It answers, soon, is migrated, and its clock goes like ours."""
    name = f"{connection.vendor} database"
    began = monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_TIMESTAMP")
            told = cursor.fetchone()[0]
    except DatabaseError as error:
        step = "Start it, or mend DATABASE_URL. Until then webhooks and calls are refused."
        yield Finding("database", BAD, f"The {name} does not answer: {_first_line(error)}", step)
        return
    took = monotonic() - began
    yield Finding(
        "database", DOUBTFUL if took > SLOW else GOOD, f"The {name} answers in {took:.2f} s."
    )
    executor = MigrationExecutor(connection)
    if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        said = f"{len(plan)} migrations are not applied, first {plan[0][0]}."
        yield Finding("database", BAD, said, "Run: python manage.py migrate")
    if isinstance(told, datetime):  # SQLite's clock is ours
        yield _clock("database", told)


def broker() -> Iterator[Finding]:
    """Redis, where one is configured."""
    if not settings.REDIS_URL:
        yield Finding("broker", GOOD, "None is configured: workers look for work by themselves.")
        return
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2, retry=None
        ) as client:
            seconds, micros = client.time()
    except (redis.RedisError, OSError, ValueError) as error:
        said = f"Redis does not answer: {_first_line(error)}"
        step = "Start it, or mend REDIS_URL. Work goes on meanwhile, a second later than usual."
        yield Finding("broker", DOUBTFUL, said, step)
        return
    yield Finding("broker", GOOD, "Redis answers.")
    yield _clock("broker", datetime.fromtimestamp(seconds + micros / 1e6, UTC))


def _clock(area: str, told: datetime) -> Finding:
    apart = abs((timezone.now() - told).total_seconds())
    if apart <= APART:
        return Finding(area, GOOD, "Its clock and this machine's agree.")
    step = "Set both by NTP: signatures and tokens are judged by the time."
    return Finding(area, BAD, f"Its clock and this machine's are {apart:.0f} s apart.", step)


def workers() -> Iterator[Finding]:
    """Some run, and they keep up."""
    latest = heartbeat.last_seen()
    if latest is None or timezone.now() - latest > LATE:
        seen = f"the last was {timesince(latest, depth=1)} ago" if latest else "none ever was"
        step = "Start one: celery -A config worker, or manage.py serve. Nothing is lost meanwhile."
        yield Finding("workers", BAD, f"No worker runs: {seen}.", step)
    else:
        since = timezone.now() - LATE
        count = WorkerHeartbeat.objects.filter(seen_at__gte=since).count()
        yield Finding("workers", GOOD, f"Worker processes that run: {count}.")
    late = Lane.objects.filter(due_at__lt=timezone.now() - LATE, lease_until=None)
    if count := late.count():
        said = f"{count} lanes have been due for over a minute."
        yield Finding("workers", DOUBTFUL, said, "Add workers, or look what keeps these busy.")


def reachability() -> Iterator[Finding]:
    """PUBLIC_URL leads to this bridge. Help desks may stand elsewhere and see it otherwise."""
    address = f"{settings.PUBLIC_URL}/livez"
    step = (
        "Help desks send their webhooks there: mend PUBLIC_URL, DNS, the proxy or its certificate."
    )
    try:
        answer = requests.get(address, timeout=5, allow_redirects=False)
    except requests.RequestException as error:
        said = f"{settings.PUBLIC_URL} can't be reached from here: {type(error).__name__}."
        yield Finding("address", DOUBTFUL, said, step)
        return
    if answer.status_code != requests.codes.ok:
        said = f"{address} answers {answer.status_code}, and the bridge would answer 200."
        yield Finding("address", BAD, said, step)
        return
    yield Finding("address", GOOD, f"{settings.PUBLIC_URL} leads to a bridge.")


def installations(ask: bool) -> Iterator[Finding]:
    """Each help desk; `ask`: call it, as the button in the admin does."""
    rows = Installation.objects.select_related("bot__tenant", "app").order_by("pk")
    for row in rows.iterator(chunk_size=100):
        yield _installation(row, ask)
    troubled = Bot.objects.filter(failures__gte=OPENS_AFTER, enabled=True).select_related("tenant")
    for bot in troubled:
        said = f"{bot.tenant}/{bot} does not take its callbacks: {bot.last_error}"
        step = "Mend the bot's callback address; what waits goes out in order then."
        yield Finding("bots", BAD, said, step)


def _installation(row: Installation, ask: bool) -> Finding:
    name = f"{row.bot.tenant}/{row.bot}/{row}"
    off = (InstallationStatus.DISABLED, InstallationStatus.PAUSED)
    if row.status in off:
        return Finding("help desks", DOUBTFUL, f"{name} is {row.get_status_display().lower()}.")
    if ask:
        try:
            account = connect.check(row)
        except ProviderError as error:
            step = next_step(error, row).replace("below, then save", "on its page in the admin")
            return Finding("help desks", BAD, f"{name}: {error.detail}", step)
        heard = row.last_received_at
        webhook = f"last webhook {timesince(heard, depth=1)} ago" if heard else "no webhook yet"
        said = f"{name} is connected to {account.name or account.id}; {webhook}."
        return Finding("help desks", GOOD, said)
    said = f"{name}: {row.get_status_display()}. {row.status_reason}".strip()
    fine = row.status == InstallationStatus.ACTIVE and row.failures < OPENS_AFTER
    return Finding(
        "help desks", GOOD if fine else BAD, said, "" if fine else "Open it in the admin."
    )


def leftovers() -> Iterator[Finding]:
    """What waits for a person's decision."""
    if dead := Delivery.objects.filter(state=DeliveryState.DEAD).count():
        step = "Open Dead letters in the admin, or run: python manage.py replay --since 1d"
        yield Finding("dead letters", DOUBTFUL, f"{dead} could not be delivered.", step)
    waiting = Receipt.objects.filter(retry_at__lt=timezone.now() - LATE).count()
    if waiting:
        said = f"{waiting} webhooks are stored and not applied yet."
        yield Finding("webhooks", DOUBTFUL, said, "Workers apply them: see above whether any runs.")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def diagnose(ask: bool) -> Iterator[Finding]:
    """All of it; without a database that works, no more than that."""
    parts: list[Callable[[], Iterator[Finding]]] = [
        workers,
        lambda: installations(ask),
        leftovers,
    ]
    yield from configuration()
    works = True
    for finding in database():
        works = works and finding.state != BAD
        yield finding
    yield from broker()
    yield from reachability()
    if works:
        for part in parts:
            yield from part()
