"""Whether this process has been asked to end: lanes are then given back between two deliveries,
and a delivery of several steps between two steps, for other workers to go on with."""

from __future__ import annotations

import threading

_asked = threading.Event()


def request() -> None:
    """From now on; there is no way back, since the process ends."""
    _asked.set()


def requested() -> bool:
    """Whether it has been."""
    return _asked.is_set()
