"""The events feed: the same events as the callbacks, for bots without a public address."""

from __future__ import annotations

import time

from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api import describe, waiting
from conversations.api.base import AsyncView, plain
from conversations.api.paging import LARGEST_POSITION, MAX_LIMIT, parameters, whole_number
from conversations.engine.hub import Note
from conversations.flows import feed, passing
from conversations.models import Event
from hitl_bridge.models import Bot
from hitl_bridge.models.bots import ApiKeyScope

# Shorter than the minute after which proxies usually hang up.
LONGEST_WAIT = 50  # seconds
# A wait that is longer is cut, not refused; this only keeps numbers readable.
LONGEST_ASKED = 3600


class Events(AsyncView):
    """What happened, from a cursor on; waits for something where asked to."""

    scope = ApiKeyScope.EVENTS

    @describe.list_events
    async def get(self, request: Request) -> Response:
        given = parameters(request.query_params, "after", "wait", "limit")
        if not given.get("after"):
            given.pop("after", None)  # empty is from the beginning too
        after = whole_number(given, "after", 0, 0, LARGEST_POSITION)
        seconds = min(whole_number(given, "wait", 0, 0, LONGEST_ASKED), LONGEST_WAIT)
        limit = whole_number(given, "limit", feed.PAGE, 1, MAX_LIMIT)
        bot = self.bot_of(request)
        found, cursor = await waiting.in_thread(plain(request), feed.read, bot, after, limit)
        if not found and seconds:
            with waiting.feed_slots.take(plain(request)) as may_wait:
                if may_wait:
                    found, cursor = await _next(request, bot, after, limit, seconds)
        page = {"items": [event.body() for event in found], "nextCursor": str(cursor)}
        return Response(page)


async def _next(
    request: Request, bot: Bot, after: int, limit: int, seconds: float
) -> tuple[list[Event], int]:
    """The next events, or none when the time is over. Raises AuthenticationFailed."""
    until = time.monotonic() + seconds
    listener = waiting.listener(request, bot, after)
    found: list[Event] = []
    cursor = after
    while not found and not listener.over and (left := until - time.monotonic()) > 0:
        await waiting.for_news(plain(request), listener, left)
        if listener.refused:
            raise AuthenticationFailed("The API key has been revoked or has expired.")
        found, cursor = await waiting.in_thread(
            plain(request), _news, bot, after, limit, listener.notes()
        )
    return found, cursor


def _news(bot: Bot, after: int, limit: int, notes: list[Note]) -> tuple[list[Event], int]:
    """What is in the feed, and then what is told in passing."""
    found, cursor = feed.read(bot, after, limit)
    return [*found, *passing.events(notes)], cursor
