"""How a bot calls the bridge: by its API, or as Botpress's integration does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from bench.chaos.world import Tenant
from sandbox.control import AccountControl, Control


@dataclass(frozen=True)
class Call:
    """One POST to the bridge."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    wanted: str = ""  # the id in its answer
    repeated: bool = True  # until it is answered


@dataclass(frozen=True)
class ApiBot:
    """A careful bot: every call has a key and is repeated until it is answered."""

    key: str

    def create_user(self, name: str) -> Call:
        body = {"name": name, "externalId": name}
        return self._call("/actions/createUser", body, f"{name}-user", "userId")

    def start(self, name: str, user: str) -> Call:
        body = {"userId": user, "title": f"Talk {name}", "botConversationId": name}
        return self._call("/actions/startHitl", body, f"{name}-start", "conversationId")

    def say(self, name: str, user: str, conversation: str, text: str) -> Call:
        body = {"type": "text", "payload": {"text": text}, "userId": user}
        path = f"/conversations/{conversation}/messages"
        return self._call(path, body, f"{name}-{text}", "messageId")

    def _call(self, path: str, body: Mapping[str, Any], key: str, wanted: str) -> Call:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key}
        return Call(f"/api/v1{path}", body, headers, wanted)


@dataclass(frozen=True)
class Botpress:
    """The stock integration: no keys, and no message is said again."""

    path: str

    def create_user(self, name: str) -> Call:
        payload = {"role": "end-user", "name": name, "email": f"{name}@no-reply.b.botpress.com"}
        return self._call("createRemoteUser", {"payload": payload}, "id")

    def start(self, name: str, user: str) -> Call:
        del user  # the integration does not say
        payload = {"title": f"Talk {name}", "description": f"hitl: userId={name}"}
        return self._call("createRemoteConversation", {"payload": payload}, "id")

    def say(self, name: str, user: str, conversation: str, text: str) -> Call:
        body = {
            "remoteConversationId": conversation,
            "remoteUserId": user,
            "payload": {"text": text, "userId": name},
        }
        return self._call("botSendsMessage", body, repeated=False)

    def _call(
        self, name: str, body: Mapping[str, Any], wanted: str = "", *, repeated: bool = True
    ) -> Call:
        return Call(f"{self.path}/{name}", {"type": name, **body}, {}, wanted, repeated)


def bot_of(tenant: Tenant) -> ApiBot | Botpress:
    """How this tenant's bot calls."""
    if tenant.connector == "botpress":
        return Botpress(tenant.botpress_path)
    return ApiBot(tenant.key)


class Caller:
    """One thread's connections."""

    def __init__(self, web_url: str, control: Control) -> None:
        self._web = web_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._control = control
        self._accounts: dict[int, AccountControl] = {}

    def post(self, call: Call) -> requests.Response | None:
        """The answer; None if there was none."""
        return self._ask("POST", call.path, call.headers, json=call.body)

    def ticket_of(self, conversation: str, key: str) -> str:
        """Its ticket's id; empty while there is none, or no answer."""
        path, headers = f"/api/v1/conversations/{conversation}", {"Authorization": f"Bearer {key}"}
        answer = self._ask("GET", path, headers)
        return str(answer.json().get("ticketId") or "") if answer is not None and answer.ok else ""

    def account(self, tenant: Tenant) -> AccountControl:
        """The tenant's account at the sandbox, by this thread's connection."""
        if tenant.index not in self._accounts:
            data = self._control.call("GET", f"/accounts/{tenant.slug}")
            self._accounts[tenant.index] = AccountControl(self._control, data)
        return self._accounts[tenant.index]

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], **more: Any
    ) -> requests.Response | None:
        url = f"{self._web}{path}"
        try:
            return self._session.request(method, url, headers=headers, timeout=20, **more)
        except requests.RequestException:
            return None
