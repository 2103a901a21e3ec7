"""The product as its users run it: real processes, a bot that listens, a sandbox that imitates.

`Bridge` starts either the embedded mode (one process) or production (gunicorn and Celery on
PostgreSQL and Redis); `RecordingBot` is a bot with a public address; `BotClient` its API client.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import requests
import yaml
from standardwebhooks.webhooks import Webhook

from tests.sandbox_fixture import free_port

PROJECT = Path(__file__).resolve().parent.parent.parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = "hitl_e2e-key-that-only-tests-know-0123456789"
T = TypeVar("T")


def until(condition: Callable[[], T | None], what: str, within: float = 30) -> T:
    """What `condition` returns once it is truthy; fails the test after `within` seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {within} s")


class RecordingBot:
    """Takes callbacks, verifies their signatures and keeps them in the order of arrival."""

    def __init__(self) -> None:
        self.port = free_port()
        self.calls: list[dict[str, Any]] = []
        self.bad: list[str] = []
        bot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    Webhook(SECRET).verify(body, dict(self.headers.items()))
                except Exception as error:  # noqa: BLE001 - reported by the test
                    bot.bad.append(repr(error))
                bot.calls.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hitl"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def events(self, conversation: str) -> list[dict[str, Any]]:
        """The conversation's events without repeats, in the order of first arrival."""
        seen: dict[str, dict[str, Any]] = {}
        for call in list(self.calls):
            if call["data"]["conversationId"] == conversation:
                seen.setdefault(call["id"], call)
        return list(seen.values())

    def types(self, conversation: str) -> list[str]:
        return [event["type"] for event in self.events(conversation)]

    def texts(self, conversation: str) -> list[str]:
        return [
            event["data"]["payload"].get("text", "")
            for event in self.events(conversation)
            if event["type"] == "messageCreated"
        ]


@dataclass
class Bridge:
    """The bridge's processes on a database of their own."""

    folder: Path
    database_url: str = ""
    redis_url: str = ""
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "e2e-secret-key-of-more-than-fifty-characters-0123456789",
            "ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "DATABASE_URL": self.database_url or f"sqlite:///{self.folder / 'bridge.sqlite3'}",
            "REDIS_URL": self.redis_url,
            "PUBLIC_URL": self.url,
            "PORT": str(self.port),
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "ALLOWED_PRIVATE_TARGETS": "127.0.0.0/8",
            "LOG_LEVEL": "WARNING",
            "MEDIA_ROOT": str(self.folder / "media"),
            "BEAT_SCHEDULE_FILE": str(self.folder / "beat"),
        }

    def manage(self, *arguments: str) -> str:
        """Run a management command; its output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def apply(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Declare tenants, bots and installations; every installation's addresses."""
        file = self.folder / "apply.yaml"
        file.write_text(yaml.safe_dump(document))
        found: list[dict[str, Any]] = json.loads(self.manage("apply", str(file), "--json"))[
            "installations"
        ]
        return found

    def start(self) -> None:
        """Start all processes and wait until the web answers."""
        if self.redis_url:
            self.start_worker("worker")
            self._spawn(
                "web",
                sys.executable,
                "-m",
                "gunicorn",
                "config.wsgi",
                "-b",
                f"127.0.0.1:{self.port}",
            )
        else:
            self._spawn("web", sys.executable, "manage.py", "serve", "--port", str(self.port))
        until(self._alive, "the bridge's web")

    def start_worker(self, name: str) -> None:
        """Start one more worker process (production mode)."""
        celery = (sys.executable, "-m", "celery", "-A", "config", "worker", "-c", "8")
        self._spawn(name, *celery, "-n", f"{name}-{self.port}@%h")

    def end(self, name: str, within: float = 30) -> int:
        """SIGTERM, as a rolling restart sends it; the exit code. Fails if it takes longer."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"{name} did not end within {within} s of SIGTERM") from None

    def kill(self, *names: str) -> None:
        """kill -9 of these processes (all, if none is named) and their children."""
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """End all in order."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        self.processes.clear()

    def _spawn(self, name: str, *command: str) -> None:
        self.processes[name] = subprocess.Popen(
            command, cwd=PROJECT, env=self.environment, start_new_session=True
        )

    def _alive(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} ended while starting"
        try:
            return requests.get(f"{self.url}/livez", timeout=1).ok
        except requests.RequestException:
            return False


@dataclass
class BotClient:
    """The public API as any bot calls it."""

    base: str
    key: str = KEY

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        return requests.request(
            method,
            f"{self.base}/api/v1{path}",
            json=body,
            timeout=40,
            headers={"Authorization": f"Bearer {self.key}", **headers},
        )

    def action(self, name: str, /, **body: Any) -> dict[str, Any]:
        answer = self.call("POST", f"/actions/{name}", body)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def start(self, user: str, **body: Any) -> str:
        """A session whose ticket exists; its id."""
        answer = self.call("POST", "/actions/startHitl", {"userId": user, **body}, Prefer="wait=20")
        assert answer.ok, answer.text
        assert answer.json()["status"] == "queued", answer.text
        return str(answer.json()["conversationId"])

    def say(self, conversation: str, text: str, user: str, key: str = "") -> requests.Response:
        body = {"type": "text", "payload": {"text": text}, "userId": user}
        headers = {"Idempotency-Key": key} if key else {}
        return self.call("POST", f"/conversations/{conversation}/messages", body, **headers)
