"""When to try again. Long waits are rows, not timers: what is due is found by the sweep."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waits between attempts, in seconds; after the last one the delivery is dead."""

    waits: tuple[float, ...]

    @property
    def total(self) -> timedelta:
        """How long all of them take."""
        return timedelta(seconds=sum(self.waits))

    def wait(self, attempt: int, asked: float | None = None) -> timedelta | None:
        """The wait after the `attempt`-th try (from 1), with jitter; None: give up.

        `asked` is the other side's Retry-After; it can only lengthen the wait.
        """
        if attempt > len(self.waits):
            return None
        planned = self.waits[attempt - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        return timedelta(seconds=max(planned, asked or 0))


MINUTE, HOUR = 60, 3600

# About a day: a help desk that is away longer needs a person.
PROVIDER = Schedule(
    (
        1,
        3,
        10,
        30,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        *[10 * MINUTE] * 6,
        *[30 * MINUTE] * 10,
        *[HOUR] * 17,
    )
)

# About three days, as Standard Webhooks advises.
BOT = Schedule(
    (
        1,
        5,
        30,
        2 * MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        4 * HOUR,
        6 * HOUR,
        *[10 * HOUR] * 6,
    )
)

# Asking the help desk what was missed: what agents say next waits meanwhile, so not for long.
INBOUND = Schedule((1, 5, 30))

CRASHES = 3  # attempts that may take their worker with them before the delivery is parked
