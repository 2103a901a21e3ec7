"""`smoke.py SECONDS`: `make run` on a free port is ready in time, shows its pages, ends on Ctrl-C.

Plain Python: it runs before anything is installed.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from typing import IO

STOP_SECONDS = 15


def main(seconds: float) -> int:
    """Return 0 if the product starts, shows its pages and ends cleanly; else say what is wrong."""
    port = free_port()
    # Append: the process shares the position in the file with us, who read it from the start.
    with tempfile.TemporaryFile("a+") as output:
        # A session of its own is what a terminal gives it: Ctrl-C goes to the whole group.
        process = subprocess.Popen(
            ["make", "--no-print-directory", "run", f"PORT={port}"],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wrong = look(port, process, output, seconds) or stop(port, process, output)
        finally:
            kill(process)
        if wrong:
            output.seek(0)
            print(output.read()[-6000:])
            print(f"FAILED: {wrong}", file=sys.stderr)
    return 1 if wrong else 0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def look(
    port: int, process: subprocess.Popen[bytes], output: IO[str], seconds: float
) -> str | None:
    """Return what is wrong with the running product, None if nothing."""
    base = f"http://127.0.0.1:{port}"
    began = time.monotonic()
    while status(f"{base}/readyz") != 200:
        if process.poll() is not None:
            return f"make run ended by itself with {process.returncode}"
        if time.monotonic() - began > seconds:
            return f"/readyz was not 200 within {seconds:.0f} seconds"
        time.sleep(0.3)
    print(f"ready after {time.monotonic() - began:.1f} s")
    pages = [f"{base}{path}" for path in ("/livez", "/admin/login/", "/api/docs/", "/api/schema/")]
    for page in pages:
        if (found := shown(page)) != 200:
            return f"{page} answered {found}"
    others = [shown(page) for page in printed(output, base)]
    # Some of the addresses that it prints may be an API's, where a browser has no business.
    if 200 not in others or any(not isinstance(code, int) or code >= 500 for code in others):
        return "the sandbox's pages are not there"
    return None


def printed(output: IO[str], base: str) -> list[str]:
    """Return the addresses that the product has printed beside the bridge's own (5 s to do so)."""
    for _ in range(10):
        output.seek(0)
        found = set(re.findall(r"http://127\.0\.0\.1:\d+[^\s\"'<>)\x1b]*", output.read()))
        if others := sorted(address for address in found if not address.startswith(base)):
            return others
        time.sleep(0.5)
    return []


def shown(address: str) -> int | str:
    """Return what the address answers, and print it."""
    found = status(address)
    print(f"{found} {address}")
    return found


def status(address: str) -> int | str:
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__


def stop(port: int, process: subprocess.Popen[bytes], output: IO[str]) -> str | None:
    """Send Ctrl-C and return what is wrong with the end, None if nothing."""
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    try:
        code = process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        return f"it did not end within {STOP_SECONDS} seconds of Ctrl-C"
    # make dies of the signal either way, and says so if what it ran ended badly.
    output.seek(0)
    complaint = re.search(r"make: \*\*\*.*", output.read())
    if complaint or code not in {0, -signal.SIGINT}:
        return f"it ended with {code} after Ctrl-C ({complaint[0] if complaint else 'unexplained'})"
    if status(f"http://127.0.0.1:{port}/livez") == 200:
        return "its web process outlived it"
    print(f"ended {time.monotonic() - began:.1f} s after Ctrl-C")
    return None


def kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
