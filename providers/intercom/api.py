"""Intercom's REST API: hosts, headers, tokens, and what its errors mean.

https://developers.intercom.com/docs/references/rest-api/api.intercom.io
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from providers.base import Connection
from providers.errors import Gone, Misconfigured, Permanent, ProviderError, Reconnect, Unavailable
from providers.http import SAFE_METHODS, Response, error_for_status, retry_after, segment
from providers.intercom.models import ApiError, ApiErrors, Conversation

VERSION = "2.16"
API_HOSTS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}
APP_HOSTS = {
    "us": "https://app.intercom.com",
    "eu": "https://app.eu.intercom.com",
    "au": "https://app.au.intercom.com",
}
WINDOW = 10.0  # seconds that Intercom counts calls in; the wait where it names none
NO_ASSIGNEE = frozenset(
    {"admin_not_found", "team_not_found", "assignee_not_found", "team_unavailable"}
)

M = TypeVar("M", bound=BaseModel)


class MissingAssignee(Permanent):
    """Intercom does not know the teammate or the team, or the team takes nothing."""


class IntercomApi:
    """Calls in the name of one installation."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        host = connection.api_base_url or API_HOSTS[region_of(connection)]
        self.base_url = host.rstrip("/")

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        allow: Collection[int] = (),
        safe: bool | None = None,
    ) -> Response:
        """The answer, if it is 2xx or its status is in `allow`; else raises a ProviderError.

        `safe` says that the call changes nothing, where the method doesn't say so (a search).
        """
        tokens = self._connection.tokens
        token = tokens.get()
        answer = self._request(method, path, token, json)
        if answer.status == 401:
            answer = self._request(method, path, tokens.renew(token), json)
        if answer.status == 401:
            raise Reconnect(_detail(answer, "refused the access token"), status=401)
        if answer.ok or answer.status in allow:
            return answer
        changes_nothing = method in SAFE_METHODS if safe is None else safe
        raise self._error(answer, safe=changes_nothing)

    def read(self, model: type[M], method: str, path: str, **options: Any) -> M:
        """The answer as `model`."""
        return parsed(model, self.call(method, path, **options))

    def conversation(self, remote_id: str) -> Conversation:
        """The conversation with its newest 500 parts. Raises Gone, also if it was merged away."""
        found = self.read(Conversation, "GET", f"/conversations/{segment(remote_id)}")
        if found.id != remote_id:
            raise Gone("Intercom has merged this conversation into another one.")
        return found

    def _request(self, method: str, path: str, token: str, json: Any) -> Response:
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Intercom-Version": VERSION,
        }
        return self._connection.http.request(
            method, self.base_url + path, headers=headers, json=json
        )

    def _error(self, answer: Response, *, safe: bool) -> ProviderError:
        """The row of the error table; unlisted statuses mean the usual."""
        status, error = answer.status, first_error(answer)
        code = error.code
        if code in NO_ASSIGNEE:
            return MissingAssignee(_detail(answer, "found no such teammate or team"), code=code)
        if code == "not_restorable" or (status == 403 and "block" in error.message.lower()):
            return Permanent(_detail(answer, "has blocked this contact"), code=code, status=status)
        if status == 403:
            return Misconfigured(
                _detail(answer, "does not allow this; check the app's permissions and the plan"),
                code=code,
                status=status,
            )
        what = {404: "does not know this", 410: "has removed this", 429: "asks to slow down"}
        said = what.get(status, "had an error" if status >= 500 else "refused the request")
        return error_for_status(
            status,
            _detail(answer, said),
            code=code,
            wait=self._wait(answer) if status == 429 else retry_after(answer.headers),
            safe=safe,
        )

    def _wait(self, answer: Response) -> float:
        """Seconds until the rate limit's window ends, and a little, lest all come back at once."""
        jitter = random.uniform(0, 1)  # noqa: S311  # no secret
        reset = answer.headers.get("X-RateLimit-Reset", "")
        if reset.isdigit():
            return max(1.0, int(reset) - self._connection.now().timestamp()) + jitter
        return (retry_after(answer.headers) or WINDOW) + jitter


def region_of(connection: Connection) -> str:
    """Where the workspace is hosted: a key of the tables of hosts."""
    region = connection.settings.get("region") or "us"
    if region not in API_HOSTS:
        raise Misconfigured(f"There is no Intercom region {region}.", field="region")
    return region


def parsed(model: type[M], answer: Response) -> M:
    """The answer's body as `model`. Raises Unavailable for a body that is nothing like it."""
    try:
        return model.model_validate(answer.json())
    except ValidationError:
        raise Unavailable(
            "Intercom answered with something unexpected.", status=answer.status
        ) from None


def first_error(answer: Response) -> ApiError:
    """The first error of the answer's list; an empty one if there is none."""
    try:
        errors = ApiErrors.model_validate(answer.json()).errors
    except (Unavailable, ValidationError):
        return ApiError()
    return errors[0] if errors else ApiError()


def _detail(answer: Response, what: str) -> str:
    """A sentence without Intercom's own message, which may quote what was sent."""
    error = first_error(answer)
    about = [str(answer.status), error.code, f"field {error.field}" if error.field else ""]
    return f"Intercom {what} ({', '.join(filter(None, about))})."


def canonical_contact(answer: Response) -> str:
    """The contact that a merged one became, from `Link: </contacts/ID>; rel="canonical"`."""
    for link in answer.headers.get("Link", "").split(","):
        found = re.search(r"</?(?:.*/)?contacts/([^/>]+)>", link)
        if found and "canonical" in link:
            return found[1]
    return ""
