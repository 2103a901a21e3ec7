"""HubSpot's REST API: addresses by version, tokens, and what its errors mean.

https://developers.hubspot.com/docs/api-reference
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from providers.base import Connection
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
from providers.http import (
    SAFE_METHODS,
    Response,
    error_for_status,
    retry_after,
)

API_HOST = "https://api.hubapi.com"
WINDOW = 10.0  # seconds that HubSpot counts calls in
DAILY_WAIT = 600.0  # seconds to wait where the day's calls are used up
LOCKED_WAIT = 2.0
MOST_PAGES = 200
PAGE = "100"
# Area -> (path of dated versions, path of numbered ones, the default version).
AREAS = {
    "oauth": ("/oauth/{}", "/oauth/{}", "2026-03"),
    "channels": (
        "/conversations/custom-channels/{}",
        "/conversations/{}/custom-channels",
        "2026-03",
    ),
    "conversations": (
        "/conversations/conversations/{}",
        "/conversations/{}/conversations",
        "2026-09",
    ),
    "files": ("/files/{}/files", "/files/{}/files", "2026-03"),
    "tickets": ("/crm/objects/{}/tickets", "/crm/{}/objects/tickets", "2026-03"),
}
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,80}")

M = TypeVar("M", bound=BaseModel)


class AlreadyThere(Permanent):
    """HubSpot has carried this out already: an idempotency id or a connection repeats."""


class HubSpotApi:
    """Calls in the name of one installation."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.base_url = (connection.api_base_url or API_HOST).rstrip("/")

    def version(self, area: str) -> str:
        """The API version of an area, as the installation's settings say."""
        return self._connection.settings.get(f"{area}_version") or AREAS[area][2]

    def url(self, area: str, path: str = "") -> str:
        """The address of an area, below the chosen version's base path."""
        version = self.version(area)
        template = AREAS[area][version.startswith("v")]
        return self.base_url + template.format(version) + path

    def call(
        self,
        method: str,
        area: str,
        path: str = "",
        *,
        allow: Collection[int] = (),
        url: str = "",
        **request: Any,
    ) -> Response:
        """The answer, if it is 2xx or its status is in `allow`; else raises a ProviderError.

        `url` replaces the area's address, for what lies elsewhere in one version.
        """
        tokens, url = self._connection.tokens, url or self.url(area, path)
        token = tokens.get()
        answer = self._request(method, url, token, request)
        if answer.status == 401:
            answer = self._request(method, url, tokens.renew(token), request)
        if answer.status == 401:
            raise Reconnect(detail(answer, "refused the access token"), status=401)
        if answer.ok or answer.status in allow:
            return answer
        if answer.status == 404:
            raise _unknown(answer, area, path)
        raise error_of(answer, safe=method in SAFE_METHODS)

    def developer(
        self, method: str, path: str = "", *, allow: Collection[int] = (), **request: Any
    ) -> Response:
        """A call in the app's own name; the key travels in the query, so addresses are secret."""
        who = {
            "hapikey": self._connection.credentials.get("developer_api_key", ""),
            "appId": self._connection.settings.get("app_id", ""),
        }
        params = {**request.pop("params", {}), **who}
        answer = self._connection.http.request(
            method, self.url("channels", path), params=params, **request
        )
        if answer.ok or answer.status in allow:
            return answer
        if answer.status in (401, 403):
            raise Misconfigured(
                detail(answer, "refused the developer API key; check it and the app ID"),
                field="developer_api_key",
                status=answer.status,
            )
        if answer.status == 404:
            raise _unknown(answer, "channels", path)
        raise error_of(answer, safe=method in SAFE_METHODS)

    def read(self, model: type[M], method: str, area: str, path: str = "", **request: Any) -> M:
        """The answer as `model`; one that is nothing like it leaves a change's outcome open."""
        answer = self.call(method, area, path, **request)
        try:
            return parsed(model, answer)
        except Unavailable as error:
            if method in SAFE_METHODS:
                raise
            raise OutcomeUnknown(error.detail, status=answer.status) from None

    def pages(
        self,
        model: type[M],
        area: str,
        path: str = "",
        query: Mapping[str, str] | None = None,
        *,
        by_developer: bool = False,
    ) -> Iterator[M]:
        """All results of a list, page after page."""
        after = ""
        for _ in range(MOST_PAGES):
            params = {**(query or {}), **({"after": after} if after else {})}
            if by_developer:
                answer = self.developer("GET", path, params=params)
            else:
                answer = self.call("GET", area, path, params=params)
            body = answer.json()
            if not isinstance(body, Mapping) or not isinstance(body.get("results"), list):
                raise Unavailable("HubSpot answered with something unexpected.")
            for result in body["results"]:
                yield validated(model, result)
            following = _next_page(body)
            if not following or following == after:
                return
            after = following
        raise Unavailable("HubSpot's list has no end.")

    def _request(self, method: str, url: str, token: str, request: Mapping[str, Any]) -> Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return self._connection.http.request(method, url, headers=headers, **request)

    def download(self, url: str) -> Response:
        """A file from anywhere, without our credentials."""
        return self._connection.http.request("GET", url)


def error_of(answer: Response, *, safe: bool) -> ProviderError:
    """The row of the error table; unlisted statuses mean the usual."""
    status, code, wait = answer.status, code_of(answer), retry_after(answer.headers)
    if status == 429:
        said = detail(answer, "asks to slow down")
        return RateLimited(said, retry_after=_limit_wait(answer), code=code, status=status)
    if status == 423:
        said = detail(answer, "is still busy with this")
        return Retry(said, retry_after=wait or LOCKED_WAIT, code=code, status=status)
    if status == 477:
        said = detail(answer, "is moving this account to another data center")
        return Unavailable(said, retry_after=wait, code=code, status=status)
    if status in (521, 523):  # its front could not reach it: nothing was carried out
        said = detail(answer, "is out of reach")
        return Unavailable(said, retry_after=wait, code=code, status=status)
    if status == 403:
        said = detail(answer, "does not allow this; check the app's scopes and the plan")
        return Misconfigured(said, code=code, status=status)
    if status == 409 or (status == 400 and _is_repeat(answer)):
        return AlreadyThere(detail(answer, "has this already"), code=code, status=status)
    what = detail(answer, "had an error" if status >= 500 else "refused the request")
    return error_for_status(status, what, code=code, wait=wait, safe=safe)


def _unknown(answer: Response, area: str, path: str) -> ProviderError:
    """What a 404 means depends on what was asked for."""
    code = code_of(answer)
    if area == "conversations" and path.startswith("/threads/"):
        return Gone(detail(answer, "does not know this thread"), code=code, status=404)
    if area == "channels":
        said = "does not know the channel; save the installation to register it again"
        return Misconfigured(detail(answer, said), field="inbox_id", code=code, status=404)
    return Permanent(detail(answer, "does not know this"), code=code, status=404)


def _limit_wait(answer: Response) -> float:
    """Seconds until the limit's window ends, and a little, lest all come back at once."""
    jitter = random.uniform(0, 1)  # noqa: S311  # no secret
    asked = retry_after(answer.headers)
    if asked is not None:
        return asked + jitter
    if body_of(answer).get("policyName") == "DAILY":
        return DAILY_WAIT + jitter
    interval = answer.headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "")
    return (int(interval) / 1000 if interval.isdecimal() else WINDOW) + jitter


def _is_repeat(answer: Response) -> bool:
    """Whether it refuses a repeated idempotency id; how it says so is not documented."""
    said = " ".join(str(value) for value in body_of(answer).values()).lower()
    return "idempoten" in said


def parsed(model: type[M], answer: Response) -> M:
    """The answer's body as `model`. Raises Unavailable for a body that is nothing like it."""
    return validated(model, answer.json())


def validated(model: type[M], value: Any) -> M:
    """`value` as `model`, or Unavailable."""
    try:
        return model.model_validate(value)
    except ValidationError:
        raise Unavailable("HubSpot answered with something unexpected.") from None


def body_of(answer: Response) -> Mapping[str, Any]:
    """The answer's JSON object; empty if it is none."""
    try:
        body = answer.json()
    except Unavailable:
        return {}
    return body if isinstance(body, Mapping) else {}


def code_of(answer: Response) -> str:
    """The most telling of the error's codes, if there is any."""
    body = body_of(answer)
    for key in ("subCategory", "category", "errorType", "status", "error"):
        value = body.get(key)
        if isinstance(value, str) and value != "error" and _CODE.fullmatch(value):
            return value
    return ""


def detail(answer: Response, what: str) -> str:
    """A sentence without HubSpot's own message, which may quote what was sent."""
    return f"HubSpot {what} ({', '.join(filter(None, [str(answer.status), code_of(answer)]))})."


def iso(moment: datetime) -> str:
    """As HubSpot writes times: UTC, milliseconds, Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _next_page(body: Mapping[str, Any]) -> str:
    """The cursor in `paging.next.after`; empty on the last page."""
    step: Any = body
    for key in ("paging", "next", "after"):
        step = step.get(key) if isinstance(step, Mapping) else None
    return str(step) if step else ""
