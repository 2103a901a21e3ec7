"""A client of the imitated LiveChat, which signs in as an agent and as customers."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.control import AccountControl
from tests.sandbox.conftest import Listener
from tests.sandbox_fixture import SandboxServer

Json = dict[str, Any]
ACTIONS = (
    "incoming_chat",
    "incoming_event",
    "chat_deactivated",
    "chat_transferred",
    "user_added_to_chat",
    "user_removed_from_chat",
    "event_deleted",
)
SECRET = "webhook-secret-only-for-tests"


class Api:
    """One account's API. Calls return the response; `customer` is a token of theirs."""

    def __init__(self, account: AccountControl) -> None:
        self.account = account
        self.base = account.base_url
        self.client_id = account.credentials["client_id"]
        self.organization_id = account.credentials["organization_id"]

    def accounts(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(
            method, self.base + path, timeout=10, allow_redirects=False, **options
        )

    def refresh(self, token: str = "") -> requests.Response:
        wanted = token or self.account.credentials["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": wanted, **self.app()}
        return self.accounts("POST", "/v2/token", data=form)

    def app(self) -> dict[str, str]:
        names = ("client_id", "client_secret")
        return {name: self.account.credentials[name] for name in names}

    def personal(self) -> dict[str, str]:
        return {"Authorization": f"Basic {self.account.credentials['agent_token']}"}

    def as_agent(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        """`path`: "configuration/list_groups"."""
        api, method = path.split("/")
        url = f"{self.base}/v3.6/{api}/action/{method}"
        return requests.post(url, json=body or {}, headers=self.personal() | headers, timeout=10)

    def customer_token(self, **body: str) -> requests.Response:
        bearer = {"Authorization": f"Bearer {self.refresh().json()['access_token']}"}
        asked = {"grant_type": "agent_token", "client_id": self.client_id, "response_type": "token"}
        return self.accounts("POST", "/v2/customer/token", json=asked | body, headers=bearer)

    def cookie_token(self, **cookies: str) -> requests.Response:
        body = {
            "grant_type": "cookie",
            "client_id": self.client_id,
            "organization_id": self.organization_id,
            "response_type": "token",
            "redirect_uri": "https://bridge.example.com/oauth",
        }
        return self.accounts("POST", "/v2/customer/token", json=body, cookies=cookies)

    def as_customer(self, customer: str, method: str, body: Any = None) -> requests.Response:
        return requests.post(
            f"{self.base}/v3.6/customer/action/{method}",
            params={"organization_id": self.organization_id},
            json=body or {},
            headers={"Authorization": f"Bearer {customer}"},
            timeout=10,
        )

    def chat(self, text: str = "Hi", group: int = 19, **chat: Any) -> tuple[str, Json]:
        """A new customer's token and their new chat."""
        token = str(self.customer_token().json()["access_token"])
        answer = self.as_customer(token, "start_chat", started(text, group, **chat))
        assert answer.ok, answer.text
        return token, answer.json()

    def register(self, action: str, url: str, /, **more: Any) -> requests.Response:
        body = {
            "action": action,
            "url": url,
            "secret_key": SECRET,
            "owner_client_id": self.client_id,
            "type": "license",
        }
        return self.as_agent("configuration/register_webhook", body | more)


def started(text: str = "Hi", group: int = 19, **chat: Any) -> Json:
    """The body of start_chat and resume_chat."""
    event = {"type": "message", "text": text, "custom_id": "br-1"}
    return {
        "active": True,
        "continuous": True,
        "chat": {"access": {"group_ids": [group]}, "thread": {"events": [event]}, **chat},
    }


def error(answer: requests.Response) -> str:
    """The type of an error."""
    assert not answer.ok
    return str(answer.json()["error"]["type"])


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[Api]:
    """A fresh account that repeats a webhook after 0.3 s instead of ten."""
    account = sandbox.control.account(
        f"t-{uuid.uuid4().hex[:12]}", "livechat", settings={"retry_delays": [0.3]}
    )
    yield Api(account)
    account.remove()


@pytest.fixture
def hooked(api: Api, listener: Listener) -> Listener:
    """A receiver of all webhooks."""
    for action in ACTIONS:
        assert api.register(action, f"{listener.url}/hook").ok
    return listener
