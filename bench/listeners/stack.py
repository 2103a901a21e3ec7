"""One uvicorn process on loopback with a database of its own, and what is in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

SECRET = "bench-listeners-client-secret"  # noqa: S105 - of a made-up help desk account
TICKET = "2150"
STARTS_IN = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class World:
    """Where the load goes."""

    port: int
    keys: list[str]  # one per bot
    webhook: str  # path of the installation's webhook address


def environment(folder: Path) -> None:
    """Settings of this process and of the one that it starts; a given DATABASE_URL is used."""
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
    fixed = {
        "ENV_FILE": "",
        "SECRET_KEY": "bench-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
        "ENCRYPTION_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "PUBLIC_URL": "http://127.0.0.1",
        "REDIS_URL": "",
        "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    os.environ.update(fixed)


@contextmanager
def world(bots: int) -> Iterator[tuple[World, int]]:
    """The running process and its id; it is stopped in the end."""
    with TemporaryDirectory(prefix="bench-listeners-") as folder:
        environment(Path(folder))
        python = [sys.executable]
        subprocess.run([*python, "manage.py", "migrate", "--verbosity", "0"], check=True)  # noqa: S603 - our own commands
        made = subprocess.run(  # noqa: S603 - our own commands
            [*python, "-m", "bench.listeners.rows", str(bots)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        webhook, *keys = made.stdout.split()
        port = free_port()
        address = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        server = subprocess.Popen(  # noqa: S603 - our own commands
            [*python, "-m", "uvicorn", "config.asgi:application", "--no-access-log", *address]
        )
        try:
            _wait(port, server)
            yield World(port, keys, webhook), server.pid
        finally:
            server.terminate()
            server.wait(timeout=30)


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory(pid: int) -> float:
    """Resident memory of the process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process has gone")


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_IN
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("uvicorn did not start")
