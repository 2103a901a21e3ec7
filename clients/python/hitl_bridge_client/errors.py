"""What can go wrong.

BridgeError
├── Unreachable          no answer, or one that is not the bridge's
├── InvalidSignature     a callback that is not the bridge's
└── ApiError             a problem (RFC 9457) that the bridge answered with
    ├── InvalidRequest   400, 405, 415: mend the request
    ├── Unauthorized     401: the key is unknown, expired or revoked
    ├── Forbidden        403: the key lacks a scope
    ├── NotFound         404: no such thing, or it is another bot's
    ├── Conflict         409: for instance, the session has ended
    ├── TooLarge         413: send files by address
    ├── TooManyRequests  429
    ├── InternalError    500
    └── Unavailable      503: try again later
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Statuses that may be over by the next try.
PASSING = frozenset({429, 500, 502, 503, 504})


class BridgeError(Exception):
    """Whatever went wrong with the bridge."""

    passing = False  # whether the same call may succeed later
    retry_after = 0.0  # seconds that the bridge asks to wait


class Unreachable(BridgeError):
    """There was no answer, or one that is not the bridge's; whether it acted is not known."""

    def __init__(self, why: str, *, passing: bool = True) -> None:
        super().__init__(why)
        self.passing = passing


class InvalidSignature(BridgeError):
    """This callback is not the bridge's, or too old: answer 401 and forget it."""


class ApiError(BridgeError):
    """A problem that the bridge answered with; `type` is what programs go by."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float = 0) -> None:
        self.status = status
        self.passing = status in PASSING
        self.retry_after = retry_after
        self.problem = problem  # all members, as they came
        self.type = str(problem.get("type", ""))
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.field = str(problem.get("field", ""))  # what to mend: `payload.imageUrl`
        self.errors: list[dict[str, str]] = list(problem.get("errors", ()))
        super().__init__(f"{status} {self.title}: {self.detail}")


class InvalidRequest(ApiError):
    """The request must be mended; `errors` lists what is wrong."""


class Unauthorized(ApiError):
    """The key is unknown, expired or revoked, or the bot is disabled."""


class Forbidden(ApiError):
    """The key lacks a scope; `problem["scope"]` says which."""


class NotFound(ApiError):
    """There is no such thing, or it is another bot's."""


class Conflict(ApiError):
    """It does not go with the state that things are in; `field` says what it is about."""


class TooLarge(ApiError):
    """The body is too large: send files by address."""


class TooManyRequests(ApiError):
    """Too many calls of this key, even after waiting."""


class InternalError(ApiError):
    """A mistake of the bridge."""


class Unavailable(ApiError):
    """The bridge can't do this right now, even after waiting."""


_BY_NAME: dict[str, type[ApiError]] = {
    "invalid-request": InvalidRequest,
    "unauthorized": Unauthorized,
    "insufficient-scope": Forbidden,
    "not-found": NotFound,
    "method-not-allowed": InvalidRequest,
    "conflict": Conflict,
    "too-large": TooLarge,
    "unsupported-media-type": InvalidRequest,
    "too-many-requests": TooManyRequests,
    "internal-error": InternalError,
    "unavailable": Unavailable,
}


def api_error(status: int, problem: Mapping[str, Any], retry_after: float = 0) -> ApiError:
    """The error for a problem; one of a type that is not known here is a plain ApiError."""
    name = str(problem.get("type", "")).rpartition(":")[2]
    return _BY_NAME.get(name, ApiError)(status, problem, retry_after)
