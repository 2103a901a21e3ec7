"""Threads of the sandbox's process that carry out rows: webhooks, and the demo bot's calls.

The rows are the truth; a thread only looks for those that are due. Jobs of one lane run one
after another, lanes run side by side.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import connection, transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One row to carry out now."""

    lane: str
    run: Callable[[], None]


Find = Callable[[frozenset[str]], Iterable[Job]]


class Runner:
    """Finds due jobs and runs them in a small pool.

    A job reports by what it writes into its row; an exception is logged and the row found again.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._bell = threading.Event()

    def start(self, find: Find) -> None:
        """Start the thread; it ends with the process. `find` gets the lanes that are busy and
        returns at most one due job for each other lane."""
        threading.Thread(target=self._loop, args=[find], name=self._name, daemon=True).start()

    def wake(self) -> None:
        """Look for work as soon as the current transaction is committed."""
        transaction.on_commit(self._bell.set)

    def _loop(self, find: Find) -> None:
        pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix=self._name)
        while True:
            self._bell.wait(timeout=0.25)
            self._bell.clear()
            try:
                jobs = list(find(frozenset(self._busy)))
            except Exception:
                log.exception("%s: could not look for work", self._name)
                continue
            for job in jobs:
                with self._lock:
                    self._busy.add(job.lane)
                pool.submit(self._run, job)

    def _run(self, job: Job) -> None:
        try:
            job.run()
        except Exception:
            log.exception("%s: a job failed", self._name)
        finally:
            connection.close()
            with self._lock:
                self._busy.discard(job.lane)
            self._bell.set()
