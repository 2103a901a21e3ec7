"""Zoho SalesIQ's REST API: hosts, tokens, and what its errors mean.

https://www.zoho.com/salesiq/help/developer-section/rest-api-v2.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from providers.base import Connection, TokenSource
from providers.errors import (
    Gone,
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    ProviderError,
    Reconnect,
    Unavailable,
)
from providers.http import (
    READ_TIMEOUT,
    SAFE_METHODS,
    Response,
    error_for_status,
    retry_after,
    segment,
)
from providers.zoho.brake import BLOCKED, brake
from providers.zoho.declaration import domain
from providers.zoho.models import ApiError, Entity, Message, to_ms
from providers.zoho.oauth import UserTokens

DEAD_TOKEN = frozenset({"1008", "1002"})
NOT_PERMITTED = frozenset({"1009", "1016", "1020"})
# code -> (what is wrong, the setting to look at)
SETTINGS_ERRORS = {
    "1005": ("does not know the screen name", "screen_name"),
    "1006": ("does not know this address; check the screen name and data center", "screen_name"),
    "1024": ("does not take the department", "department_id"),
    "1025": ("does not take the department", "department_id"),
    "1017": ("says that the plan does not include this", ""),
    "1021": ("says that the plan does not include this", ""),
}
CONTENT_ERRORS = {"1018": "is empty", "1027": "is too big", "1028": "is of a kind it does not take"}
SERVER_ERROR, UNKNOWN_RESOURCE = "1001", "1019"
PAGE = 99  # the most that Zoho's lists are documented to give at once
USUAL_PAGE = 20  # what a list gives that does not heed `limit`
PAGES = 25

M = TypeVar("M", bound=BaseModel)


class NotPermitted(Misconfigured):
    """The token is of the wrong kind for this call, or its owner may not do it."""


class RefusedContent(Permanent):
    """Zoho does not take this text or file."""


class Refused(Permanent):
    """Zoho refused the request as it was; `names` are the fields that it blamed."""

    def __init__(self, detail: str, *, code: str, status: int, names: str) -> None:
        super().__init__(detail, code=code, status=status)
        self.names = names


class ZohoApi:
    """Calls in the name of one installation."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._user = UserTokens(connection)

    @property
    def base_url(self) -> str:
        """SalesIQ's host. Raises Misconfigured for an unknown data center."""
        replaced = self._connection.api_base_url.rstrip("/")
        return replaced or f"https://salesiq.{domain(self._connection.settings)}"

    @property
    def has_user_token(self) -> bool:
        return self._user.available

    def visitor(self, method: str, path: str, **options: Any) -> Response:
        """A call as the visitor, which only an organization's token may make."""
        return self._call(
            self._connection.tokens, method, f"/api/visitor/v1/{self._screen}{path}", **options
        )

    def v2(self, method: str, path: str, **options: Any) -> Response:
        """A call of version 2, with the user's token where the organization's is not allowed."""
        sources: list[TokenSource] = [self._connection.tokens]
        if self._user.available:
            sources.insert(0 if self._user.preferred else 1, self._user)
        for source in sources:
            try:
                answer = self._call(source, method, f"/api/v2/{self._screen}{path}", **options)
            except NotPermitted:
                if source is sources[-1]:
                    raise
                continue
            if source is self._user:
                self._user.prefer()
            return answer
        raise AssertionError("there is always a token source")

    def conversation(self, remote_id: str) -> Entity:
        """The conversation as it is now. Raises Gone."""
        return parsed(Entity, self.v2("GET", f"/conversations/{segment(remote_id)}"))

    def messages(self, remote_id: str, since: datetime) -> list[Message]:
        """The conversation's messages since then, oldest first. Raises Gone.

        With `to_time` alone Zoho lists the newest first, so the pages go back in time.
        """
        found: dict[str, Message] = {}
        until = self._connection.now() + timedelta(minutes=10)  # its clock may be ahead of ours
        for _ in range(PAGES):
            params = {"to_time": str(to_ms(until)), "limit": str(PAGE)}
            answer = self.v2("GET", f"/conversations/{segment(remote_id)}/messages", params=params)
            page = [one for one in listed(Message, answer) if one.key]
            fresh = [one for one in page if one.key not in found]
            found |= {one.key: one for one in fresh}
            times = [one.time for one in page if one.time]
            if not fresh or not times or len(page) < USUAL_PAGE or min(times) < since:
                break
            # One more, lest `to_time` is exclusive; what comes twice is known by its id.
            until = min(times) + timedelta(milliseconds=1)
        recent = [(one.time, one) for one in found.values() if one.time and one.time >= since]
        return [one for _, one in sorted(recent, key=lambda pair: (pair[0], _number(pair[1])))]

    def conversations(
        self, department_id: str, email: str, since: datetime
    ) -> Iterable[Mapping[str, Any]]:
        """The department's conversations since then, as Zoho's rows, page by page."""
        params = {
            "app_id": self._connection.settings.get("app_id", ""),
            "department_id": department_id,
            "email": email,
            "from_time": str(to_ms(since)),
            "limit": str(PAGE),
        }
        seen: set[str] = set()
        for number in range(1, PAGES + 1):
            page = {name: value for name, value in params.items() if value}
            if number > 1:
                page["page"] = str(number)
            rows = rows_of(self.v2("GET", "/conversations", params=page))
            fresh = [row for row in rows if str(row.get("id")) not in seen]
            yield from fresh
            seen |= {str(row.get("id")) for row in fresh}
            if not fresh or len(rows) < USUAL_PAGE:
                return

    @property
    def _screen(self) -> str:
        return segment(self._connection.settings.get("screen_name", ""))

    def _call(
        self,
        tokens: TokenSource,
        method: str,
        path: str,
        *,
        timeout: float = READ_TIMEOUT,
        max_bytes: int = 8 * 1024 * 1024,
        **body: Any,
    ) -> Response:
        """The answer, if there is no error in it; a rejected token is renewed once."""
        url = self.base_url + path

        def attempt(token: str) -> tuple[Response, ApiError | None]:
            brake.check(self.base_url, self._connection.now())
            answer = self._connection.http.request(
                method,
                url,
                headers={"Authorization": f"Zoho-oauthtoken {token}"},
                timeout=timeout,
                max_bytes=max_bytes,
                **body,
            )
            return answer, error_of(answer)

        token = self._token(tokens)
        answer, error = attempt(token)
        if error and _is_dead(error, answer.status):
            answer, error = attempt(self._token(tokens, token))
        if error is None:
            brake.passed(self.base_url)
            return answer
        raise self._raised(error, answer, safe=method in SAFE_METHODS)

    def _token(self, tokens: TokenSource, rejected: str = "") -> str:
        try:
            return tokens.renew(rejected) if rejected else tokens.get()
        except (Reconnect, Misconfigured) as error:
            if tokens is not self._user:
                raise
            # Connecting again would give no new one of these: it was pasted.
            raise NotPermitted(
                "Zoho refuses the user-level refresh token.",
                field="user_refresh_token",
                code=error.code,
            ) from None

    def _raised(self, error: ApiError, answer: Response, *, safe: bool) -> ProviderError:
        """The row of the error table."""
        status, code = answer.status, error.code
        about: dict[str, Any] = {"code": code, "status": status}
        if _is_dead(error, status):
            return Reconnect(_detail(answer, error, "refused the access token"), **about)
        if code == BLOCKED or status == 429:
            wait = retry_after(answer.headers)
            return brake.blocked(self.base_url, self._connection.now(), wait)
        if code in NOT_PERMITTED:
            return _not_permitted(answer, error)
        if code in SETTINGS_ERRORS:
            what, name = SETTINGS_ERRORS[code]
            return Misconfigured(_detail(answer, error, what), field=name, **about)
        return self._usual(error, answer, safe=safe)

    def _usual(self, error: ApiError, answer: Response, *, safe: bool) -> ProviderError:
        """The rows that are about this one request."""
        status, code = answer.status, error.code
        about: dict[str, Any] = {"code": code, "status": status}
        if code == UNKNOWN_RESOURCE or (status in (404, 410) and not code):
            return Gone(_detail(answer, error, "does not know this"), **about)
        if code in CONTENT_ERRORS:
            what = f"says that this {CONTENT_ERRORS[code]}"
            return RefusedContent(_detail(answer, error, what), **about)
        if code == SERVER_ERROR or status >= 500:
            kind = Unavailable if safe else OutcomeUnknown
            return kind(_detail(answer, error, "had an error"), **about)
        if not code and status in (403, 408, 425):
            said = _detail(answer, error, "refused the request")
            return error_for_status(status, said, safe=safe)
        names = " ".join(filter(None, (error.json_key, error.param, error.header, error.message)))
        said = _detail(answer, error, "refused the request")
        return Refused(said, code=code, status=status, names=names)


def error_of(answer: Response) -> ApiError | None:
    """The error in the answer, whatever its status; None if there is none."""
    error = body_of(answer).get("error")
    if not error:
        return None if answer.ok else ApiError()
    try:
        return ApiError.model_validate(error)
    except ValidationError:
        return ApiError(message=error)


def body_of(answer: Response) -> dict[str, Any]:
    """The answer's object; an empty one for anything else, such as a file."""
    if not answer.content[:100].lstrip().startswith(b"{"):
        return {}
    try:
        body = answer.json()
    except (Unavailable, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def rows_of(answer: Response) -> list[dict[str, Any]]:
    """The objects of the answer's `data`, be it a list or one object."""
    data = body_of(answer).get("data")
    rows = data if isinstance(data, list) else [data]
    return [row for row in rows if isinstance(row, dict)]


def listed(model: type[M], answer: Response) -> list[M]:
    """The rows that can be read; one odd row must not hide the others."""
    found = []
    for row in rows_of(answer):
        try:
            found.append(model.model_validate(row))
        except ValidationError:
            continue
    return found


def parsed(model: type[M], answer: Response) -> M:
    """The answer's `data`. Raises Unavailable for something that is nothing like it."""
    found = listed(model, answer)
    if not found:
        raise Unavailable("Zoho answered with something unexpected.", status=answer.status)
    return found[0]


def _number(message: Message) -> int:
    return int(message.sequence_id) if message.sequence_id.isdecimal() else 0


def _is_dead(error: ApiError, status: int) -> bool:
    return error.code in DEAD_TOKEN or (status == 401 and not error.code)


def _not_permitted(answer: Response, error: ApiError) -> NotPermitted:
    if error.code == "1009":
        what = (
            "does not let this token do that: connect with a client of the type ORG, as an admin "
            "of the organization, and accept all permissions"
        )
    else:
        what = "does not permit this to whoever connected the account"
    return NotPermitted(
        _detail(answer, error, what), field="refresh_token", code=error.code, status=answer.status
    )


def _detail(answer: Response, error: ApiError, what: str) -> str:
    """A sentence without Zoho's own message, which may quote what was sent."""
    names = [name for name in (error.json_key, error.param, error.header) if name]
    fields = ", ".join(re.sub(r"[^\w.\[\] -]", "", name)[:60] for name in names)
    about = [str(answer.status), error.code[:10], f"field {fields}" if fields else ""]
    return f"Zoho {what} ({', '.join(filter(None, about))})."
