"""A client of the imitated SalesIQ."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.control import AccountControl
from tests.sandbox_fixture import SandboxServer

VISITOR = {"user_id": "t7:wa:5519", "name": "Ana", "email": "ana@x.test"}
EVENTS = [
    f"conversation.{name}"
    for name in (
        "attender.updated operator.replied missed completed transfer.initiated "
        "transfer.accepted message.deleted"
    ).split()
]
Json = dict[str, Any]


class Siq:
    """Calls of one account, with the organization's token unless told otherwise."""

    def __init__(self, account: AccountControl) -> None:
        self.account, self.own = account, account.credentials
        self.token = self.refresh().json()["access_token"]

    def accounts(self, path: str = "/oauth/v2/token", **form: Any) -> requests.Response:
        form = {k: self.own[k] for k in ("client_id", "client_secret")} | form
        return requests.post(self.account.base_url + path, data=form, timeout=10)

    def refresh(self, which: str = "refresh_token") -> requests.Response:
        return self.accounts(grant_type="refresh_token", refresh_token=self.own[which])

    def call(self, method: str, path: str, body: Any = None, **extra: Any) -> requests.Response:
        token = extra.pop("token", None) or self.token
        return requests.request(
            method,
            self.account.base_url + path.replace("{s}", self.own["screen_name"]),
            json=body,
            headers={"Authorization": f"Zoho-oauthtoken {token}"},
            timeout=10,
            **extra,
        )

    def visitor(self, path: str, body: Any = None, **extra: Any) -> requests.Response:
        return self.call("POST", f"/api/visitor/v1/{{s}}{path}", body, **extra)

    def v2(self, method: str, path: str, body: Any = None, **extra: Any) -> requests.Response:
        return self.call(method, f"/api/v2/{{s}}{path}", body, **extra)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.v2("GET", path, params=params).json()
        assert "data" in answer, answer
        return answer["data"]

    def opening(self, **fields: Any) -> Json:
        own = {k: self.own[k] for k in ("app_id", "department_id")}
        return {**own, "question": "Need help", "visitor": VISITOR, **fields}

    def open(self, **fields: Any) -> Json:
        answer = self.visitor("/conversations", self.opening(**fields)).json()
        assert "data" in answer, answer
        return dict(answer["data"])

    def webhook(self, url: str, **fields: Any) -> requests.Response:
        body = {
            "type": "data",
            "url": url,
            "app_ids": [self.own["app_id"]],
            "version": 1,
            "secured": True,
            "events": EVENTS,
        }
        return self.v2("POST", "/webhooks", body | fields)


def code(answer: requests.Response) -> tuple[int, int]:
    """The HTTP status and Zoho's code."""
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def siq(sandbox: SandboxServer) -> Iterator[Siq]:
    slug = f"z-{uuid.uuid4().hex[:10]}"
    settings = {"retry_delays": [0.3, 0.3, 0.3]}
    account = sandbox.control.account(slug, vendor="zoho", settings=settings)
    yield Siq(account)
    account.remove()
