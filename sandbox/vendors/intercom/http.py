"""How Intercom's API answers: bearer tokens, versions, rate-limit headers, error lists."""

from __future__ import annotations

import hmac
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox.models import Account

VERSIONS = {"Unstable", *(f"2.{minor}" for minor in range(17)), "1.4"}
DEFAULT_VERSION = "2.16"
WINDOW = 10  # seconds that a rate limit counts over
LIMIT = 1666  # calls per window: 10,000 a minute


class ApiError(Exception):
    """An error list. See https://developers.intercom.com/docs/references/rest-api/errors"""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field
        self.headers = headers or {}


def not_found(message: str = "Resource Not Found") -> ApiError:
    """The plain 404."""
    return ApiError(404, "not_found", message)


def parameter(field: str, message: str, code: str = "parameter_invalid") -> ApiError:
    """A 400 that names the field."""
    return ApiError(400, code, message, field)


@dataclass(frozen=True)
class Call:
    """An authorised call: who, what was sent."""

    account: Account
    request: HttpRequest
    body: dict[str, Any]

    def text(self, field: str, *, required: bool = True) -> str:
        """A string of the body; numbers count as strings, as Intercom takes both for ids."""
        value = self.body.get(field)
        if value is None or value == "":
            if required:
                raise parameter(field, f"{field} is required", "parameter_not_found")
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise parameter(field, f"{field} must be a string", "type_mismatch")
        return str(value)


Handler = Callable[..., dict[str, Any]]


def endpoint(**handlers: Handler) -> Callable[..., HttpResponse]:
    """A view of one address, from a handler per method (`get=`, `post=`, ...)."""

    def view(request: HttpRequest, account: str, **ids: str) -> HttpResponse:
        handler = handlers.get(str(request.method).lower())
        try:
            call = _authorise(request)
            if handler is None:
                raise not_found("The requested resource could not be found")
            return _finish(request, JsonResponse(handler(call, **ids)))
        except ApiError as problem:
            return _finish(request, error_list(problem))

    return view


def nowhere(request: HttpRequest, account: str, rest: str = "") -> HttpResponse:
    """Any address that the API does not have."""
    return _finish(request, error_list(not_found("The requested resource could not be found")))


def _authorise(request: HttpRequest) -> Call:
    account = getattr(request, "account", None)
    token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    known = str(account.credentials.get("access_token", "")) if account else ""
    if not account or not known or not hmac.compare_digest(token.encode(), known.encode()):
        raise ApiError(401, "unauthorized", "Access Token Invalid")
    version = request.headers.get("Intercom-Version", DEFAULT_VERSION)
    if version not in VERSIONS:
        raise ApiError(400, "intercom_version_invalid", "The requested version could not be found")
    if not window_of(account).take():
        raise ApiError(429, "rate_limit_exceeded", "Exceeded rate limit")
    return Call(account, request, read_json(request))


def read_json(request: HttpRequest) -> dict[str, Any]:
    """The body, an object; empty for methods that have none. Raises ApiError."""
    if request.method in ("GET", "HEAD", "DELETE") or not request.body:
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        raise ApiError(400, "bad_request", "bad 'content-type' header or body") from None
    if not isinstance(body, dict):
        raise ApiError(400, "parameter_invalid", "The body must be an object")
    return body


def error_list(problem: ApiError) -> HttpResponse:
    """The JSON body of an error."""
    error: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if problem.field:
        error["field"] = problem.field
    body = {"type": "error.list", "request_id": str(uuid.uuid4()), "errors": [error]}
    return JsonResponse(body, status=problem.status, headers=problem.headers)


def _finish(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    response["Intercom-Version"] = request.headers.get("Intercom-Version", DEFAULT_VERSION)
    response["X-Request-Id"] = uuid.uuid4().hex
    account = getattr(request, "account", None)
    if account:
        for name, value in window_of(account).headers().items():
            response.setdefault(name, value)
    return response


class Window:
    """Calls of one account in the current ten seconds. Kept in memory, as it is soon over."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._started = 0
        self._used = 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Count one call; False if it is one too many."""
        with self._lock:
            now = int(time.time()) // WINDOW * WINDOW
            if now != self._started:
                self._started, self._used = now, 0
            self._used += 1
            return self._used <= self.limit

    def headers(self) -> dict[str, str]:
        """X-RateLimit-*; Reset is in unix seconds."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self._used)),
            "X-RateLimit-Reset": str(self._started + WINDOW),
        }


_windows: dict[int, Window] = {}


def window_of(account: Account) -> Window:
    """The account's window; setting `rate_limit` is the number of calls in ten seconds."""
    window = _windows.setdefault(account.pk, Window(LIMIT))
    window.limit = int(account.setting("rate_limit", LIMIT))
    return window
