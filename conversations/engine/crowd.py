"""Nobody takes all threads: how many of this process's may wait for one side at a time.

A help desk or bot begins with a few threads and gets more while it answers quickly. One that lets
us wait is back to a few; one that has just failed gets a single thread to show that it is back,
and all such together half of the threads. So black holes cost the others next to nothing.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

FEW, MOST = 0.25, 0.75  # of the threads, for one side
TROUBLED = 0.5  # of the threads, for all that have just failed
QUICK = 2.0  # seconds


class Crowd:
    """Counts who waits for whom in this process."""

    def __init__(self, threads: int = 16) -> None:
        self.threads = threads
        self._inside: Counter[str] = Counter()
        self._earned: Counter[str] = Counter()  # places beyond the few
        self._troubled = 0
        self._lock = threading.Lock()

    @contextmanager
    def place(self, side: str, *, troubled: bool) -> Iterator[bool]:
        """A place to wait for that side; False: it is full."""
        with self._lock:
            entered = self._has_place(side, troubled=troubled)
            self._inside[side] += entered
            self._troubled += entered and troubled
        since = time.monotonic()
        try:
            yield entered
        finally:
            if entered:
                self._leave(side, troubled=troubled, quick=time.monotonic() - since < QUICK)

    def _has_place(self, side: str, *, troubled: bool) -> bool:
        inside = self._inside[side]
        if troubled:
            return inside < 1 and self._troubled < self._share(TROUBLED)
        return inside < min(self._share(FEW) + self._earned[side], self._share(MOST))

    def _leave(self, side: str, *, troubled: bool, quick: bool) -> None:
        with self._lock:
            self._inside[side] -= 1
            self._troubled -= troubled
            if not quick:
                self._earned.pop(side, None)
            elif self._earned[side] < self.threads:
                self._earned[side] += 1
            if not self._inside[side]:
                del self._inside[side]

    def _share(self, part: float) -> int:
        return max(1, int(self.threads * part))


crowd = Crowd()
