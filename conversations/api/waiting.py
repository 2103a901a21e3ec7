"""Requests that wait: how many may, and how thousands do it without a thread each."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import SyncToAsync, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest

from conversations.flows import feed

log = structlog.get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

LOOK_EVERY = 0.25  # seconds between two looks for news
LONGEST_PREFERENCE = 30  # seconds
# Listeners on WSGI hold one of a process's few threads each; so do callers who wait for a ticket.
FEED_WAITERS = settings.FEED_WAITERS
TICKET_WAITERS = settings.TICKET_WAITERS
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)
# Looks at the feed share these threads, and with them as many database connections.
_THREADS = ThreadPoolExecutor(4, thread_name_prefix="feed")


class Slots:
    """So many requests may wait at a time; who finds no place is answered at once."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def take(self, request: HttpRequest) -> Iterator[bool]:
        """Whether this request may wait. On ASGI all may: there waiting costs no thread."""
        taken = on_asgi(request) or self._free.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken and not on_asgi(request):
                self._free.release()


feed_slots = Slots(FEED_WAITERS)
ticket_slots = Slots(TICKET_WAITERS)


def on_asgi(request: HttpRequest) -> bool:
    """Whether the request came in by config.asgi."""
    return isinstance(request, ASGIRequest)


def preferred_wait(request: HttpRequest) -> int:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most 30; 0 without one."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found[1]), LONGEST_PREFERENCE) if found else 0


def poll(look: Callable[[], T | None], seconds: float) -> T | None:
    """Look until there is something or the time is over. Call it outside any transaction."""
    until = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < until:
        close_old_connections()  # others need the pool's connections meanwhile
        time.sleep(min(LOOK_EVERY, max(0.0, until - time.monotonic())))
    return found


async def in_thread(
    request: HttpRequest, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run what talks to the database: on ASGI in a shared thread, on WSGI in the request's own."""
    if on_asgi(request):
        return await _shared(do, *args, **kwargs)
    return await sync_to_async(do)(*args, **kwargs)


async def _shared(do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    def run() -> T:
        try:
            return do(*args, **kwargs)
        finally:
            close_old_connections()  # no request's end does it in these threads

    return await sync_to_async(run, thread_sensitive=False, executor=_THREADS)()


def give_thread_back() -> None:
    """Let go of the thread that ASGI keeps for the synchronous parts of this request.

    Django's signals and middleware make one per request and keep it to its end: a thousand
    listeners would be a thousand idle threads. Whoever needs one after this gets a fresh one.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor:
        executor.shutdown(wait=False)


@dataclass(eq=False, slots=True)
class _Listener:
    bot_id: int
    after: int
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Listeners:
    """The listeners of one event loop, and the one task that looks for news for all of them."""

    def __init__(self) -> None:
        self._waiting: set[_Listener] = set()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, bot_id: int, after: int, seconds: float) -> bool:
        """Whether the bot has events after that cursor, once it has or the time is over."""
        listener = _Listener(bot_id, after)
        self._waiting.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            await asyncio.wait_for(listener.news.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(listener)
        return True

    async def _look(self) -> None:
        while self._waiting:
            await asyncio.sleep(LOOK_EVERY)
            bots = {listener.bot_id for listener in self._waiting}
            try:
                latest = await _shared(feed.latest, bots)
            except DatabaseError as error:
                log.warning("feed_not_looked_at", error=type(error).__name__)
                continue
            for listener in list(self._waiting):
                if latest.get(listener.bot_id, 0) > listener.after:
                    listener.news.set()


_listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, Listeners] = WeakKeyDictionary()


async def for_news(request: HttpRequest, bot_id: int, after: int, seconds: float) -> None:
    """Return once there may be events after the cursor, or the time is over."""
    if not on_asgi(request):
        # The request has this thread anyway, and its own event loop: look again after a while.
        await asyncio.sleep(min(LOOK_EVERY, seconds))
        return
    give_thread_back()
    await _listeners.setdefault(asyncio.get_running_loop(), Listeners()).wait(
        bot_id, after, seconds
    )
