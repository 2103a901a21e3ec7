"""The product as production runs it, with a PostgreSQL, a Redis and a sandbox of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import requests
import yaml

from bench.chaos.processes import ROOT, NotStarted, Part, free_ports, listens, python

SECRET_KEY = "chaos-" + "0123456789abcdef" * 4
ENCRYPTION_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
HOST = "127.0.0.1"
WORKERS = ("worker-1", "worker-2")
ALIVE = "SELECT 1 FROM conversations_workerheartbeat WHERE name LIKE %s"


class Stack:
    """All parts by name, and where they are. `embedded`: SQLite and one process."""

    def __init__(self, *, embedded: bool, port: int = 0) -> None:
        self.embedded = embedded
        names = ("web", "feed", "sandbox", "bot", "postgres", "redis")
        self.ports = dict(zip(names, free_ports(len(names), port), strict=True))
        # Not below the project: PostgreSQL's own user must be able to get there.
        self.folder = Path(tempfile.mkdtemp(prefix="bridge-chaos-"))
        self.folder.chmod(0o755)
        for name in ("log", "tmp"):
            (self.folder / name).mkdir()
        self.parts: dict[str, Part] = {}
        self.environment = self._environment()

    # --- addresses ---------------------------------------------------------------------------

    @property
    def web_url(self) -> str:
        return f"http://{HOST}:{self.ports['web']}"

    @property
    def feed_url(self) -> str:
        return self.web_url if self.embedded else f"http://{HOST}:{self.ports['feed']}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{HOST}:{self.ports['sandbox']}"

    @property
    def sandbox_file(self) -> Path:
        return self.folder / "sandbox.sqlite3"

    @property
    def database_file(self) -> Path:
        return self.folder / "bridge.sqlite3"

    @property
    def postgres_url(self) -> str:
        return f"postgres://postgres@{HOST}:{self.ports['postgres']}/bridge"

    def _environment(self) -> dict[str, str]:
        own = {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ENV_FILE": "",
            "SECRET_KEY": SECRET_KEY,
            "ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "DATABASE_URL": f"sqlite:///{self.database_file}"
            if self.embedded
            else self.postgres_url,
            "REDIS_URL": "" if self.embedded else f"redis://{HOST}:{self.ports['redis']}/0",
            "PUBLIC_URL": self.web_url,
            "PORT": str(self.ports["web"]),
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "ALLOWED_PRIVATE_TARGETS": "127.0.0.0/8",
            "LOG_LEVEL": "WARNING",
            "LOG_FORMAT": "json",
            "MEDIA_ROOT": str(self.folder / "media"),
            "BEAT_SCHEDULE_FILE": str(self.folder / "tmp" / "beat"),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONUNBUFFERED": "1",
        }
        inherited = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
        return {name: os.environ[name] for name in inherited if name in os.environ} | own

    # --- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything, databases first. Raises NotStarted."""
        self._sandbox()
        if not self.embedded:
            self._postgres()
            self._redis()
        self.manage("migrate", "-v0")
        self._bridge()
        for part in self.parts.values():
            part.wait()

    def stop(self) -> list[str]:
        """End everything; the names of parts of which something remains."""
        order = sorted(self.parts.values(), key=lambda part: part.name in ("postgres", "redis"))
        for part in order:
            part.stop(3)
        return [part.name for part in order if part.left_over()]

    def clean_up(self) -> None:
        """Remove databases and logs."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def manage(self, *arguments: str) -> str:
        """Run a management command; its output."""
        done = subprocess.run(  # noqa: S603 - our own commands
            python("manage.py", *arguments),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotStarted(f"manage.py {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def apply(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Declare tenants; every installation's addresses."""
        file = self.folder / "apply.yaml"
        file.write_text(yaml.safe_dump(document))
        made: dict[str, Any] = json.loads(self.manage("apply", str(file), "--json"))
        found: list[dict[str, Any]] = made["installations"]
        return found

    def log_of(self, name: str) -> str:
        """All that a part has printed."""
        file = self.folder / "log" / name
        return file.read_text(errors="replace") if file.exists() else ""

    # --- parts -------------------------------------------------------------------------------

    def _add(self, name: str, command: list[str], **more: Any) -> Part:
        environment = more.pop("environment", self.environment)
        part = Part(name, command, environment, self.folder / "log" / name, **more)
        self.parts[name] = part
        part.start()
        return part

    def _sandbox(self) -> None:
        own = {
            **{k: v for k, v in self.environment.items() if k != "DJANGO_SETTINGS_MODULE"},
            "SANDBOX_DB": str(self.sandbox_file),
            "SANDBOX_URL": self.sandbox_url,
            "SANDBOX_SECRET_KEY": "only-for-chaos",
        }
        port = self.ports["sandbox"]
        command = python("-m", "sandbox.serve", "--port", str(port))
        url = f"{self.sandbox_url}/alive"
        self._add("sandbox", command, environment=own, alive=lambda: _answers(url))

    def _postgres(self) -> None:
        initdb = _initdb()
        # PostgreSQL refuses to be root.
        user = "postgres" if os.geteuid() == 0 else None
        data = self.folder / "postgres"
        data.mkdir(mode=0o700)
        if user:
            shutil.chown(data, user, user)
        made = subprocess.run(  # noqa: S603 - our own commands
            [initdb, "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"],
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
            env=self.environment | {"TMPDIR": str(data.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise NotStarted(f"initdb: {made.stderr}")
        port = self.ports["postgres"]
        # fsync is on, as it is by default: a kill -9 must not cost what was committed.
        settings = {
            "port": port,
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "max_connections": 300,
            "shared_buffers": "128MB",
        }
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(Path(initdb).with_name("postgres")), "-D", str(data), *flags]
        self._add("postgres", command, user=user, alive=self._postgres_answers).wait()
        with psycopg.connect(self._any_database, autocommit=True) as connection:
            connection.execute("CREATE DATABASE bridge")

    @property
    def _any_database(self) -> str:
        return self.postgres_url.replace("/bridge", "/postgres")

    def _postgres_answers(self) -> bool:
        try:
            psycopg.connect(self._any_database, connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def _works(self, name: str) -> bool:
        """Whether a worker has said that it lives."""
        process = self.parts[name].process
        try:
            with psycopg.connect(self.postgres_url, connect_timeout=2) as connection:
                found = connection.execute(ALIVE, [f"%:{process.pid if process else ''}"])
                return found.fetchone() is not None
        except psycopg.Error:
            return False

    def _redis(self) -> None:
        server = shutil.which("redis-server")
        if not server:
            raise NotStarted("There is no Redis here. Debian: apt install redis-server")
        port = self.ports["redis"]
        # Nothing of it is kept: a kill wipes its data.
        options = ["--bind", HOST, "--save", "", "--appendonly", "no"]
        folder = ["--dir", str(self.folder / "tmp")]
        command = [server, "--port", str(port), *options, *folder]
        self._add("redis", command, alive=lambda: listens(port)).wait()

    def _bridge(self) -> None:
        alive = f"{self.web_url}/livez"
        if self.embedded:
            # As many threads as four Celery workers have.
            command = python("manage.py", "serve", "--port", str(self.ports["web"]))
            self._add("web", [*command, "--threads", "64"], alive=lambda: _answers(alive))
            return
        web = python("-m", "gunicorn", "config.wsgi", "-b", f"{HOST}:{self.ports['web']}")
        self._add("web", web, alive=lambda: _answers(alive))
        for name in WORKERS:
            command = python("-m", "celery", "-A", "config", "worker", "-n", f"{name}@%h")
            self._add(name, command, alive=partial(self._works, name))
        self._add("beat", python("-m", "celery", "-A", "config", "beat"))
        feed = ["config.asgi:application", "--host", HOST, "--port", str(self.ports["feed"])]
        url = f"{self.feed_url}/livez"
        self._add("feed", python("-m", "uvicorn", *feed), alive=lambda: _answers(url))


def _initdb() -> str:
    """PostgreSQL's own programs lie beside it; distributions keep them off the PATH."""
    lying_apart = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    found = str(lying_apart[-1]) if lying_apart else shutil.which("initdb")
    if not found:
        raise NotStarted("There is no PostgreSQL here. Debian: apt install postgresql")
    return str(Path(found).resolve())


def _version(path: Path) -> int:
    name = path.parent.parent.name
    return int(name) if name.isdigit() else 0


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
