"""What every worker does beside lanes, each at its own pace; safe in any number of workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.utils import timezone

from conversations.engine import heartbeat, lanes, local
from conversations.engine.crowd import crowd
from conversations.engine.worker import run_lane
from conversations.flows import catching_up, receipts, timers
from conversations.flows.botpress import asking as botpress
from conversations.models import IdempotentRequest, UnmatchedEvent
from hitl_bridge import provisioning

log = structlog.get_logger(__name__)

KEEP_IDEMPOTENT = timedelta(hours=24)


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


@dataclass
class _Chore:
    run: Callable[[], object]
    every: float  # seconds
    next_at: float = 0.0


class Chores:
    """Runs what is due; called once a second by the runner's sweep."""

    def __init__(self) -> None:
        self._chores = [
            _Chore(beat, 5),
            _Chore(timers.run_due, 1),
            _Chore(receipts.apply_waiting, 2),
            _Chore(catching_up.start_due, 2),
            _Chore(botpress.run_due, 1),
            _Chore(provisioning.run_due, 2),
            _Chore(lanes.repair, 60),
            _Chore(housekeeping, 600),
        ]

    def __call__(self) -> None:
        now = time.monotonic()
        for chore in self._chores:
            if now >= chore.next_at:
                chore.next_at = now + chore.every
                try:
                    chore.run()
                except Exception:
                    # One chore's defect must not keep the others from their turn.
                    log.exception("chore_failed", chore=chore.run.__name__)


def runner(
    *, threads: int, interval: float, grace: timedelta, extra_threads: int = 0
) -> local.Runner:
    """This process's runner, not started yet."""
    crowd.threads = threads + extra_threads
    return local.Runner(
        run_lane, lanes.due, threads=threads, interval=interval, grace=grace, chores=Chores()
    )
