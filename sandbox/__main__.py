"""`python -m sandbox` (`make run`): the bridge and the sandbox on this machine, supervised.

PORT (default 8000) is the bridge's, SANDBOX_PORT (default PORT + 1000) the sandbox's. CALLBACK_URL
is where a bot of your own takes callbacks; without it, it reads the feed. Everything is kept in
var/<PORT>/; removing that folder starts afresh.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from types import FrameType

import requests

from sandbox import processes
from sandbox.control import Control
from sandbox.helpdesks import HelpDesk
from sandbox.processes import Child
from sandbox.state import ROOT, State

ADMIN = "admin"
START_UP = 90.0  # seconds that a first start may take
LONGEST_PAUSE = 10.0  # seconds before a program that keeps ending is started again


class StartError(Exception):
    """Starting is impossible; the message says why."""


def port_from(name: str, default: int) -> int:
    """A port from the environment. Raises StartError if it is none."""
    value = os.environ.get(name) or str(default)
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise StartError(f"{name}={value} is not a port.")
    return int(value)


class Supervisor:
    """Starts, watches and ends the two programs."""

    def __init__(self) -> None:
        self.port = port_from("PORT", 8000)
        self.sandbox_port = port_from("SANDBOX_PORT", self.port + 1000)
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.callback_url = os.environ.get("CALLBACK_URL", "")
        self.state = State(self.port)
        self.secrets = self.state.secrets()
        self.sandbox = Child("sandbox", self._python("-m", "sandbox.serve"), self._sandbox_env())
        files = str(self.state.declaration), str(self.state.applied)
        serve = self._python("-m", "sandbox.bridge", *files, str(self.port))
        self.bridge = Child("bridge", serve, self._bridge_env())
        self.children = [self.sandbox, self.bridge]
        self.desks: list[HelpDesk] = []

    @staticmethod
    def _python(*arguments: str) -> list[str]:
        return [sys.executable, *arguments]

    def _bridge_env(self) -> dict[str, str]:
        # The shell may have production's addresses exported: the demo must not touch those.
        env = {name: value for name, value in os.environ.items() if name != "DEBUG"}
        return (
            env
            | self.secrets
            | {
                "DATABASE_URL": f"sqlite:///{self.state.bridge_db}",
                "REDIS_URL": "",
                "ENV_FILE": "",  # nor may a .env of the project say otherwise
                "PORT": str(self.port),
                "PUBLIC_URL": self.url,
                "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
                "ALLOWED_PRIVATE_TARGETS": "127.0.0.0/8,::1,localhost",
                "DJANGO_SUPERUSER_USERNAME": ADMIN,
                "DJANGO_SUPERUSER_EMAIL": "admin@example.test",
                "DJANGO_SUPERUSER_PASSWORD": self.secrets["ADMIN_PASSWORD"],
                # A terminal is for people; what goes wrong still shows.
                "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
                "LOG_FORMAT": os.environ.get("LOG_FORMAT", "console"),
                "PYTHONUNBUFFERED": "1",
            }
        )

    def _sandbox_env(self) -> dict[str, str]:
        return dict(os.environ) | {
            "SANDBOX_DB": str(self.state.sandbox_db),
            "SANDBOX_PORT": str(self.sandbox_port),
            "SANDBOX_PIDS": str(self.state.pids),
            "SANDBOX_URL": self.sandbox_url,
            "SANDBOX_SECRET_KEY": self.secrets["SANDBOX_SECRET_KEY"],
            "BRIDGE_URL": self.url,
            "BRIDGE_API_KEY": self.secrets["DEMO_API_KEY"],
            "CALLBACK_SECRET": self.secrets["DEMO_CALLBACK_SECRET"],
            "PYTHONUNBUFFERED": "1",
        }

    def run(self) -> None:
        """Everything, until KeyboardInterrupt."""
        self._make_room()
        try:
            self._start()
            self._print_box()
            self._watch()
        finally:
            # A second Ctrl-C must not leave anything half ended.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            say("Stopping…")
            processes.stop(self.children)
            self.state.pids.unlink(missing_ok=True)

    def _make_room(self) -> None:
        if not self.state.lock():
            raise StartError(f"It is already running on port {self.port}.")
        left = processes.end_leftovers(self.state.pids)
        if left:
            say(f"Ended {left} program(s) that an earlier run had left behind.")
        for name, port in (("PORT", self.port), ("SANDBOX_PORT", self.sandbox_port)):
            if not processes.is_free(port):
                raise StartError(
                    f"Port {port} is in use by another program. "
                    f"Choose another one: make run {name}={port + 1}"
                )

    def _launch(self, child: Child) -> None:
        child.start(ROOT)
        processes.remember(self.state.pids, self.children)

    def _start(self) -> None:
        say("Preparing…")
        self.desks = self.state.write_declaration(self.sandbox_url, self.callback_url)
        self.state.applied.unlink(missing_ok=True)
        for child in self.children:
            self._launch(child)
        self._await(self.sandbox, f"{self.sandbox_url}/alive")
        control = Control(self.sandbox_url)
        accounts = {
            desk.account: control.account(
                desk.account,
                desk.vendor,
                name="Acme Support" if desk.chosen_by else "Your own bot's desk",
                credentials=desk.credentials(self.secrets),
            )
            for desk in self.desks
        }
        self._await(self.bridge, f"{self.url}/livez")
        addresses = self._webhook_urls()
        self.desks = [desk for desk in self.desks if desk.installation in addresses]
        for desk in self.desks:
            url = addresses[desk.installation] if desk.webhooks_by_hand else ""
            settings = {"installation": desk.chosen_by}
            accounts[desk.account].update(webhook_url=url, settings=settings)
        self._withdraw(control)

    def _withdraw(self, control: Control) -> None:
        """The demo chat no longer offers what an earlier run had."""
        ours = {desk.account for desk in self.desks}
        for row in control.accounts():
            if row["slug"] not in ours and row["settings"].get("installation"):
                control.account(row["slug"], row["vendor"], settings={"installation": ""})

    def _webhook_urls(self) -> dict[str, str]:
        """Where each installation wants its webhooks, from what `apply --json` answered."""
        text = self.state.applied.read_text()
        answer = json.loads(text[text.index("{") :])
        found = {row["slug"]: row["webhook_url"] for row in answer["installations"]}
        if not found:
            raise StartError("apply --json named no webhook_url for the demo's installations.")
        return found

    def _await(self, child: Child, url: str) -> None:
        """Wait until a program answers. Raises StartError if it ends or takes too long."""
        deadline = time.monotonic() + START_UP
        session = requests.Session()
        session.trust_env = False  # a proxy that the shell names is not for this machine
        while time.monotonic() < deadline:
            if child.code is not None:
                raise StartError(f"The {child.name} ended while starting (exit code {child.code}).")
            try:
                if session.get(url, timeout=2).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise StartError(f"The {child.name} does not answer at {url}.")

    def _watch(self) -> None:
        while True:
            time.sleep(0.2)
            for child in self.children:
                if child.code is not None:
                    self._restart(child)

    def _restart(self, child: Child) -> None:
        pause = min(LONGEST_PAUSE, 0.5 * child.restarts)
        say(f"The {child.name} ended (exit code {child.code}); starting it again.")
        time.sleep(pause)
        child.restarts += 1
        self._launch(child)

    def _inbox_lines(self) -> list[str]:
        labels = ["Agent inboxes", *[""] * len(self.desks)]
        return [
            f"{label:<14} {self.sandbox_url}/inbox/{desk.account}/"
            for label, desk in zip(labels, self.desks, strict=False)
        ]

    def _own_bot_lines(self) -> list[str]:
        """What a bot of one's own needs (docs/bot-developers)."""
        lines = [f"Your own bot   BOT_KEY={self.secrets['YOUR_API_KEY']}"]
        if self.callback_url:
            secret = self.secrets["YOUR_CALLBACK_SECRET"]
            lines += [f"  callbacks    {self.callback_url}", f"  secret       {secret}"]
        return lines

    def _print_box(self) -> None:
        lines = [
            "The HITL bridge is running.",
            "",
            f"Start here     {self.sandbox_url}/",
            f"Both sides     {self.sandbox_url}/demo/both/",
            f"Demo chat      {self.sandbox_url}/demo/",
            *self._inbox_lines(),
            f"Bridge admin   {self.url}/admin/",
            f"  login        {ADMIN} / {self.secrets['ADMIN_PASSWORD']}",
            f"API docs       {self.url}/api/docs/",
            "",
            *self._own_bot_lines(),
            "",
            "Ctrl-C stops everything. Nothing is lost: the next start goes on from here.",
        ]
        width = max(len(line) for line in lines)
        say("┌─" + "─" * width + "─┐")
        for line in lines:
            say(f"│ {line:<{width}} │")
        say("└─" + "─" * width + "─┘")


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run until told to stop. 0: stopped on request; 1: could not start."""
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        Supervisor().run()
    except KeyboardInterrupt:
        return 0
    except StartError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
