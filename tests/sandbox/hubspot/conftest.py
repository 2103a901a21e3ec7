"""A client of the imitated HubSpot that holds both sides to HubSpot's own descriptions."""

import functools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.control import AccountControl
from tests.sandbox.conftest import Listener, listener, specs
from tests.sandbox.hubspot.spec import Descriptions
from tests.sandbox_fixture import SandboxServer, sandbox

__all__ = ["Listener", "listener", "sandbox"]
CC = "/conversations/custom-channels/2026-03"
CV = "/conversations/conversations/2026-09"
FILES = "/files/2026-03/files"
HELP_DESK = "210002"
OPAQUE = "CHANNEL_SPECIFIC_OPAQUE_ID"
CAPABILITIES = {
    "threadingModel": "INTEGRATION_THREAD_ID",
    "deliveryIdentifierTypes": [OPAQUE, "HS_EMAIL_ADDRESS", "HS_PHONE_NUMBER"],
    "richText": ["BOLD", "HYPERLINK"],
    "allowOutgoingMessages": True,
    "outgoingAttachmentTypes": ["FILE"],
    "allowedFileAttachmentMimeTypes": ["image/png"],
    "maxFileAttachmentCount": 5,
    "maxFileAttachmentSizeBytes": 10_000_000,
}


@functools.cache
def descriptions() -> Descriptions | None:
    folder = specs()
    return Descriptions(folder) if (folder / "hubspot-files-2026-03.json").exists() else None


class Api:
    """The app, with its installation in one portal."""

    def __init__(self, account: AccountControl) -> None:
        self.account = account
        self.credentials = account.credentials
        self.token = account.credentials["access_token"]

    def call(self, method: str, path: str, body: Any = None, **extra: Any) -> requests.Response:
        """A call; whatever HubSpot's descriptions forbid must have been refused, and the answer
        must be as described."""
        headers = {"Authorization": f"Bearer {self.token}"} | extra.pop("headers", {})
        answer = requests.request(
            method,
            self.account.base_url + path,
            json=body,
            headers=headers,
            timeout=10,
            **extra,
        )
        known = descriptions()
        if known:
            if body is not None and known.request_problems(method, path, body):
                partial_channel = method == "PATCH" and path.count("/") == 4
                assert answer.status_code == 400 or partial_channel, answer.text
            shown = answer.json() if answer.content and "json" in _kind(answer) else None
            status = answer.status_code
            assert not known.answer_problems(method, path, status, shown), answer.text
        return answer

    def developer(
        self, method: str, path: str, body: Any = None, **query: str
    ) -> requests.Response:
        """A call with the developer's key."""
        who = {"hapikey": self.credentials["developer_api_key"], "appId": self.app_id}
        return self.call(method, path, body, params=who | query)

    @property
    def app_id(self) -> str:
        return self.credentials["app_id"]

    def form(self, path: str, **fields: str) -> requests.Response:
        client = {name: self.credentials[name] for name in ("client_id", "client_secret")}
        url = self.account.base_url + path
        return requests.post(url, data=client | fields, timeout=10)

    def channel(self, webhook_url: str = "", **capabilities: Any) -> str:
        """A new channel's id."""
        body: dict[str, Any] = {"name": "Handoff", "capabilities": CAPABILITIES | capabilities}
        if webhook_url:
            body["webhookUrl"] = webhook_url
        return str(self.developer("POST", CC, body).json()["id"])

    def connect(self, channel: str, value: str = "acme-web", inbox: str = HELP_DESK) -> str:
        """A new channel account's id."""
        body = {
            "inboxId": inbox,
            "name": "Web",
            "authorized": True,
            "deliveryIdentifier": {"type": OPAQUE, "value": value},
        }
        answer = self.call("POST", f"{CC}/{channel}/channel-accounts", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def _kind(answer: requests.Response) -> str:
    return answer.headers.get("Content-Type", "")


def message(account_id: str, thread: str = "conv-9", **fields: Any) -> dict[str, Any]:
    """A customer's message, as a client publishes it."""
    email = {"type": "HS_EMAIL_ADDRESS", "value": "bo@example.com"}
    return {
        "messageDirection": "INCOMING",
        "channelAccountId": account_id,
        "integrationThreadId": thread,
        "integrationIdempotencyId": uuid.uuid4().hex,
        "text": "Hi",
        "richText": "<p>Hi</p>",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "senders": [{"name": "Bo", "deliveryIdentifier": email}],
        "recipients": [{"deliveryIdentifier": {"type": OPAQUE, "value": "acme-web"}}],
        "attachments": [],
    } | fields


@pytest.fixture
def portal(sandbox: SandboxServer) -> Iterator[AccountControl]:
    """A fresh portal that retries a webhook after 0.3 s instead of a minute."""
    slug = f"h-{uuid.uuid4().hex[:12]}"
    account = sandbox.control.account(slug, "hubspot", settings={"retry_delays": [0.3]})
    yield account
    account.remove()


@pytest.fixture
def hubspot(portal: AccountControl) -> Api:
    return Api(portal)


class Link:
    """A channel that is connected to the help desk, with its webhooks' receiver."""

    def __init__(self, api: Api, webhook_url: str) -> None:
        self.api = api
        self.channel = api.channel(webhook_url)
        self.account = api.connect(self.channel)

    def say(self, text: str = "Hi", **fields: Any) -> dict[str, Any]:
        """Publish a customer's message; it as HubSpot shows it."""
        body = message(self.account, text=text, **fields)
        answer = self.api.call("POST", f"{CC}/{self.channel}/messages", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture
def link(hubspot: Api, listener: Listener) -> Link:
    return Link(hubspot, f"{listener.url}/channel")
