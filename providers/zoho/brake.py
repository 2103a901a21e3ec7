"""Keeping away from Zoho while it blocks our IP address."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from providers.errors import RateLimited

BLOCKED = "1023"  # Zoho's error code
FIRST_WAIT, LONGEST_WAIT = 60.0, 900.0  # seconds


class Brake:
    """Keeps this process away from a host that has blocked our IP address, for all tenants."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._waits: dict[str, float] = {}

    def check(self, host: str, now: datetime) -> None:
        """Raise RateLimited while the host's block lasts."""
        until = self._until.get(host)
        if until and now < until:
            raise _rate_limited((until - now).total_seconds())

    def blocked(self, host: str, now: datetime, asked: float | None) -> RateLimited:
        """Note a block: 1 minute, then twice as long each time, up to 15."""
        wait = asked or min(self._waits.get(host, FIRST_WAIT / 2) * 2, LONGEST_WAIT)
        self._waits[host], self._until[host] = wait, now + timedelta(seconds=wait)
        return _rate_limited(wait)

    def passed(self, host: str) -> None:
        """The host answers again."""
        self._waits.pop(host, None)
        self._until.pop(host, None)

    def clear(self) -> None:
        """Forget everything, as a new process would."""
        self._waits.clear()
        self._until.clear()


def _rate_limited(wait: float) -> RateLimited:
    jitter = random.uniform(0, 1)  # noqa: S311  # no secret
    return RateLimited(
        "Zoho has blocked our IP address for a while: too many requests.",
        retry_after=wait + jitter,
        code=BLOCKED,
    )


brake = Brake()
