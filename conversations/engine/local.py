"""The runner inside a worker process: threads that take lanes, and the sweep that finds them.

Embedded mode has nothing else. Beside Celery it takes what no wake-up reached: lanes whose
retry is due, whose worker died, or whose hint was lost with the broker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Protocol

import structlog
from django.db import close_old_connections, connections

log = structlog.get_logger(__name__)

MORE = 0.1  # seconds to the next sweep when one has found more than it could take
LATE = 10.0  # seconds after which something ephemeral is not worth doing any more


class DueLanes(Protocol):
    """`engine.lanes.due`; handed in, since lanes need this module for their wake-ups."""

    def __call__(self, limit: int, grace: timedelta) -> list[str]: ...


class Runner:
    """Runs lanes in threads of this process and sweeps for those that are due."""

    def __init__(
        self,
        run: Callable[[str], None],
        due: DueLanes,
        *,
        threads: int = 4,
        interval: float = 1.0,
        grace: timedelta = timedelta(seconds=1),
        chores: Callable[[], None] = lambda: None,
    ) -> None:
        self._run = run
        self._due = due
        self._threads = threads
        self._interval = interval
        self._grace = grace
        self._chores = chores
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="lane")
        # Lanes may be busy for long; what is worth doing now or never has threads of its own.
        self._aside = ThreadPoolExecutor(2, thread_name_prefix="aside")
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="sweep", daemon=True)

    def start(self) -> None:
        """Begin sweeping; wake-ups of this process come here from now on."""
        _active.append(self)
        self._sweeper.start()

    def stop(self) -> None:
        """Take nothing new and wait until what runs has ended."""
        self._stopping.set()
        _active.remove(self)
        self._aside.shutdown(wait=True, cancel_futures=True)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._sweeper.join(timeout=10)

    def call(self, chore: Callable[..., None], *args: Any) -> None:
        """Run something small and ephemeral soon, beside the lanes; else not at all."""
        if not self._stopping.is_set():
            asked = time.monotonic()
            self._aside.submit(_unless_late, asked, chore, *args).add_done_callback(_log_failure)

    def submit(self, lane: str) -> None:
        """Run the lane soon; if it runs already, once more after that."""
        with self._lock:
            if self._stopping.is_set():
                return
            if lane in self._busy:
                self._again.add(lane)
                return
            self._busy.add(lane)
        self._pool.submit(self._work, lane).add_done_callback(_log_failure)

    def _work(self, lane: str) -> None:
        close_old_connections()
        try:
            self._run(lane)
        finally:
            with self._lock:
                self._busy.discard(lane)
                again = lane in self._again
                self._again.discard(lane)
            connections.close_all()
        if again:
            self.submit(lane)

    def _sweep(self) -> None:
        pause = self._interval
        while not self._stopping.wait(pause):
            pause = self._interval
            try:
                close_old_connections()
                self._chores()
                free = self._threads * 4 - len(self._busy)
                if free > 0:
                    found = self._due(limit=free, grace=self._grace)
                    for lane in found:
                        self.submit(lane)
                    if len(found) == free:
                        pause = min(pause, MORE)
            except Exception:
                # The database may be away for a while; the next round tries again.
                log.exception("sweep_failed")
        connections.close_all()


_active: list[Runner] = []  # this process's runner, if it has one


def submit(lane: str) -> None:
    """Hand the lane to this process's runner, if there is one."""
    for runner in _active:
        runner.submit(lane)


def call(chore: Callable[..., None], *args: Any) -> None:
    """Have this process's runner call it, if there is one."""
    for runner in _active:
        runner.call(chore, *args)


def _unless_late(asked: float, chore: Callable[..., None], *args: Any) -> None:
    if time.monotonic() - asked > LATE:
        return
    try:
        chore(*args)
    finally:
        connections.close_all()


def _log_failure(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()):
        log.error("lane_failed", error=type(error).__name__, exc_info=error)
