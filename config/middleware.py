"""Middleware of the whole site.

Every one of them works in async as well: under config.asgi a single middleware that does not would
hold a thread for as long as a listener waits for events.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware
from whitenoise.middleware import WhiteNoiseMiddleware

Handler = Callable[[HttpRequest], HttpResponseBase]
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
ZONE_COOKIE = "tz"
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}")
BOUND_THEMSELVES = ("/api/", "/webhooks/", "/botpress/")


@sync_and_async_middleware
def livez(get_response: Any) -> Handler | AsyncHandler:
    """Answer /livez before anything else runs: no host check, no session, no database, no log."""

    def alive(request: HttpRequest) -> HttpResponse | None:
        if request.path_info != "/livez":
            return None
        return HttpResponse(
            b"ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"}
        )

    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            return alive(request) or cast(HttpResponseBase, await get_response(request))

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        return alive(request) or cast(HttpResponseBase, get_response(request))

    return answer


@sync_and_async_middleware
def bounded(get_response: Any) -> Handler | AsyncHandler:
    """Refuse a body that is too large by its own word, before a form's files fill the disk.

    Bots' and help desks' addresses bound what they read themselves.
    """

    def refusal(request: HttpRequest) -> HttpResponse | None:
        length = request.META.get("CONTENT_LENGTH") or ""
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        if request.path_info.startswith(BOUND_THEMSELVES) or not length.isdecimal():
            return None
        return HttpResponse(status=413) if int(length[:20]) > limit else None

    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            return refusal(request) or cast(HttpResponseBase, await get_response(request))

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        return refusal(request) or cast(HttpResponseBase, get_response(request))

    return answer


@sync_and_async_middleware
def viewers_time(get_response: Any) -> Handler | AsyncHandler:
    """Show and read times in the zone of who looks, as their browser names it (see admin.js)."""

    def zone(request: HttpRequest) -> ZoneInfo | None:
        name = request.COOKIES.get(ZONE_COOKIE, "")
        if not request.path_info.startswith("/admin/") or not ZONE.fullmatch(name):
            return None
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):
            return None  # this machine does not know it: UTC

    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            with timezone.override(zone(request)):
                return cast(HttpResponseBase, await get_response(request))

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone(request)):
            return cast(HttpResponseBase, get_response(request))

    return answer


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, which knows sync only, made to pass requests on in async too."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Return the file, or what comes next: a response, in async one to be awaited."""
        if iscoroutinefunction(self):
            return self._answer(request)
        return super().__call__(request)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        answer = super().__call__(request)
        return cast(HttpResponseBase, await answer if isinstance(answer, Awaitable) else answer)
