"""Processes of a run: each in a group of its own, killed, started again, all ended at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class NotStarted(Exception):
    """A part does not come up. The message says which, and where its log is."""


@dataclass
class Part:
    """One process and all its children."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    alive: Callable[[], bool] = lambda: True  # whether it answers
    user: str | None = None  # to run as, where we are root
    process: subprocess.Popen[bytes] | None = None
    groups: list[int] = field(default_factory=list)  # of all its lives

    def start(self) -> None:
        """Start it; `wait` says when it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                self.command,
                cwd=ROOT,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
            )
        self.groups.append(self.process.pid)

    def wait(self, seconds: float = 60) -> None:
        """Return once it answers. Raises NotStarted."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process is None or self.process.poll() is not None:
                raise NotStarted(f"{self.name} ended while starting: see {self.log}")
            if self.alive():
                return
            time.sleep(0.05)
        raise NotStarted(f"{self.name} does not answer after {seconds:.0f} s: see {self.log}")

    @property
    def runs(self) -> bool:
        """Whether the process is there, answering or not."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9 of it and its children."""
        if self.process is None:
            return
        _signal(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float) -> None:
        """End it in order, or else by force."""
        if self.process is None:
            return
        if self.runs:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=seconds)
        self.kill()

    def left_over(self) -> list[int]:
        """The process groups of its lives that still have members."""
        return [group for group in self.groups if _signal(group, 0)]


def _signal(group: int, number: int) -> bool:
    """Send it; False if there is nobody."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def python(*arguments: str) -> list[str]:
    """A command of this Python."""
    return [sys.executable, *arguments]


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int, first: int = 0) -> list[int]:
    """So many free ports in a row, outside the range that outgoing connections are dealt from.

    Raises NotStarted where the wanted ones are taken.
    """
    for start in [first] if first else range(21000, 31000, 20):
        ports = list(range(start, start + count))
        if not any(_taken(port) for port in ports):
            return ports
    raise NotStarted(f"The ports from {first} on are taken: choose others with --port.")


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
