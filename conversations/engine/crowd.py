"""Nobody takes all threads: how many of this process's may wait for one side at a time.

A help desk or bot that is well may use most of them; one that has just failed gets a single
thread to show that it is back, so a black hole costs the others next to nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 0.75  # of the threads, for one side that is well


class Crowd:
    """Counts who waits for whom in this process."""

    def __init__(self, threads: int = 16) -> None:
        self.threads = threads
        self._inside: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, side: str, *, troubled: bool) -> Iterator[bool]:
        """A place to wait for that side; False: it is full."""
        limit = 1 if troubled else max(1, int(self.threads * SHARE))
        with self._lock:
            entered = self._inside[side] < limit
            self._inside[side] += entered
        try:
            yield entered
        finally:
            with self._lock:
                self._inside[side] -= entered
                if not self._inside[side]:
                    del self._inside[side]


crowd = Crowd()
