"""Fixtures for tests that talk to the sandbox: a real server in a process of its own.

Import what you use into a conftest: `from tests.sandbox_fixture import sandbox, sandbox_account`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from sandbox.control import AccountControl, Control

PROJECT = Path(__file__).resolve().parent.parent
# A secret of Standard Webhooks that only tests know.
CALLBACK_SECRET = "whsec_dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLTEyMw=="


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class SandboxServer:
    """A running sandbox. `environment` tells its demo bot where the bridge is."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def control(self) -> Control:
        return Control(self.base_url)

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = {
            **{k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
            "SANDBOX_DB": str(self.folder / "sandbox.sqlite3"),
            "SANDBOX_URL": self.base_url,
            "SANDBOX_SECRET_KEY": "only-for-tests",
            "CALLBACK_SECRET": CALLBACK_SECRET,
            **self.environment,
        }
        command = [sys.executable, "-m", "sandbox.serve", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, start_new_session=True
        )
        try:
            self._await()
        except BaseException:
            self.kill()
            raise

    def _await(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process, "start it first"
            assert self.process.poll() is None, "the sandbox ended while starting"
            try:
                # It listens before it has migrated, so the first answer may take a while.
                requests.get(f"{self.base_url}/alive", timeout=5)
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return
        pytest.fail("the sandbox does not answer")

    def kill(self) -> None:
        """kill -9 of the server and its worker process."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """End it in order."""
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=20)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """One sandbox for all tests; they share it, so each makes an account of its own."""
    server = SandboxServer(tmp_path_factory.mktemp("sandbox"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sandbox_account(sandbox: SandboxServer) -> Iterator[AccountControl]:
    """A fresh Intercom account that retries a webhook after 0.3 s instead of a minute."""
    slug = f"t-{uuid.uuid4().hex[:12]}"
    account = sandbox.control.account(slug, settings={"retry_delays": [0.3]})
    yield account
    account.remove()
