"""`manage.py backup FILE`: a copy of the SQLite database while it is in use."""

from __future__ import annotations

import sqlite3
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection


class Command(BaseCommand):
    """SQLite's own online backup: what is committed when it ends is in it, and nothing half."""

    help = "Copy the SQLite database to FILE while it is in use (PostgreSQL: pg_dump)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="Must not exist yet.")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        if connection.vendor != "sqlite":
            raise CommandError("This is for SQLite. For PostgreSQL use pg_dump --format=custom.")
        if file.exists():
            raise CommandError(f"{file} exists already: name another file.")
        file.touch(mode=0o600)
        connection.ensure_connection()
        with closing(sqlite3.connect(file)) as copy:
            connection.connection.backup(copy)
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise CommandError(f"The copy is damaged: {found}")
        self.stdout.write(f"{file}: {file.stat().st_size} bytes. Keep ENCRYPTION_KEYS elsewhere.")
