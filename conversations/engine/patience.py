"""Writing down what was done, though the database is away for a moment.

What a help desk or bot answered is known to one thread alone. Were it given up because PostgreSQL
restarts, the outcome would be unknown: looked up, repeated, and counted as a crash.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

log = structlog.get_logger(__name__)
T = TypeVar("T")

AWAY = (OperationalError, InterfaceError)
PATIENCE = 20.0  # seconds; what runs must end within 30 when the worker is stopped
PAUSE = 0.5


def patiently(write: Callable[[], T]) -> T:
    """What `write` returns, after as many tries as it takes within PATIENCE.

    `write` must be safe to repeat: a commit whose answer was lost may have gone through. Inside a
    transaction it gets one try. Raises what the last try raised.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return write()
        except AWAY as error:
            if connection.in_atomic_block or time.monotonic() > until:
                raise
            log.warning("database_away", error=type(error).__name__)
            connection.close()
            time.sleep(PAUSE)
