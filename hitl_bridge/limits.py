"""Vendors' rate limits, kept by us, so that they need not refuse anything.

Counted in Redis where there is one, else per process. A Redis that is down limits nothing: the
vendor's own 429 still holds the installation.
"""

from __future__ import annotations

import time
from functools import lru_cache

import structlog
from django.conf import settings
from limits import parse
from limits.errors import ConcurrentUpdateError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from redis import RedisError

from providers.errors import RateLimited

log = structlog.get_logger(__name__)


@lru_cache(maxsize=2)
def _limiter(redis_url: str) -> MovingWindowRateLimiter:
    storage: Storage = MemoryStorage()
    if redis_url:
        storage = RedisStorage(redis_url, socket_connect_timeout=1, socket_timeout=1)
    return MovingWindowRateLimiter(storage)


def take(limit: str, account: str) -> None:
    """Count one call for the account. Raises RateLimited when its window is full."""
    if not limit:
        return
    item = parse(limit)
    limiter = _limiter(settings.REDIS_URL)
    try:
        if limiter.hit(item, account):
            return
        reset, _remaining = limiter.get_window_stats(item, account)
    except (RedisError, OSError, ConcurrentUpdateError) as error:
        log.warning("rate_not_counted", error=type(error).__name__)
        return
    wait = min(max(0.1, reset - time.time()), item.get_expiry())
    raise RateLimited("Waiting for the help desk's rate limit.", retry_after=wait)
