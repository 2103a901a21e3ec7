"""Limits on who asks too often, kept before anything of theirs is read or looked up.

Two counts a minute, in this process: every webhook of one token, and what was refused (unknown
tokens, wrong signatures, wrong keys) of one address. Whoever has lately shown a right key or
signature is heard even from an address that is over its limit: help desks call all their customers
from the same few addresses, and one that is set up wrongly must not shut out the others.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter

from django.conf import settings
from django.http import HttpRequest

from hitl_bridge import callers

MINUTE = 60
LATELY = 3600.0  # seconds
MOST = 100_000  # callers that are counted in one minute, and that are known


class Guard:
    """The counts of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._minute, self._counts = 0, Counter[str]()
        self._known: dict[str, float] = {}

    def wait(self, request: HttpRequest, secret: str, *, counted: bool) -> int | None:
        """Seconds to wait for a caller who asked too often; None: it may go on.

        `counted`: so many calls a minute are taken with this secret, right or wrong.
        """
        name = _name(secret)
        with self._lock:
            over = False
            if counted:
                over = self._over(name, settings.WEBHOOKS_PER_MINUTE, add=1)
            if not over and not self._is_known(name):
                over = self._over(callers.site(request), settings.REFUSED_PER_MINUTE)
        return MINUTE - int(time.time()) % MINUTE if over else None

    def refused(self, request: HttpRequest) -> None:
        """Note that what the caller showed was wrong."""
        with self._lock:
            self._over(callers.site(request), 0, add=1)

    def admitted(self, secret: str) -> None:
        """Note that it was right."""
        with self._lock:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[_name(secret)] = time.monotonic()

    def _is_known(self, name: str) -> bool:
        return time.monotonic() - self._known.get(name, -LATELY) < LATELY

    def _over(self, name: str, most: int, add: int = 0) -> bool:
        """Whether more than `most` were counted this minute; a limit of 0 is none."""
        minute = int(time.time()) // MINUTE
        if minute != self._minute or len(self._counts) > MOST:
            self._minute, self._counts = minute, Counter()
        if add:
            self._counts[name] += add
        seen = self._counts[name] if add else self._counts.get(name, 0) + 1
        return bool(most) and seen > most


def _name(secret: str) -> str:
    """What stands for a secret: none is kept here."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


guard = Guard()
