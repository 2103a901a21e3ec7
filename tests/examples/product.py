"""`make run` as a newcomer has it, the programs that run against it, and the agent who answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from sandbox.control import AccountControl, Control
from tests.e2e.harness import PROJECT, until
from tests.sandbox_fixture import free_port

EXAMPLES = PROJECT / "examples"


class Relay:
    """The bot's callback address: passes on to whichever program listens at the moment."""

    def __init__(self) -> None:
        self.target = ""  # an address; empty: nobody listens, and all is well
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 204
                if relay.target:
                    headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                    answer = requests.post(relay.target, body, headers=headers, timeout=10)
                    status = answer.status_code
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Product:
    """A running `make run`, with its bot "yours"."""

    relay: Relay
    port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        return PROJECT / "var" / str(self.port)

    @property
    def account(self) -> AccountControl:
        """The help desk of the bot "yours"."""
        return Control(f"http://127.0.0.1:{self.sandbox_port}").account("yours")

    def start(self) -> None:
        environment = {
            **{name: v for name, v in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "CALLBACK_URL": self.relay.url,
        }
        self.folder.mkdir(parents=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox"],
            cwd=PROJECT,
            env=environment,
            stdout=(self.folder / "log").open("w"),
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        until(lambda: "is running" in self.log, "make run", within=120)

    @property
    def log(self) -> str:
        text = (self.folder / "log").read_text()
        assert self.process, "start it first"
        assert self.process.poll() is None, text
        return text

    def stop(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a newcomer copies from what `make run` prints."""
        printed = self.log.split()
        key, secret = (word for word in printed if word.startswith(("BOT_KEY=", "whsec_")))
        return {
            "BRIDGE_URL": self.url,
            "BOT_KEY": key.partition("=")[2],
            "CALLBACK_SECRET": secret,
            "PYTHONPATH": str(PROJECT / "clients/python"),
            "PYTHONWARNINGS": "ignore",  # of other people's packages
            "PATH": os.environ["PATH"],
        }


class Program:
    """A program in a terminal: what it prints, and what is typed."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], cwd: Path = PROJECT
    ) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def shows(self, text: str, within: float = 40) -> None:
        """Wait until it has printed this."""
        until(lambda: text in self.text or self._over(text), f"{text!r} in:\n{self.text}", within)

    def _over(self, text: str) -> bool:
        if self.process.poll() is None:
            return False
        self._reader.join(5)
        assert text in self.text, f"it ended without {text!r}:\n{self.text}"
        return True

    def type(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def finish(self, type_end: bool = True) -> None:
        """Wait until it ends well, after Ctrl-D where it reads what is typed."""
        if type_end and self.process.stdin:
            self.process.stdin.close()
        assert self.process.wait(timeout=20) == 0, self.text
        self._reader.join(5)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Agent:
    """The human at the help desk of the bot "yours", at the ticket that is opened next."""

    account: AccountControl
    known: set[str] = field(default_factory=set)
    ticket: str = ""

    def __post_init__(self) -> None:
        self.known = {ticket["id"] for ticket in self.account.tickets()}

    def accept(self) -> None:
        new = self.account.wait_for_ticket(lambda one: one["id"] not in self.known, within=30)
        self.known.add(new["id"])
        self.ticket = new["id"]
        self.account.act(self.ticket, "accept", agent="Rui")

    def reply(self, text: str) -> None:
        self.account.act(self.ticket, "reply", agent="Rui", text=text)

    def close(self) -> None:
        self.account.act(self.ticket, "close", agent="Rui")

    def reads(self, text: str) -> None:
        """Wait until this stands in the ticket."""
        until(lambda: text in self.transcript, f"{text!r} in the ticket")

    @property
    def transcript(self) -> str:
        parts: list[dict[str, Any]] = self.account.ticket(self.ticket)["parts"]
        return json.dumps([part["text"] for part in parts], ensure_ascii=False)
