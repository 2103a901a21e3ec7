"""`python -m bench.rekey`: change the key of 100,000 rows while messages and token refreshes flow.

On DATABASE_URL (a fresh database is made beside it), else on SQLite. `manage.py rekey` runs as a
process of its own, is killed once half way, and begun again. Ends with 1 where a send failed, a
token was undone, or anything can't be read with the new key alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time

import django
from cryptography.fernet import Fernet

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
DESKS = 20


def main() -> int:
    """Fill, change keys under load, look."""
    parser = argparse.ArgumentParser(prog="python -m bench.rekey", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-rekey-") as folder:
        _set_up(folder)
        from bench.rekey.load import Load, fill, unreadable  # noqa: PLC0415 - needs Django

        desks = fill(given.rows, DESKS)
        os.environ["ENCRYPTION_KEYS"] = f"{NEW},{OLD}"
        _keys(NEW, OLD)
        load = Load(desks)
        load.start()
        began = time.monotonic()
        _killed_half_way()
        finished = subprocess.run(_command(), stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
        took = time.monotonic() - began
        load.stop()
        print("\n".join(finished.stdout.splitlines()[-3:]))
        _keys(NEW)
        lost = unreadable()
        print(
            f"{given.rows} rows in {took:.0f} s, killed once; meanwhile {load.sent} messages sent "
            f"({load.failed} failed), {load.refreshed} tokens refreshed ({load.undone()} undone); "
            f"{lost} values unreadable with the new key alone"
        )
        bad = finished.returncode or load.failed or load.undone() or lost or not load.sent
        return 1 if bad else 0


def _command() -> list[str]:
    return [sys.executable, "manage.py", "rekey"]


def _killed_half_way() -> None:
    with subprocess.Popen(_command(), stdout=subprocess.PIPE, text=True) as first:  # noqa: S603 - our own
        assert first.stdout is not None
        for line in first.stdout:
            if "Receipt: " in line:  # the long table has begun
                first.send_signal(signal.SIGKILL)
                return


def _keys(*keys: str) -> None:
    from django.conf import settings  # noqa: PLC0415 - needs Django

    settings.ENCRYPTION_KEYS = list(keys)


def _set_up(folder: str) -> None:
    given = os.environ.get("DATABASE_URL", "")
    from tests.environment import set_environment  # noqa: PLC0415 - sets what Django reads

    set_environment()
    database = _fresh(given) if given.startswith("postgres") else f"sqlite:///{folder}/b.sqlite3"
    os.environ |= {
        "DATABASE_URL": database, "REDIS_URL": "", "LOG_LEVEL": "ERROR", "ENCRYPTION_KEYS": OLD,
    }  # fmt: skip
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - needs Django

    call_command("migrate", verbosity=0)


def _fresh(url: str) -> str:
    """The address of a new database of that server; it stays until the next run."""
    import psycopg  # noqa: PLC0415 - only here

    server = url.rpartition("/")[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("drop database if exists bench_rekey with (force)")
        connection.execute("create database bench_rekey")
    return f"{server}/bench_rekey"


if __name__ == "__main__":
    sys.exit(main())
