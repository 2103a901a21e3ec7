"""Python client of the sandbox's control API, for tests, benchmarks and demonstrations.

control = Control("http://127.0.0.1:9000")
support = control.account("support", webhook_url="http://127.0.0.1:8000/webhooks/...")
support.fault("503", path="/reply", count=2)
ticket = support.wait_for_ticket()
support.act(ticket["id"], "accept", agent="Rui")
support.act(ticket["id"], "reply", agent="Rui", text="Hello")
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

Json = dict[str, Any]


class Control:
    """The whole sandbox at `base_url`. HTTP errors raise requests.HTTPError."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def call(self, method: str, path: str, body: Json | None = None) -> Any:
        """One call below /control; returns the decoded answer."""
        url = f"{self.base_url}/control{path}"
        answer = self._session.request(method, url, json=body, timeout=30)
        if answer.status_code == 400:
            raise ValueError(answer.json()["error"])
        answer.raise_for_status()
        return answer.json()

    def accounts(self) -> list[Json]:
        """All accounts, as the sandbox has them."""
        return list(self.call("GET", "/accounts"))

    def account(self, slug: str, vendor: str = "intercom", **fields: Any) -> AccountControl:
        """The account of that slug, created or changed: name, credentials, settings,
        webhook_url."""
        body = {"vendor": vendor, "slug": slug, **fields}
        return AccountControl(self, self.call("POST", "/accounts", body))


class AccountControl:
    """One account. `base_url` is what a client of the vendor would call api_base_url."""

    def __init__(self, control: Control, data: Json) -> None:
        self.control = control
        self.slug: str = data["slug"]
        self.credentials: dict[str, str] = data["credentials"]
        self.base_url = control.base_url + data["path"]
        self.inbox_url = f"{control.base_url}/inbox/{self.slug}/"

    def _call(self, method: str, path: str = "", body: Json | None = None) -> Any:
        return self.control.call(method, f"/accounts/{self.slug}{path}", body)

    def data(self) -> Json:
        """The account as the sandbox has it."""
        return dict(self._call("GET"))

    def update(self, **fields: Any) -> Json:
        """Change name, credentials, settings (merged) or webhook_url."""
        return dict(self._call("PATCH", "", fields))

    def reset(self) -> None:
        """Forget everything but credentials and settings."""
        self._call("POST", "/reset")

    def remove(self) -> None:
        """Delete the account."""
        self._call("DELETE")

    def fault(self, kind: str, **rule: Any) -> None:
        """Let something go wrong: method, path, count, probability, seed, seconds."""
        self._call("POST", "/faults", {"kind": kind, **rule})

    def faults(self) -> list[Json]:
        """The rules, with how often each struck."""
        return list(self._call("GET", "/faults"))

    def heal(self) -> None:
        """Remove all fault rules."""
        self._call("DELETE", "/faults")

    def agents(self) -> list[Json]:
        """Humans and bots."""
        return list(self._call("GET", "/agents"))

    def agent(self, agent_id: str, *, away: bool) -> None:
        """Let an agent go away or come back."""
        self._call("POST", f"/agents/{agent_id}", {"away": away})

    def ping(self) -> None:
        """Let the vendor send the webhook that only says hello."""
        self._call("POST", "/webhooks", {"ping": True})

    def tickets(self) -> list[Json]:
        """Tickets with their transcripts, oldest first."""
        return list(self._call("GET", "/tickets"))

    def ticket(self, ticket_id: str) -> Json:
        """One ticket with its transcript."""
        return dict(self._call("GET", f"/tickets/{quote(ticket_id)}"))

    def requests(self) -> list[Json]:
        """Calls that the vendor's API received, oldest first."""
        return list(self._call("GET", "/requests"))

    def webhooks(self) -> list[Json]:
        """Outgoing webhooks, oldest first."""
        return list(self._call("GET", "/webhooks"))

    def send_webhook(self, topic: str, payload: Json) -> None:
        """Send a payload as it stands, properly signed."""
        self._call("POST", "/webhooks", {"topic": topic, "payload": payload})

    def replay(self, webhook_id: int) -> None:
        """Send a webhook again that was sent before."""
        self._call("POST", "/webhooks", {"replay": webhook_id})

    def contacts(self) -> list[Json]:
        """All contacts."""
        return list(self._call("GET", "/contacts"))

    def contact(self, contact_id: str, **state: Any) -> None:
        """Set archived, blocked or merged_into."""
        self._call("POST", f"/contacts/{contact_id}", state)

    def act(self, ticket_id: str, action: str, **body: Any) -> Json:
        """Act on a ticket in an agent's name: accept, reply, note, assign, assign_team, close,
        reopen, snooze, unsnooze, bot_reply, customer_reply, seen, redact, delete. Returns
        the part."""
        return dict(self._call("POST", f"/tickets/{quote(ticket_id)}/{action}", body)["part"] or {})

    def wait_for_ticket(
        self, accept: Callable[[Json], bool] | None = None, within: float = 20
    ) -> Json:
        """The first ticket (that satisfies `accept`). Raises TimeoutError."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for ticket in self.tickets():
                if accept is None or accept(ticket):
                    return ticket
            time.sleep(0.1)
        raise TimeoutError(f"no such ticket within {within} s")


def file(path_or_name: str, data: bytes | None = None, **extra: Any) -> Json:
    """A file for `act(..., files=[...])`: a path, or a name with its bytes. `inline=True` puts
    an image into the text, as agents' composers do."""
    content = Path(path_or_name).read_bytes() if data is None else data
    name = Path(path_or_name).name
    return {"name": name, "data": base64.b64encode(content).decode(), **extra}
