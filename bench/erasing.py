"""`python -m bench.erasing`: how long it takes to erase a person, and whether anything is left.

Fills a database of its own with a person's sessions (messages, events, deliveries, attempts,
webhooks, files, notes) and with somebody else's, runs `manage.py erase_user`, and then searches a
full dump of the database, the files, Redis and what the command said. Exit code 1 if it took
longer than a minute, or if anything was found. PostgreSQL of DATABASE_URL's server; `--sqlite`
for a file instead.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import redis

LONGEST = 60.0  # seconds
CANARY = "zanzibarcanary"
OTHERS = "somebodyelse"
SERVER = "postgres://postgres@127.0.0.1:5432/postgres"


def main() -> int:
    """Fill, erase, search, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.erasing", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="of the person")
    parser.add_argument("--sqlite", action="store_true", help="a file instead of PostgreSQL")
    given = parser.parse_args()
    with (
        TemporaryDirectory(prefix="bench-erasing-") as folder,
        database(Path(folder), given.sqlite),
    ):
        environment(Path(folder))
        manage("migrate", "--verbosity", "0")
        filled = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, "-m", "bench.erasing_rows", str(given.messages)],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        before = places(Path(folder), "")
        began, worked = time.monotonic(), processor_seconds()
        said = manage("erase_user", f"{CANARY}@example.com", "--tenant", "bench", "--yes")
        took = time.monotonic() - began
        print(f"The command's own processor time: {processor_seconds() - worked:.1f} s")
        return report(filled, said, took, before, places(Path(folder), said))


def processor_seconds() -> float:
    """Of the programs that we have run so far: on a busy machine they wait besides."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def database(folder: Path, sqlite: bool) -> Iterator[None]:
    """An empty one, named by DATABASE_URL; it is dropped in the end."""
    if sqlite:
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/bench.sqlite3"
        yield
        return
    given = os.environ.get("DATABASE_URL", SERVER)
    server = (SERVER if given.startswith("sqlite") else given).rpartition("/")[0]
    name = f"bench_erasing_{os.getpid()}"
    os.environ["DATABASE_URL"] = f"{server}/{name}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload,unused-ignore]
        try:
            yield
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload,unused-ignore]


def environment(folder: Path) -> None:
    """Settings of the commands; a given REDIS_URL is used, and searched."""
    os.environ.setdefault("REDIS_URL", "")
    os.environ.update({
        "ENV_FILE": "",
        "SECRET_KEY": "bench-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
        "ENCRYPTION_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "PUBLIC_URL": "http://127.0.0.1",
        "MEDIA_ROOT": str(folder / "media"),
        "LOG_LEVEL": "DEBUG",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    })  # fmt: skip


def manage(*arguments: str) -> str:
    """Run a command of the bridge; what it said, its log included."""
    done = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, "manage.py", *arguments],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout)
    return done.stdout


def places(folder: Path, said: str) -> dict[str, int]:
    """How often the canary stands where."""
    kept = [path for path in (folder / "media").rglob("*") if path.is_file()]
    return {
        "database dump": dump(folder).lower().count(CANARY.encode()),
        "readable values": int(
            subprocess.run(
                [sys.executable, "-m", "bench.erasing_rows", "--count"],
                check=True, capture_output=True, text=True,
            ).stdout
        ),
        "files": sum(CANARY.encode() in path.read_bytes() for path in kept),
        "Redis": redis_values().count(CANARY.encode()),
        "said and logged": said.lower().count(CANARY),
    }  # fmt: skip


def dump(folder: Path) -> bytes:
    """The whole database: every file of SQLite's, all that pg_dump gives."""
    url = os.environ["DATABASE_URL"]
    if url.startswith("sqlite"):
        return b"".join(path.read_bytes() for path in sorted(folder.glob("bench.sqlite3*")))
    program = ["pg_dump", "--dbname", url.replace("postgres://", "postgresql://")]
    return subprocess.run(program, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603


def redis_values() -> bytes:
    """Every value that Redis holds, queued tasks decoded; nothing without Redis."""
    if not os.environ["REDIS_URL"]:
        return b""
    found = bytearray()
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as server:
        for key in server.scan_iter():
            found += key
            kind = server.type(key)
            if kind == b"list":
                for task in server.lrange(key, 0, -1):  # type: ignore[union-attr,unused-ignore]
                    found += task + base64.b64decode(json.loads(task).get("body", ""))
            elif kind == b"string":
                found += server.get(key) or b""  # type: ignore[operator,unused-ignore]
            else:
                found += repr(server.dump(key)).encode()
    return bytes(found)


def report(
    filled: str, said: str, took: float, before: dict[str, int], after: dict[str, int]
) -> int:
    """Print what was found; the exit code."""
    print(filled)
    print(said.strip().splitlines()[-1])
    print("| where the canary stands | before | after |\n|---|---|---|")
    for place, count in after.items():
        print(f"| {place} | {before[place]} | {count} |")
    problems = [
        *([f"{took:.1f} s, more than {LONGEST:.0f} s"] if took > LONGEST else []),
        *(f"still in: {place}" for place, count in after.items() if count),
        *([] if before["readable values"] else ["nothing was there to erase"]),
    ]
    print(f"{took:.1f} s with the start of the command; " + ("; ".join(problems) or "good"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
