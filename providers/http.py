"""The one way out: HTTP with time-outs, a size limit, guarded targets and mapped errors.

Every address that a tenant can influence goes through a `HttpClient` whose session is a
`guarded_session` (providers.targets). A time limit is of the whole answer: who sends it byte by
byte (providers.deadline) gains nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests_hardened.ip_filter import InvalidIPAddress
from urllib3.exceptions import ReadTimeoutError

from providers import deadline
from providers.errors import (
    Gone,
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    ProviderError,
    RateLimited,
    Reconnect,
    Retry,
    Unavailable,
)

CONNECT_TIMEOUT = 3.0  # seconds
READ_TIMEOUT = 15.0
MAX_RESPONSE_BYTES = 8 * 1024 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ForbiddenTarget(Permanent):
    """Outgoing calls must not reach this address."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False, default_factory=dict)

    def json(self) -> Any:
        """The decoded body, or {} where it is empty; Retry where it is not JSON."""
        if not self.content.strip():
            return {}
        try:
            return json.loads(self.content)
        except ValueError:
            raise Unavailable(
                "The help desk answered with something that is not JSON.", status=self.status
            ) from None

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """What Content-Type says, without its parameters; empty if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip()


class HttpClient:
    """Requests that either answer or raise a `ProviderError`.

    `before_request` is called ahead of each request: the engine renews its lease there.
    """

    def __init__(
        self,
        session: requests.Session,
        before_request: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._before_request = before_request

    def request(  # noqa: PLR0913 - as requests has it
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        data: Any = None,
        files: Any = None,
        timeout: float = READ_TIMEOUT,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Response:
        """The answer, whatever its status. Raises Unavailable if the request surely did not
        reach the server, OutcomeUnknown if it may have, ForbiddenTarget if it must not.

        `timeout` is seconds for connecting and, apart, for the whole answer.
        """
        self._before_request()
        until = time.monotonic() + timeout
        safe = method.upper() in SAFE_METHODS
        try:
            with (
                deadline.ends_at(until),
                self._session.request(
                    method,
                    url,
                    headers=dict(headers or {}),
                    params=dict(params or {}),
                    json=json,
                    data=data,
                    files=files,
                    timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                    stream=True,
                    allow_redirects=False,
                ) as answer,
            ):
                content = _read(answer, until, max_bytes)
        except InvalidIPAddress:
            raise ForbiddenTarget(
                f"{_host(url)} is a private address or an unusual port; the platform operator "
                "can allow it in ALLOWED_PRIVATE_TARGETS."
            ) from None
        except (
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidSchema,
            requests.exceptions.MissingSchema,
            UnicodeError,
        ) as error:
            raise Misconfigured(f"Not a valid address ({type(error).__name__}).") from None
        except requests.exceptions.RequestException as error:
            raise _transport_error(error, url, safe=safe) from None
        return Response(
            answer.status_code,
            CaseInsensitiveDict(answer.headers),
            content,
            {cookie.name: cookie.value or "" for cookie in answer.cookies},
        )


def _read(answer: requests.Response, until: float, max_bytes: int) -> bytes:
    """The body, within its limits of size and time."""
    chunks, size = [], 0
    for chunk in answer.iter_content(64 * 1024):
        size += len(chunk)
        if size > max_bytes:
            raise Permanent(f"The answer is larger than {max_bytes} bytes.")
        if time.monotonic() > until:
            raise requests.exceptions.ReadTimeout("the answer took too long")
        chunks.append(chunk)
    return b"".join(chunks)


def _transport_error(error: Exception, url: str, *, safe: bool) -> Retry:
    host = _host(url)
    never_sent = isinstance(error, requests.exceptions.ConnectTimeout) or (
        isinstance(error, requests.exceptions.ConnectionError) and _failed_to_connect(error)
    )
    if never_sent:
        return Unavailable(f"{host} can't be reached.")
    late = isinstance(error, requests.exceptions.Timeout) or (
        bool(error.args) and isinstance(error.args[0], ReadTimeoutError)
    )
    what = "did not answer in time" if late else "broke off"
    kind = Unavailable if safe else OutcomeUnknown
    return kind(f"{host} {what}.")


def _failed_to_connect(error: Exception) -> bool:
    """Whether the connection was never made (refused, no route, unknown host)."""
    from_urllib3 = error.args[0] if error.args else None
    reason = getattr(from_urllib3, "reason", from_urllib3)
    name = type(reason).__name__
    return name in {"NewConnectionError", "NameResolutionError", "SSLError"} or (
        "Failed to resolve" in str(error)
    )


def segment(value: str) -> str:
    """An id as one part of a path."""
    return quote(value, safe="")


def _host(url: str) -> str:
    return urlsplit(url).hostname or "The address"


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """The seconds that a Retry-After header asks for; a date or a number, else None."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def error_for_status(
    status: int, detail: str, *, code: str = "", wait: float | None = None, safe: bool = False
) -> ProviderError:
    """The usual meaning of an HTTP status; adapters handle their vendor's exceptions first.

    `safe`: the request changes nothing, so repeating it is harmless.
    """
    if status == 429:
        return RateLimited(detail, retry_after=wait, code=code, status=status)
    if status == 503 and wait is not None:
        return Unavailable(detail, retry_after=wait, code=code, status=status)
    if status in (408, 425) or status >= 500:
        kind = Unavailable if safe else OutcomeUnknown
        return kind(detail, retry_after=wait, code=code, status=status)
    if status == 401:
        return Reconnect(detail, code=code, status=status)
    if status == 403:
        return Misconfigured(detail, code=code, status=status)
    if status in (404, 410):
        return Gone(detail, code=code, status=status)
    return Permanent(detail, code=code, status=status)
