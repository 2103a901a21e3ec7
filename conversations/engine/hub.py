"""Notes that nobody keeps: from whichever process learns something to where bots listen.

For what is worth telling at once or not at all (somebody is typing). A note holds ids only, since
Redis can be read. Without Redis there is one process, and the note stays within it. A note that
is lost is lost.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from functools import lru_cache
from typing import Any

import redis
import structlog
from django.conf import settings
from django.utils.crypto import salted_hmac

log = structlog.get_logger(__name__)

Note = dict[str, Any]

KEPT = 1000  # latest notes of a process; listeners look several times a second
REST = 2.0  # seconds without Redis after it failed
TIMEOUT = 1.0  # seconds


class Hub:
    """The latest notes that reached this process, numbered from 1."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[int, Note]] = deque(maxlen=KEPT)
        self._count = 0
        self._reader: threading.Thread | None = None
        self._down_until = 0.0  # by the monotonic clock

    @property
    def count(self) -> int:
        """The number of the latest note."""
        return self._count

    def since(self, number: int) -> list[Note]:
        """The notes after that number, oldest first."""
        if number >= self._count:
            return []
        with self._lock:
            return [note for own, note in self._recent if own > number]

    def send(self, note: Note) -> None:
        """To every process where somebody listens. Never raises and never waits long."""
        if not settings.REDIS_URL:
            self._keep(note)
            return
        if time.monotonic() < self._down_until:
            return
        try:
            _redis(settings.REDIS_URL).publish(_channel(), json.dumps(note))
        except redis.RedisError as error:
            self._down_until = time.monotonic() + REST
            log.info("note_not_sent", error=type(error).__name__)

    def listen(self) -> None:
        """Have notes of other processes come here from now on."""
        if not settings.REDIS_URL:
            return
        with self._lock:
            if self._reader is None or not self._reader.is_alive():
                self._reader = threading.Thread(target=self._read, name="notes", daemon=True)
                self._reader.start()

    def _keep(self, note: Note) -> None:
        with self._lock:
            self._count += 1
            self._recent.append((self._count, note))

    def _read(self) -> None:
        while True:
            try:
                with _redis(settings.REDIS_URL).pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                    channel.subscribe(_channel())
                    while True:
                        told = channel.get_message(timeout=TIMEOUT)
                        if told:
                            self._keep(json.loads(told["data"]))
            except (redis.RedisError, ValueError) as error:
                log.info("notes_not_read", error=type(error).__name__)
                time.sleep(REST)


@lru_cache(maxsize=1)
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT)


def _channel() -> str:
    """Channels are the whole server's, whatever the database number: others' bots have our ids."""
    url = str(settings.DATABASES["default"].get("NAME", ""))
    return f"hitl-bridge:{salted_hmac('conversations.engine.hub', url).hexdigest()[:20]}"


hub = Hub()
