"""`make run`'s supervisor, around a stand-in for the bridge in a copy of the project."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox import processes
from tests.sandbox.conftest import wait_until
from tests.sandbox_fixture import PROJECT, free_port

SETTINGS = """
    import os
    SECRET_KEY = os.environ["SECRET_KEY"]
    INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "bridge"]
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3",
                             "NAME": os.environ["DATABASE_URL"].removeprefix("sqlite:///")}}
    assert os.environ["REDIS_URL"] == ""
    assert "DEBUG" not in os.environ
"""
APPLY = """
    import os
    from django.core.management.base import BaseCommand
    class Command(BaseCommand):
        def add_arguments(self, parser):
            parser.add_argument("file")
            parser.add_argument("--json", action="store_true")
        def handle(self, *args, **options):
            text = open(options["file"]).read()
            assert "SANDBOX_URL/" not in text
            self.stdout.write('{"installations": [{"slug": "support", "webhook_url": "%s/hook"}]}'
                              % os.environ["PUBLIC_URL"])
"""
SERVE = """
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from django.core.management.base import BaseCommand
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        do_HEAD = do_POST = do_GET
        def log_message(self, *args): pass
    class Command(BaseCommand):
        def add_arguments(self, parser):
            parser.add_argument("--port", type=int)
        def handle(self, *args, **options):
            HTTPServer(("127.0.0.1", options["port"]), Handler).serve_forever()
"""


class Run:
    """One `python -m sandbox` in a project of its own."""

    def __init__(self, project: Path, port: int, sandbox_port: int) -> None:
        self.project, self.port, self.sandbox_port = project, port, sandbox_port
        self.process: subprocess.Popen[str] | None = None
        self.log = project / "log"

    def start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"} | {
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "DATABASE_URL": "postgres://production.example.com/bridge",
            "REDIS_URL": "redis://production.example.com/0",
            "DEBUG": "True",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sandbox"],
                cwd=self.project,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def start_and_wait(self) -> None:
        self.start()
        wait_until(lambda: "is running" in self.log.read_text() or self.ended, within=60)
        assert not self.ended, self.log.read_text()

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def send(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def ports_free(self) -> bool:
        return processes.is_free(self.port) and processes.is_free(self.sandbox_port)

    def env_file(self) -> Path:
        return self.project / "var" / str(self.port) / "env"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "sandbox", tmp_path / "sandbox", ignore=ignore)
    backend = Path("hitl_bridge", "sqlite")  # what it borrows, for a database of its own
    shutil.copytree(PROJECT / backend, tmp_path / backend, ignore=ignore)
    write(tmp_path / "config" / "settings.py", SETTINGS)
    write(tmp_path / "bridge" / "management" / "commands" / "apply.py", APPLY)
    write(tmp_path / "bridge" / "__init__.py", "")
    write(tmp_path / "bridge" / "management" / "commands" / "serve.py", SERVE)
    running = Run(tmp_path, free_port(), free_port())
    yield running
    if not running.ended and running.process:
        running.send(signal.SIGTERM)


def test_it_starts_everything_and_ctrl_c_ends_it_cleanly(run: Run):
    run.start_and_wait()
    account = requests.get(
        f"http://127.0.0.1:{run.sandbox_port}/control/accounts/support", timeout=5
    ).json()
    assert account["webhook_url"] == f"http://127.0.0.1:{run.port}/hook"
    assert account["webhook_note"] == "HEAD answered 200"
    secrets = dict(line.split("=", 1) for line in run.env_file().read_text().splitlines())
    assert account["credentials"]["access_token"] == secrets["INTERCOM_TOKEN"]
    assert run.env_file().stat().st_mode & 0o777 == 0o600
    assert secrets["ADMIN_PASSWORD"] in run.log.read_text()
    assert run.send(signal.SIGINT) == 0
    assert run.ports_free()


def test_the_demo_chat_offers_only_what_was_applied(run: Run):
    run.start_and_wait()
    base = f"http://127.0.0.1:{run.sandbox_port}"
    accounts = requests.get(f"{base}/control/accounts", timeout=5).json()
    assert {row["slug"] for row in accounts} > {"support"}
    session = requests.Session()
    session.get(f"{base}/demo/", timeout=5)
    desks = session.get(f"{base}/demo/data", timeout=5).json()["desks"]
    assert desks == [{"id": "support", "name": "Intercom", "inbox": "/inbox/support/"}]


def test_a_program_that_ends_is_started_again(run: Run):
    run.start_and_wait()
    bridge = json.loads((run.env_file().parent / "pids").read_text())[-1]
    os.kill(bridge[0], signal.SIGKILL)
    wait_until(lambda: "starting it again" in run.log.read_text())
    wait_until(lambda: not processes.is_free(run.port))


def test_kill_9_leaves_nothing_behind_and_the_next_start_goes_on(run: Run):
    run.start_and_wait()
    secrets = run.env_file().read_text()
    run.send(signal.SIGKILL)
    run.start_and_wait()
    assert run.env_file().read_text() == secrets
    run.send(signal.SIGKILL)
    wait_until(run.ports_free)


def test_a_port_in_use_is_said_plainly(run: Run):
    with socket.socket() as other:
        other.bind(("127.0.0.1", run.port))
        other.listen()
        run.start()
        assert run.process
        assert run.process.wait(timeout=20) == 1
    assert f"Port {run.port} is in use" in run.log.read_text()
    assert "Traceback" not in run.log.read_text()


def test_a_second_run_on_the_same_port_is_refused(run: Run):
    run.start_and_wait()
    second = Run(run.project, run.port, run.sandbox_port)
    second.log = run.project / "second"
    second.start()
    assert second.process
    assert second.process.wait(timeout=20) == 1
    assert "already running" in second.log.read_text()
    assert not run.ended


def test_a_leftover_whose_number_was_taken_over_is_left_alone(tmp_path: Path):
    path = tmp_path / "pids"
    path.write_text(f'[[{os.getpid()}, "an earlier birth"]]')
    assert processes.end_leftovers(path) == 0
