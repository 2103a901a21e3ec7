"""LiveChat's web API, version 3.6: hosts, tokens, regions.

https://platform.text.com/docs/messaging/customer-chat-api
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from providers.base import Connection
from providers.errors import Reconnect, Unavailable
from providers.http import Response
from providers.livechat.errors import api_error, error_of

logger = logging.getLogger(__name__)

VERSION = "3.6"
API_HOST = "https://api.livechatinc.com"
ACCOUNTS_HOST = "https://accounts.livechat.com"

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Bearer(Protocol):
    """A token that can be had anew when LiveChat refuses it."""

    def get(self) -> str: ...

    def renew(self, rejected: str) -> str: ...


class LiveChatApi:
    """Calls in the name of one installation, or of one of its customers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._host = (connection.api_base_url or API_HOST).rstrip("/")
        self._accounts_host = (connection.auth_base_url or ACCOUNTS_HOST).rstrip("/")

    @property
    def organization_id(self) -> str:
        return self._connection.settings.get("organization_id", "")

    def configuration(self, method: str, body: Any = None) -> Response:
        """A method of the Configuration API, as the agent who connected."""
        return self._as_agent("configuration", method, body, about_chat=False)

    def agent(self, method: str, body: Any) -> Response:
        """A method of the Agent Chat API about one chat, as the agent who connected."""
        return self._as_agent("agent", method, body, about_chat=True)

    def customer(self, who: Bearer, method: str, body: Any = None, files: Any = None) -> Response:
        """A method of the Customer Chat API, as that customer."""

        def call(token: str, headers: Mapping[str, str]) -> Response:
            return self._connection.http.request(
                "POST",
                f"{self._host}/v{VERSION}/customer/action/{method}",
                headers={"Authorization": f"Bearer {token}", **headers},
                params={"organization_id": self.organization_id},
                json=None if files else (body or {}),
                files=files,
            )

        return self._with_token(who, call, method, about_chat=True)

    def accounts(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Any = None,
    ) -> Response:
        """An answer of the accounts server, whatever its status."""
        return self._connection.http.request(
            method, self._accounts_host + path, headers=headers, json=json, data=data
        )

    @property
    def accounts_host(self) -> str:
        return self._accounts_host

    def _as_agent(self, api: str, method: str, body: Any, *, about_chat: bool) -> Response:
        pasted = self._connection.credentials.get("agent_token", "")
        scheme = "Basic" if pasted else "Bearer"

        def call(token: str, headers: Mapping[str, str]) -> Response:
            return self._connection.http.request(
                "POST",
                f"{self._host}/v{VERSION}/{api}/action/{method}",
                headers={"Authorization": f"{scheme} {token}", **headers},
                json=body or {},
            )

        who: Bearer = PersonalToken(pasted) if pasted else self._connection.tokens
        return self._with_token(who, call, method, about_chat=about_chat)

    def _with_token(
        self,
        who: Bearer,
        call: Callable[[str, Mapping[str, str]], Response],
        method: str,
        *,
        about_chat: bool,
    ) -> Response:
        """The answer if it is 2xx; a refused token is renewed once. Raises ProviderError."""
        token = who.get()
        answer = self._in_region(call, token)
        if _token_refused(answer):
            token = who.renew(token)
            answer = self._in_region(call, token)
            if _token_refused(answer):
                raise Reconnect(
                    f"LiveChat refuses a fresh token for {method}.",
                    code="authentication",
                    status=answer.status,
                )
        if not answer.ok:
            raise error_of(answer, method, about_chat=about_chat)
        for sign in ("Legacy", "Deprecation"):
            if sign in answer.headers:
                logger.warning(
                    "livechat ends version %s: %s %s", VERSION, sign, answer.headers[sign]
                )
        return answer

    @staticmethod
    def _in_region(call: Callable[[str, Mapping[str, str]], Response], token: str) -> Response:
        """The answer, from the region that LiveChat names where the first one was wrong."""
        answer = call(token, {})
        if answer.ok:
            return answer
        error = api_error(answer)
        if error.type == "misdirected_request" and error.data and error.data.region:
            return call(token, {"X-Region": error.data.region})
        return answer


class PersonalToken:
    """A pasted personal access token: there is no other one."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get(self) -> str:
        return self._token

    def renew(self, rejected: str) -> str:
        del rejected
        raise Reconnect("LiveChat refuses the personal access token: paste a new one.")


def parsed(model: type[M], answer: Response) -> M:
    """The answer's body as `model`. Raises Unavailable for a body that is nothing like it."""
    return _validated(model.model_validate, answer)


def parsed_list(model: type[M], answer: Response) -> list[M]:
    """The same for a list."""
    return _validated(TypeAdapter(list[model]).validate_python, answer)  # type: ignore[valid-type]


def _validated(validate: Callable[[Any], T], answer: Response) -> T:
    try:
        return validate(answer.json())
    except ValidationError:
        raise Unavailable(
            "LiveChat answered with something unexpected.", status=answer.status
        ) from None


def _token_refused(answer: Response) -> bool:
    if answer.ok:
        return False
    type_ = api_error(answer).type
    return type_ == "authentication" or (not type_ and answer.status == 401)
