"""`python -m bench.intake_limits`: a hundred uploads of 50 MB at a time, and what they cost.

Against `manage.py serve` (uvicorn) and gunicorn, on a SQLite database of its own: bodies that tell
their length, that are chunked, and that tell a small one and send on; to a webhook, the API and the
admin's login. Ends with 1 where a server grew by 50 MB or more, or one was taken.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.listeners.stack import environment, free_port

PIECE = b"x" * 65536
PATHS = ("/webhooks/intercom/unknown", "/api/v1/actions/createUser", "/admin/login/")
LENGTHS = {"told": "Content-Length: {size}", "chunked": "Transfer-Encoding: chunked",
           "a lie": "Content-Length: 100"}  # fmt: skip
SERVERS = {
    "serve": ["manage.py", "serve", "--port", "{port}"],
    "gunicorn": ["-m", "gunicorn", "config.wsgi", "-b", "127.0.0.1:{port}"],
}
LIMIT = 50.0  # MB
PATIENCE = 60.0  # seconds for one upload


def main() -> int:
    """Upload, watch, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.intake_limits", description=__doc__)
    parser.add_argument("--uploads", type=int, default=100)
    parser.add_argument("--megabytes", type=int, default=50)
    given = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="bench-intake-") as folder:
        environment(Path(folder))
        os.environ["TMPDIR"] = folder
        os.environ["REFUSED_PER_MINUTE"] = "0"
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
        for name, command in SERVERS.items():
            with server(command) as (port, pid):
                for kind in LENGTHS:
                    good &= _round(name, kind, port, pid, given.uploads, given.megabytes)
    return 0 if good else 1


def _round(name: str, kind: str, port: int, pid: int, uploads: int, megabytes: int) -> bool:
    answers: Counter[str] = Counter()
    before, most, done = memory(pid), 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, memory(pid))
            time.sleep(0.05)

    def upload(number: int) -> None:
        answers[_upload(port, PATHS[number % len(PATHS)], kind, megabytes << 20)] += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    callers = [threading.Thread(target=upload, args=(number,)) for number in range(uploads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    done.set()
    watcher.join()
    grown = most - before
    print(f"{name}, length {kind}: {before:.0f} MB, grew by {grown:.0f} MB; {dict(answers)}")
    return grown < LIMIT and not any(answer.startswith(("2", "5")) for answer in answers)


def _upload(port: int, path: str, kind: str, size: int) -> str:
    """The status that came, or that the server hung up."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b"
        f"\r\n{LENGTHS[kind].format(size=size)}\r\n\r\n"
    )
    piece = b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if kind == "chunked" else PIECE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
            with contextlib.suppress(OSError):
                peer.sendall(head.encode())
                for _ in range(size // len(PIECE)):
                    peer.sendall(piece)
            return peer.recv(64).split(b" ")[1].decode()
    except (OSError, IndexError) as error:
        return "hung up" if isinstance(error, ConnectionError | IndexError) else "no answer"


def memory(pid: int) -> float:
    """Private memory of the process and its children, in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _anonymous(pid) + sum(_anonymous(int(child)) for child in children)


def _anonymous(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) / 1024
    return 0.0


@contextlib.contextmanager
def server(command: list[str]) -> Iterator[tuple[int, int]]:
    """A running one: its port and its id."""
    port = free_port()
    words = [word.format(port=port) for word in command]
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.2)
        time.sleep(2)
        _upload(port, PATHS[0], "told", 1)  # what the first request costs is no upload's doing
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
