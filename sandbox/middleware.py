"""What protects the person at this machine from other web pages that are open there."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.http.response import HttpResponseBase

POLICY = (
    "default-src 'self'; img-src 'self' http: https: data:; media-src 'self' http: https:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)


class BrowserGuard:
    """Refuses writes that another site's page sends, and sets the security headers.

    The sandbox has no logins; without this, any page could post to a loopback address.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        origin = request.headers.get("Origin")
        foreign = bool(origin) and urlsplit(str(origin)).netloc != request.get_host()
        if foreign and request.method not in ("GET", "HEAD", "OPTIONS"):
            return HttpResponseForbidden("This request comes from another site.")
        response = self.get_response(request)
        response["Content-Security-Policy"] = POLICY
        response["X-Content-Type-Options"] = "nosniff"
        response["Referrer-Policy"] = "no-referrer"
        if isinstance(response, HttpResponse) and "Cache-Control" not in response:
            response["Cache-Control"] = "no-store"
        return response
