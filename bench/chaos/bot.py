"""All tenants' bots in one: takes callbacks, checks signatures, fails now and then, keeps all."""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - only this harness knows it
BOTPRESS = "/botpress"  # below it: Botpress's three webhooks


@dataclass(frozen=True)
class Call:
    """One callback as it arrived. Botpress is told no ids: there `event` is empty."""

    at: float  # time.time()
    event: str
    conversation: str
    sequence: int
    text: str


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Those who call are killed: nothing to tell of connections that break."""


class RecordingBot:
    """Listens until `stop`. `failing`: the share of callbacks that it answers badly."""

    def __init__(self, port: int, seed: int, failing: float) -> None:
        self.calls: list[Call] = []
        self.bad_signatures = 0
        self.failed: Counter[str] = Counter()  # how it failed -> how often
        self.failing = failing
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{port}/hitl"
        self.botpress_url = f"http://127.0.0.1:{port}{BOTPRESS}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> str:
        """Keep a callback; how to answer it: `ok`, `500`, `reset`, `refused`."""
        if path.startswith(BOTPRESS):
            call = _as_botpress(json.loads(body))
        else:
            try:
                Webhook(SECRET).verify(body, headers)
            except WebhookVerificationError:
                self.bad_signatures += 1
                return "refused"
            call = _as_callback(json.loads(body))
        with self._lock:
            fate = "ok"
            if self._dice.random() < self.failing:
                # Taken and not confirmed, or not taken: it can't know, so it must be told again.
                fate = self._dice.choice(["500", "500 after taking it", "reset after taking it"])
                self.failed[fate] += 1
            if fate != "500":
                self.calls.append(call)
        return fate

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bot = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # whoever told us was killed half way through
                    self.close_connection = True
                    return
                fate = bot.take(self.path, body, dict(self.headers.items()))
                if fate.startswith("reset"):
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.close_connection = True
                    return
                status = {"ok": 204, "refused": 401}.get(fate, 500)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                """Quiet."""

        return Handler


def _as_callback(event: dict[str, Any]) -> Call:
    data = event["data"]
    return Call(
        time.time(),
        event["id"],
        data["conversationId"],
        event["sequence"],
        _text(data.get("payload")),
    )


def _as_botpress(body: dict[str, Any]) -> Call:
    return Call(time.time(), "", body["remoteConversationId"], 0, _text(body.get("payload")))


def _text(payload: Any) -> str:
    return payload.get("text", "") if isinstance(payload, dict) else ""
