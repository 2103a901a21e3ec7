"""Fixtures of the sandbox's tests. They talk HTTP only: the sandbox has settings of its own."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from sandbox.control import AccountControl
from tests.sandbox_fixture import PROJECT, sandbox, sandbox_account

__all__ = ["sandbox", "sandbox_account"]


class Received:
    """A request that a test's own server got."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


Answer = tuple[int, dict[str, Any]]


class Listener:
    """A server of the test's own: a receiver of webhooks, or a stand-in for the bridge."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda request: (200, {})
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                got = Received(self.command, self.path, dict(self.headers.items()), body)
                listener.received.append(got)
                status, answer = listener.answer(got)
                self.send_response(status)
                text = json.dumps(answer).encode() if self.command != "HEAD" else b""
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_HEAD = handle_any  # noqa: N815  # http.server finds them by name

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def posts(self, path: str = "") -> list[Received]:
        return [r for r in list(self.received) if r.method == "POST" and path in r.path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


def wait_until(check: Callable[[], Any], within: float = 10) -> Any:
    """The first true answer of `check`."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.03)
    pytest.fail("it did not happen in time")


class Api:
    """A client of the imitated Intercom; validates every answer where the description is."""

    def __init__(self, account: AccountControl, validate: Callable[..., None]) -> None:
        self.account = account
        self._validate = validate
        self.headers = {
            "Authorization": f"Bearer {account.credentials['access_token']}",
            "Intercom-Version": "2.16",
        }

    def call(self, method: str, path: str, body: Any = None, **extra: Any) -> requests.Response:
        answer = requests.request(
            method,
            self.account.base_url + path,
            json=body,
            headers=self.headers | extra.pop("headers", {}),
            timeout=extra.pop("timeout", 10),
        )
        self._validate(method, path.partition("?")[0], answer)
        return answer

    def get(self, path: str, **extra: Any) -> requests.Response:
        return self.call("GET", path, **extra)

    def post(self, path: str, body: Any = None, **extra: Any) -> requests.Response:
        return self.call("POST", path, body, **extra)

    def contact(self, external_id: str = "t1:u42", **fields: Any) -> dict[str, Any]:
        body = {"role": "user", "external_id": external_id, "name": "Ana"} | fields
        return dict(self.post("/contacts", body).json())

    def conversation(self, body: str = "I need a human", **contact: Any) -> str:
        """The id of a new conversation of a new contact."""
        sender = {"type": "user", "id": self.contact(**contact)["id"]}
        created = self.post("/conversations", {"from": sender, "body": body}).json()
        return str(created["conversation_id"])


def specs() -> Path:
    return Path(os.environ.get("HITL_SPECS_DIR") or PROJECT.parent / "shared" / "specs")


@pytest.fixture(scope="session")
def intercom_spec() -> dict[str, Any]:
    path = specs() / "intercom-2.16.yaml"
    if not path.exists():
        pytest.skip("Intercom's description is not on this machine (HITL_SPECS_DIR)")
    return dict(yaml.load(path.read_text(), Loader=yaml.CSafeLoader))


@pytest.fixture
def api(sandbox_account: AccountControl) -> Api:
    """The imitated API, without validation."""
    return Api(sandbox_account, lambda *_: None)
