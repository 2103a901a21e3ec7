"""A clock that stands still until a test lets time pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import time_machine

PassTime = Callable[[timedelta], None]
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@contextmanager
def stopped_clock() -> Iterator[PassTime]:
    """Stop it; what is yielded lets so much time pass at once."""
    with time_machine.travel(START, tick=False) as clock:
        yield clock.shift
