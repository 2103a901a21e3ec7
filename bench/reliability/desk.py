"""A help desk that answers at once, as Intercom does, and can become a black hole.

The sandbox imitates vendors faithfully; this one only takes what is said and notes when, so that
what is measured is the bridge.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CALLBACKS = "/hitl"  # here it plays a bot
SECRET = "only-this-run-knows-it"  # noqa: S105 - made up
ADMIN = {"type": "admin", "id": "7", "name": "Rui", "email": "rui@acme.test"}
HANG = 30.0  # seconds that a black hole keeps a connection
Json = dict[str, Any]


@dataclass
class Ticket:
    """A conversation at the desk."""

    id: str
    words: str
    contact: str
    parts: list[Json] = field(default_factory=list)

    def body(self, *, with_parts: bool = True) -> Json:
        """As Intercom shows it."""
        return {
            "type": "conversation",
            "id": self.id,
            "state": "open",
            "created_at": int(time.time()) - 1,
            "source": {"body": self.words, "author": {"type": "user", "id": self.contact}},
            "conversation_parts": {"conversation_parts": self.parts if with_parts else []},
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class FastDesk:
    """Listens until `stop`. `silent`: takes calls and answers none of them."""

    def __init__(self) -> None:
        self.silent = False
        self.tickets: dict[str, Ticket] = {}
        self.seen: dict[str, float] = {}  # a customer's text -> when it arrived
        self.twice: list[str] = []
        self.calls = 0
        self._numbers = itertools.count(1000)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()

    def agent_says(self, ticket: str, text: str) -> bytes:
        """Add an agent's reply; the webhook that tells of it."""
        with self._lock:
            part = self._part(text, ADMIN)
            self.tickets[ticket].parts.append(part)
            item = self.tickets[ticket].body(with_parts=False)
        item["conversation_parts"] = {"conversation_parts": [part]}
        return json.dumps(
            {
                "type": "notification_event",
                "app_id": "fast",
                "id": f"notif_{part['id']}",
                "topic": "conversation.admin.replied",
                "created_at": int(time.time()),
                "data": {"type": "notification_event_data", "item": item},
            }
        ).encode()

    def answer(self, method: str, path: str, body: Json) -> tuple[int, Json]:
        """Status and JSON of a call."""
        with self._lock:
            self.calls += 1
            return self._answer(method, path, body)

    def _answer(self, method: str, path: str, body: Json) -> tuple[int, Json]:
        if path == CALLBACKS:
            return 200, {}
        if path == "/me":
            return 200, {**ADMIN, "app": {"id_code": "fast", "name": "Fast", "region": "US"}}
        if path == "/contacts/search":
            return 200, {"data": []}
        if path == "/contacts":
            return 200, {"id": f"contact-{next(self._numbers)}", "role": "user"}
        if path == "/conversations/search":
            return 200, {"conversations": []}
        if path == "/conversations":
            ticket = Ticket(str(next(self._numbers)), str(body.get("body")), body["from"]["id"])
            self.tickets[ticket.id] = ticket
            return 200, {"type": "user_message", "id": "1", "conversation_id": ticket.id}
        found = re.match(r"/conversations/(\d+)", path)
        if not found:
            return 404, {"type": "error.list", "errors": [{"code": "not_found"}]}
        ticket = self.tickets[found[1]]
        if path.endswith("/reply"):
            self._reply(ticket, body)
        return 200, ticket.body()

    def _reply(self, ticket: Ticket, body: Json) -> None:
        by_user = body.get("type") == "user"
        author = {"type": "user", "id": ticket.contact} if by_user else ADMIN
        text = str(body.get("body"))
        kind = "comment" if by_user else "note"
        ticket.parts.append(self._part(text, author, kind))
        if by_user:
            if text in self.seen:
                self.twice.append(text)
            self.seen.setdefault(text, time.time())

    def _part(self, text: str, author: Json, kind: str = "comment") -> Json:
        return {
            "type": "conversation_part",
            "id": str(next(self._numbers)),
            "part_type": kind,
            "body": f"<p>{text}</p>",
            "created_at": int(time.time()),
            "author": author,
            "attachments": [],
            "redacted": False,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        desk = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 120

            def _respond(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                if desk.silent:
                    until = time.monotonic() + HANG
                    while time.monotonic() < until and desk.silent:
                        time.sleep(0.5)
                    self.close_connection = True
                    return
                status, answer = desk.answer(self.command, self.path.split("?")[0], body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = _respond  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                """Quiet."""

        return Handler


def signed(body: bytes) -> dict[str, str]:
    """The headers of a webhook with this body."""
    digest = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    return {"X-Hub-Signature": f"sha1={digest}", "Content-Type": "application/json"}
