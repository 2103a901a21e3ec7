"""`manage.py erase_user WHO --tenant SLUG`: remove a person, see docs/operators/privacy.md."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.flows.privacy import erasing, finding
from conversations.management.people import by_whom, chosen
from conversations.models import User


class Command(BaseCommand):
    """Interrupted, the same command goes on."""

    help = "Remove a person from every table, the files, the queue and the logs' side stores."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", help="The user's id, e-mail address or external id.")
        parser.add_argument("--tenant", required=True, help="Whose customer it is: its slug.")
        parser.add_argument("--yes", action="store_true", help="Don't ask.")
        parser.add_argument("--dry-run", action="store_true", help="Show what there is, keep it.")

    def handle(self, *args: Any, **options: Any) -> None:
        people = chosen(options["tenant"], options["who"])
        for user in people:
            rows = finding.conversations_of(user)
            self.stdout.write(
                f"{user.pk} ({user.get_kind_display().lower()} of {user.bot.slug}): "
                f"{rows.count()} conversations"
            )
            if options["dry_run"]:
                for ticket in finding.tickets_of(rows):
                    self.stdout.write(f"  ticket: {ticket}")
        if options["dry_run"]:
            self.stdout.write("Nothing has been erased (--dry-run).")
            return
        if not options["yes"]:
            self.stdout.write("This can't be undone. Type yes to erase: ", ending="")
            self.stdout.flush()
            if input().strip().lower() != "yes":
                raise CommandError("Nothing has been erased.")
        for user in people:
            self._erase(user)

    def _erase(self, user: User) -> None:
        began, pk = time.monotonic(), user.pk

        def say(ticket: str) -> None:
            self.stdout.write(f"  remains at the help desk: {ticket}")

        try:
            done = erasing.erase(user, by_whom("erase_user"), say=say)
        except erasing.StillBusy as busy:
            raise CommandError(str(busy)) from None
        self.stdout.write(
            f"{pk} has been erased in {time.monotonic() - began:.1f} s: {done.conversations} "
            f"conversations, {done.messages} messages, {done.files} files, and {done.traces} "
            f"other rows that told of them. {len(done.tickets)} tickets remain at help desks."
        )
