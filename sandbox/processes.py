"""Child processes that never outlive their parent, and what to do about those that did."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GRACE = 10.0  # seconds between TERM and KILL
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int) -> Callable[[], None]:
    """Runs in the child before its program: TERM when the parent dies, even by kill -9."""

    def before_exec() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before we could ask
                os._exit(1)

    return before_exec


@dataclass
class Child:
    """A program to keep running."""

    name: str
    command: Sequence[str]
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0

    def start(self, cwd: Path) -> None:
        """Start it in a session of its own: Ctrl-C in the terminal reaches only the supervisor,
        which then ends the children in order."""
        self.process = subprocess.Popen(  # our own programs
            self.command,
            cwd=cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  # the supervisor has one thread
        )

    @property
    def pid(self) -> int:
        """Its process id, or 0."""
        return self.process.pid if self.process else 0

    @property
    def code(self) -> int | None:
        """Its exit code once it has ended."""
        return self.process.poll() if self.process else None


def stop(children: Sequence[Child]) -> None:
    """TERM to all, KILL to the groups of those that are still there after the grace period."""
    running = [c.process for c in children if c.process and c.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in running:
        try:
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _kill_group(process.pid)
            process.wait()


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def birth(pid: int) -> str:
    """When a process began: with the id, this names it for good. Empty if it is gone."""
    try:
        # The name in the second field may itself contain spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except OSError:
        pass
    if Path("/proc/self").exists():
        return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def remember(path: Path, children: Sequence[Child]) -> None:
    """Note which processes are ours, for a start after a crash."""
    path.write_text(json.dumps([[c.pid, birth(c.pid)] for c in children if c.pid]))


def end_leftovers(path: Path) -> int:
    """End the processes that a killed supervisor left behind; how many there were. An id that
    belongs to a younger process by now is not touched."""
    try:
        noted = json.loads(path.read_text())
    except (OSError, ValueError):
        return 0
    left = [pid for pid, born in noted if born and birth(pid) == born]
    for pid in left:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while any(birth(pid) for pid in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        if birth(pid):
            _kill_group(pid)
    path.unlink(missing_ok=True)
    return len(left)


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
