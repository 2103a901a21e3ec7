"""The events as a stream: server-sent events, as browsers and every language's libraries read them.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from conversations.api import describe, waiting
from conversations.api.base import AsyncView, plain
from conversations.api.paging import LARGEST_POSITION, parameters, whole_number
from conversations.api.problems import Unavailable
from conversations.flows import feed, passing
from conversations.models import Event
from hitl_bridge.models import Bot
from hitl_bridge.models.bots import ApiKeyScope

LAST_EVENT_ID = "Last-Event-ID"
KEEP_ALIVE = 15.0  # seconds; proxies hang up on connections that are silent for a minute
RECONNECT = 2000  # milliseconds until a client comes back
# On WSGI a stream holds one of few threads, so it ends for others to have their turn.
LONGEST_ON_WSGI = 50.0  # seconds
HEADERS = {
    # Proxies must pass each event on at once, as it is.
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
FULL = (
    "This process has no place for another stream: use the long poll (/api/v1/events?wait=50), or "
    "have the operator run `uvicorn config.asgi:application`, which has room for thousands."
)


class EventStream(AsyncView):
    """What happened, from a cursor on, and what happens, as it happens."""

    scope = ApiKeyScope.EVENTS

    @describe.stream_events
    async def get(self, request: Request) -> HttpResponseBase:
        after = _cursor(request)
        http, bot = plain(request), self.bot_of(request)
        if request.method == "HEAD":
            return HttpResponse(content_type=Stream.CONTENT_TYPE, headers=HEADERS)
        stream = Stream(http, bot, waiting.listener(request, bot, after))
        content: Any = stream.frames() if waiting.on_asgi(http) else _OnThread(stream)
        return StreamingHttpResponse(content, content_type=Stream.CONTENT_TYPE, headers=HEADERS)


def _cursor(request: Request) -> int:
    """Where the client was: what it says when it comes back counts more than the address."""
    given = parameters(request.query_params, "after")
    given[LAST_EVENT_ID] = request.headers.get(LAST_EVENT_ID, "")
    told = {name: text for name, text in given.items() if text}  # empty is as if left out
    after = whole_number(told, "after", 0, 0, LARGEST_POSITION)
    return whole_number(told, LAST_EVENT_ID, after, 0, LARGEST_POSITION)


class Stream:
    """What one client is sent, piece by piece."""

    CONTENT_TYPE = "text/event-stream"

    def __init__(self, request: HttpRequest, bot: Bot, listener: waiting.Listener) -> None:
        self.request, self._bot, self._listener = request, bot, listener
        self._greeted = self._up_to_date = False

    async def frames(self) -> AsyncIterator[bytes]:
        """The pieces, until it is over or the client has gone."""
        while piece := await self.next():
            yield piece

    async def next(self) -> bytes:
        """The next events, or a comment that keeps the connection; nothing when it is over."""
        if not self._greeted:
            self._greeted = True
            return f"retry: {RECONNECT}\n\n".encode()
        until = time.monotonic() + KEEP_ALIVE
        while not self._listener.over:
            if not self._up_to_date and (found := await self._read()):
                return b"".join(frame(event) for event in found)
            left = until - time.monotonic()
            if left <= 0:
                return b": keep-alive\n\n"
            woken = await waiting.for_news(self.request, self._listener, left)
            self._up_to_date = not woken
        return b""

    async def _read(self) -> list[Event]:
        notes, after = self._listener.notes(), self._listener.after
        told, cursor = await waiting.in_thread(self.request, feed.read, self._bot, after)
        self._listener.after, self._up_to_date = cursor, not told
        if not notes:
            return told
        return [*told, *await waiting.in_thread(self.request, passing.events, notes)]


def frame(event: Event) -> bytes:
    """One event. What is told in passing has no id: who comes back does not come back to it."""
    place = f"id: {event.position}\n" if event.position else ""
    return f"{place}event: {event.type}\ndata: {event.text()}\n\n".encode()


class _OnThread(Iterator[bytes]):
    """A stream on WSGI, where it has one of few places until it is closed."""

    def __init__(self, stream: Stream) -> None:
        self._next = async_to_sync(stream.next)
        self._until = time.monotonic() + LONGEST_ON_WSGI
        self._place = ExitStack()
        if not self._place.enter_context(waiting.feed_slots.take(stream.request)):
            raise Unavailable(FULL)

    def __next__(self) -> bytes:
        piece = self._next() if time.monotonic() < self._until else b""
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """Give the place back; called by whoever serves the response, however it ends."""
        self._place.close()
