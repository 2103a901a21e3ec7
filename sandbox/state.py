"""What `make run` keeps between runs, per port: databases, secrets, process ids."""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO

import yaml

from sandbox import helpdesks
from sandbox.helpdesks import HelpDesk

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "sandbox" / "demo.yaml"


def fernet_key() -> str:
    """A key in the form that cryptography's Fernet wants."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def callback_secret() -> str:
    """A secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def api_key() -> str:
    """A key for the demo bot: a visible prefix and 32 random bytes."""
    return f"hitl_demo{secrets.token_hex(2)}_{secrets.token_urlsafe(32)}"


def any_secret() -> str:
    """What a help desk's credential may look like."""
    return secrets.token_hex(20)


MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "ENCRYPTION_KEYS": fernet_key,
    "SANDBOX_SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "DEMO_API_KEY": api_key,
    "DEMO_CALLBACK_SECRET": callback_secret,
    "YOUR_API_KEY": api_key,
    "YOUR_CALLBACK_SECRET": callback_secret,
    "ADMIN_PASSWORD": lambda: secrets.token_urlsafe(9),
}


class State:
    """The folder var/<port>/ of the project."""

    def __init__(self, port: int) -> None:
        self.folder = ROOT / "var" / str(port)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bridge_db = self.folder / "bridge.sqlite3"
        self.sandbox_db = self.folder / "sandbox.sqlite3"
        self.pids = self.folder / "pids"
        self.declaration = self.folder / "demo.yaml"
        self.applied = self.folder / "applied.json"
        self._lock: IO[str] | None = None

    def lock(self) -> bool:
        """Keep other supervisors off this folder. The system lets go when the process ends,
        however it ends. False: another one has it."""
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def secrets(self) -> dict[str, str]:
        """The secrets of this folder, made up at the first run. The file is for its owner only."""
        path = self.folder / "env"
        known = (
            dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
            if path.exists()
            else {}
        )
        makers = dict.fromkeys(helpdesks.secret_names(DEMO), any_secret) | MAKERS
        missing = {name: make() for name, make in makers.items() if name not in known}
        if missing:
            known |= missing
            text = "".join(f"{name}={value}\n" for name, value in known.items())
            new = path.with_suffix(".new")
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            new.rename(path)
        return known

    def write_declaration(self, sandbox_url: str, callback_url: str = "") -> list[HelpDesk]:
        """The demo tenant, with this run's addresses; its help desks."""
        document, desks = helpdesks.read(DEMO)
        if callback_url:
            helpdesks.take_callbacks(document, callback_url)
        text = yaml.safe_dump(document, sort_keys=False)
        self.declaration.write_text(text.replace("SANDBOX_URL/", f"{sandbox_url}/"))
        return desks
