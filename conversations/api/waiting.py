"""Requests that wait: how many may, and how thousands do it without a thread each."""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import SyncToAsync, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest
from rest_framework.request import Request

from conversations.engine.hub import Note, hub
from conversations.flows import feed
from hitl_bridge.models import ApiKey, Bot
from hitl_bridge.models.bots import ApiKeyScope

log = structlog.get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

LOOK_EVERY = 0.25  # seconds between two looks for news
KEYS_EVERY = 5.0  # seconds between two looks whether who waits still may
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
        if on_asgi(request):
            yield True
            return
        taken = self._free.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
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


class Stopping:
    """Whether this process has been told to stop: whoever waits is answered then.

    Servers say so too late, or to nobody: they wait for the answers first.
    """

    asked = False
    _watching: ClassVar[set[int]] = set()

    @classmethod
    def at_signals(cls, *signals: int) -> None:
        """Note these from now on, and pass them on to the server, which handles them by now."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in signals:
            server = signal.getsignal(number)
            if callable(server) and number not in cls._watching:
                cls._watching.add(number)
                signal.signal(number, partial(cls._noted, server))

    @classmethod
    def _noted(cls, server: Callable[..., Any], number: int, frame: Any) -> None:
        cls.asked = True
        server(number, frame)


@dataclass(eq=False, slots=True)
class Listener:
    """A bot that waits, by one of its keys, for what comes after a cursor."""

    bot_id: int
    key_id: int
    after: int
    heard: int = field(default_factory=lambda: hub.count)  # the last note that was looked at
    refused: bool = False  # the key counts no longer
    news: asyncio.Event = field(default_factory=asyncio.Event)
    key_checked: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.refused or Stopping.asked

    def notes(self) -> list[Note]:
        """What has been told in passing since the last call."""
        number, self.heard = self.heard, hub.count
        return [note for note in hub.since(number) if note["bot"] == self.bot_id]


def listener(request: Request, bot: Bot, after: int) -> Listener:
    """The caller as somebody who waits."""
    hub.listen()
    return Listener(bot.pk, request.auth.pk, after)


def usable(keys: Collection[int]) -> set[int]:
    """Those of the keys that may still listen."""
    rows = ApiKey.objects.usable().filter(pk__in=keys).values_list("pk", "scopes")
    return {pk for pk, scopes in rows if ApiKeyScope.EVENTS in scopes}


class Listeners:
    """The listeners of one event loop, and the one task that looks for news for all of them."""

    def __init__(self) -> None:
        Stopping.at_signals(signal.SIGTERM, signal.SIGINT)
        self._waiting: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._heard = hub.count
        self._keys_checked = time.monotonic()

    async def wait(self, listener: Listener, seconds: float) -> bool:
        """Whether there may be something to tell, once there is or the time is over."""
        listener.news.clear()
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
            try:
                await self._look_once()
            except DatabaseError as error:
                log.warning("feed_not_looked_at", error=type(error).__name__)

    async def _look_once(self) -> None:
        waiting = list(self._waiting)  # who comes meanwhile has not been asked about
        latest = await _shared(feed.latest, {listener.bot_id for listener in waiting})
        heard, self._heard = self._heard, hub.count
        told = {note["bot"] for note in hub.since(heard)}
        good: set[int] | None = None
        if time.monotonic() - self._keys_checked > KEYS_EVERY:
            self._keys_checked = time.monotonic()
            good = await _shared(usable, {listener.key_id for listener in waiting})
        for listener in waiting:
            if good is not None and listener.key_id not in good:
                listener.refused = True
            new = latest.get(listener.bot_id, 0) > listener.after
            if new or listener.over or listener.bot_id in told:
                listener.news.set()


_listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, Listeners] = WeakKeyDictionary()


async def for_news(request: HttpRequest, listener: Listener, seconds: float) -> bool:
    """Whether there may be something to tell, once there may be or the time is over."""
    if on_asgi(request):
        give_thread_back()
        ours = _listeners.setdefault(asyncio.get_running_loop(), Listeners())
        return await ours.wait(listener, seconds)
    # The request has this thread anyway, and its own event loop: look again after a while.
    await asyncio.sleep(min(LOOK_EVERY, seconds))
    if time.monotonic() - listener.key_checked > KEYS_EVERY:
        listener.key_checked = time.monotonic()
        listener.refused = not await in_thread(request, usable, [listener.key_id])
    return True
