"""What every worker does beside lanes, each at its own pace; safe in any number of workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import connections
from django.utils import timezone

from conversations.engine import heartbeat, lanes, local
from conversations.engine.crowd import crowd
from conversations.engine.worker import run_lane
from conversations.flows import alerting, catching_up, delays, receipts, timers
from conversations.flows.botpress import asking as botpress
from conversations.flows.privacy import retention
from conversations.models import IdempotentRequest, UnmatchedEvent
from hitl_bridge import alerts, provisioning

log = structlog.get_logger(__name__)

KEEP_IDEMPOTENT = timedelta(hours=24)
PURGE_SECONDS = 20.0


def beat() -> None:
    """Say that we live; after down time of all workers, ask what was missed."""
    if heartbeat.beat():
        catching_up.after_down_time()


def housekeeping() -> None:
    """Delete what is no longer needed."""
    now = timezone.now()
    IdempotentRequest.objects.filter(created_at__lt=now - KEEP_IDEMPOTENT).delete()
    UnmatchedEvent.objects.filter(created_at__lt=now - receipts.EARLY).delete()
    botpress.forget_old()
    heartbeat.forget_the_dead()
    alerts.forget_old()


def purge() -> None:
    """Remove what is older than its tenant keeps it, a little at a time."""
    done = retention.run_for(PURGE_SECONDS, time.monotonic)
    if done:
        log.info("purged", **{name.replace(" ", "_"): count for name, count in done.items()})


@dataclass
class _Chore:
    run: Callable[[], object]
    every: float  # seconds
    # In a thread of its own: it talks to help desks, and the sweep must not wait for them.
    apart: bool = False
    next_at: float = 0.0
    thread: threading.Thread | None = None

    def start(self) -> None:
        """Do it, or have it done if it is not being done still."""
        if not self.apart:
            self._guarded()
        elif self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(target=self._on_its_own, name="chore", daemon=True)
            self.thread.start()

    def _on_its_own(self) -> None:
        try:
            self._guarded()
        finally:
            connections.close_all()

    def _guarded(self) -> None:
        structlog.contextvars.clear_contextvars()  # of what was done before in this thread
        try:
            self.run()
        except Exception:
            # One chore's defect must not keep the others from their turn.
            log.exception("chore_failed", chore=self.run.__name__)


class Chores:
    """Runs what is due; called once a second by the runner's sweep."""

    def __init__(self) -> None:
        self._chores = [
            _Chore(beat, 5),
            _Chore(timers.run_due, 1),
            _Chore(delays.tell_due, 5),
            _Chore(receipts.apply_waiting, 2),
            _Chore(catching_up.start_due, 2),
            _Chore(botpress.run_due, 1, apart=True),
            _Chore(provisioning.run_due, 2, apart=True),
            _Chore(alerting.run_due, 10, apart=True),
            _Chore(purge, 60, apart=True),
            _Chore(lanes.repair, 60),
            _Chore(housekeeping, 600),
        ]

    def __call__(self) -> None:
        now = time.monotonic()
        for chore in self._chores:
            if now >= chore.next_at:
                chore.next_at = now + chore.every
                chore.start()


def runner(
    *, threads: int, interval: float, grace: timedelta, extra_threads: int = 0
) -> local.Runner:
    """This process's runner, not started yet."""
    crowd.threads = threads + extra_threads
    return local.Runner(
        run_lane, lanes.due, threads=threads, interval=interval, grace=grace, chores=Chores()
    )
