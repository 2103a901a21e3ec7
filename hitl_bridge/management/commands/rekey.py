"""Put every stored secret under the first of ENCRYPTION_KEYS."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hitl_bridge import rekeying


class Command(BaseCommand):
    """`manage.py rekey`: online, and it may be broken off and begun again at any time."""

    help = (
        "Encrypt every stored secret with the first of ENCRYPTION_KEYS, while everything runs. "
        "May be broken off and begun again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Only count what other keys encrypted."
        )
        parser.add_argument("--batch", type=int, default=500, help="Rows read at a time.")

    def handle(self, *args: Any, **options: Any) -> None:
        write, unreadable, outdated = not options["check"], 0, 0
        self.stdout.write(f"{len(settings.ENCRYPTION_KEYS)} keys; the first encrypts.")
        try:
            for model, columns in rekeying.tables():
                done = self._table(model, columns, options["batch"], write=write)
                unreadable += len(done.unreadable)
                outdated += done.outdated
        except KeyboardInterrupt:
            raise CommandError("Broken off; nothing is half done. Begin again to go on.") from None
        if unreadable:
            raise CommandError(
                f"{unreadable} values can't be read with any of ENCRYPTION_KEYS; they are as they "
                "were. Put the key that encrypted them back into the list, and begin again."
            )
        if write or not outdated:
            self.stdout.write("Every stored secret is under the first key.")
        else:
            self.stdout.write(f"{outdated} values are under other keys: run manage.py rekey.")

    def _table(
        self, model: Any, columns: list[str], batch: int, *, write: bool
    ) -> rekeying.Progress:
        done = rekeying.Progress(model._meta.label)
        named = 0
        for done in rekeying.rekey(model, columns, batch=batch, write=write):
            self.stdout.write(
                f"{done.table}: {done.seen} rows, {done.outdated} values under other keys, "
                f"{done.rewritten} encrypted anew"
            )
            for where in done.unreadable[named:]:
                self.stderr.write(f"{done.table}: {where} can't be read with any key")
            named = len(done.unreadable)
        return done
