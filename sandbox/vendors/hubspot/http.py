"""How HubSpot's APIs answer: who may call, rate limits, error bodies.

https://developers.hubspot.com/docs/api-reference/error-handling
"""

from __future__ import annotations

import hmac
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from pydantic import ValidationError

from sandbox.models import Account
from sandbox.vendors.hubspot import tokens
from sandbox.vendors.hubspot.wanted import Wanted

Json = dict[str, Any]
Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)
W = TypeVar("W", bound=Wanted)
WINDOW = 10.0  # seconds, rolling
LIMIT = 110  # calls per window, app and portal
MOST_PER_PAGE = 500


class ApiError(Exception):
    """An error body; `extra` adds to it or replaces what it has."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}
        self.body = {
            "status": "error",
            "message": message,
            "correlationId": str(uuid.uuid4()),
            "category": category,
            **extra,
        }


def invalid(message: str, **extra: Any) -> ApiError:
    """A 400: the request breaks the API's rules."""
    return ApiError(400, "VALIDATION_ERROR", message, **extra)


def not_found(what: str = "resource not found") -> ApiError:
    """A 404."""
    return ApiError(404, "OBJECT_NOT_FOUND", what)


@dataclass(frozen=True)
class Call:
    """An authorised call."""

    account: Account
    request: HttpRequest

    def read(self, model: type[W]) -> W:
        """The JSON body. Raises ApiError for what HubSpot's description forbids."""
        if self.request.content_type != "application/json":
            raise unsupported()
        try:
            return model.model_validate_json(self.request.body or b"null", strict=True)
        except ValidationError as problem:
            raise _refusal(problem) from None

    def number(self, name: str, default: int) -> int:
        """A whole number of the query."""
        value = self.request.GET.get(name, str(default))
        if not value.isdecimal():
            raise invalid(f"Unable to parse value for query parameter: {name}")
        return int(value)

    def flag(self, name: str) -> bool:
        """A yes or no of the query; no where it is not given."""
        value = self.request.GET.get(name, "false").lower()
        if value not in ("true", "false"):
            raise invalid(f"Unable to parse value for query parameter: {name}")
        return value == "true"

    def page(self, rows: list[Any], shape: Callable[[Any], Json], *, total: bool) -> Json:
        """One page of a list; the cursor is opaque to clients."""
        limit = self.number("limit", 100)
        if not 0 < limit <= MOST_PER_PAGE:
            raise invalid(f"limit must be between 1 and {MOST_PER_PAGE}")
        start = self.number("after", 0)
        answer: Json = {"results": [shape(row) for row in rows[start : start + limit]]}
        if total:
            answer["total"] = len(rows)
        if len(rows) > start + limit:
            answer["paging"] = {"next": {"after": str(start + limit)}}
        return answer


def unsupported() -> ApiError:
    """A 415."""
    return ApiError(415, "VALIDATION_ERROR", "HTTP 415 Unsupported Media Type")


def _refusal(problem: ValidationError) -> ApiError:
    """What is wrong with a body, roughly as HubSpot's reader words it."""
    errors = problem.errors(include_url=False, include_context=False, include_input=False)
    names = {error["loc"]: ".".join(map(str, error["loc"])) for error in errors}
    missing = [names[error["loc"]] for error in errors if error["type"] == "missing"]
    said = (
        f"Some required fields were not set: [{', '.join(missing)}]"
        if missing
        else f"{names[errors[0]['loc']] or 'body'}: {errors[0]['msg']}"
    )
    told = [{"message": e["msg"], "in": names[e["loc"]], "code": e["type"]} for e in errors]
    return invalid(f"Invalid input JSON on line 1, column 1: {said}", errors=told)


def needs(*scopes: str) -> Callable[[H], H]:
    """Marks a handler that one of these scopes opens."""

    def mark(handler: H) -> H:
        handler.scopes = scopes  # type: ignore[attr-defined]
        return handler

    return mark


def by_developer(handler: H) -> H:
    """Marks a handler that takes the developer's API key instead of a token."""
    handler.developer = True  # type: ignore[attr-defined]
    return handler


def endpoint(**handlers: Handler) -> Callable[..., HttpResponse]:
    """A view of one address, from a handler per method (`get=`, `post=`, ...).

    A handler returns the body; None is 204. What a POST makes is 201, unless marked `found`.
    """

    def view(request: HttpRequest, account: str, **ids: str) -> HttpResponse:
        row: Account | None = getattr(request, "account", None)
        handler = handlers.get(str(request.method).lower())
        try:
            if row is None:
                raise not_found()
            if handler is None:
                raise ApiError(405, "VALIDATION_ERROR", "HTTP 405 Method Not Allowed")
            _admit(row, request, handler, ids.get("app_id"))
            answer = handler(Call(row, request), **ids)
        except ApiError as problem:
            return _finish(row, error(problem))
        if isinstance(answer, HttpResponse):
            return _finish(row, answer)
        if answer is None:
            return _finish(row, HttpResponse(status=204))
        made = request.method == "POST" and not getattr(handler, "found", False)
        return _finish(row, JsonResponse(answer, status=201 if made else 200))

    return view


def finding(handler: H) -> H:
    """Marks a POST that makes nothing: it answers 200."""
    handler.found = True  # type: ignore[attr-defined]
    return handler


def nowhere(request: HttpRequest, account: str, rest: str = "") -> HttpResponse:
    """Any address that the APIs do not have."""
    return error(not_found())


def error(problem: ApiError) -> HttpResponse:
    """The answer that an error is."""
    return JsonResponse(problem.body, status=problem.status, headers=problem.headers)


def _admit(
    account: Account, request: HttpRequest, handler: Handler, app_id: str | None = None
) -> None:
    """Raises ApiError unless the caller may. The app is named in the path or in the query."""
    if getattr(handler, "developer", False):
        _check_key(account, request, app_id or request.GET.get("appId", ""))
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ApiError(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication",
        )
    grant = tokens.read_access(account, token.strip())
    if grant is None:
        said = "The OAuth token used to make this call is invalid."
        raise ApiError(401, "INVALID_AUTHENTICATION", said)
    if grant.expired:
        said = "The OAuth token used to make this call expired."
        raise ApiError(401, "EXPIRED_AUTHENTICATION", said)
    scopes = getattr(handler, "scopes", ())
    if scopes and not set(scopes) & set(grant.scopes):
        raise ApiError(
            403,
            "MISSING_SCOPES",
            "This app hasn't been granted all required scopes to make this call.",
            errors=[
                {
                    "message": "One or more of the following scopes are required.",
                    "context": {"requiredGranularScopes": list(scopes)},
                }
            ],
        )
    if not window_of(account).take():
        raise too_many("TEN_SECONDLY_ROLLING")


def _check_key(account: Account, request: HttpRequest, app_id: str) -> None:
    key, known = request.GET.get("hapikey", ""), account.credentials["developer_api_key"]
    if not hmac.compare_digest(key.encode(), known.encode()):
        said = "The API key provided is invalid."
        raise ApiError(401, "INVALID_AUTHENTICATION", said)
    if app_id != account.credentials["app_id"]:
        raise ApiError(403, "INVALID_AUTHENTICATION", "The app does not belong to this developer.")


def too_many(policy: str) -> ApiError:
    """A 429; HubSpot documents no Retry-After for it."""
    return ApiError(
        429,
        "RATE_LIMITS",
        f"You have reached your {policy.lower()} limit.",
        errorType="RATE_LIMIT",
        policyName=policy,
        requestId=uuid.uuid4().hex,
    )


def _finish(account: Account | None, response: HttpResponse) -> HttpResponse:
    response["X-HubSpot-Correlation-Id"] = str(uuid.uuid4())
    if account:
        for name, value in window_of(account).headers().items():
            response.setdefault(name, value)
    return response


class Window:
    """The calls of the last ten seconds. Kept in memory, as they are soon over."""

    def __init__(self) -> None:
        self.limit = LIMIT
        self._taken: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Count one call; False if it is one too many, which then does not count."""
        with self._lock:
            self._forget()
            if len(self._taken) >= self.limit:
                return False
            self._taken.append(time.monotonic())
            return True

    def _forget(self) -> None:
        while self._taken and self._taken[0] <= time.monotonic() - WINDOW:
            self._taken.popleft()

    def headers(self) -> dict[str, str]:
        """X-HubSpot-RateLimit-*."""
        with self._lock:
            self._forget()
            return {
                "X-HubSpot-RateLimit-Max": str(self.limit),
                "X-HubSpot-RateLimit-Remaining": str(max(0, self.limit - len(self._taken))),
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(WINDOW * 1000)),
            }


_windows: dict[int, Window] = {}


def window_of(account: Account) -> Window:
    """The account's window; setting `rate_limit` is the number of calls in ten seconds."""
    window = _windows.setdefault(account.pk, Window())
    window.limit = int(account.setting("rate_limit", LIMIT))
    return window
