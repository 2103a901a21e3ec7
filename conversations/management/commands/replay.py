"""`manage.py replay --since …`: try dead letters again."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from conversations.flows import replaying
from conversations.flows.explaining import REASONS
from conversations.models import Delivery
from hitl_bridge.models import Installation

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> datetime:
    """A time, or how long ago: 30m, 12h, 2d. In UTC where no zone is given."""
    number, unit = text[:-1], text[-1:]
    if number.isdigit() and unit in UNITS:
        return timezone.now() - timedelta(**{UNITS[unit]: int(number)})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no time: write 2027-01-31T12:00, or how long ago: 30m, 12h, 2d"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Command(BaseCommand):
    """Ctrl-C stops it between two dead letters; the same command goes on where it stopped."""

    help = "Try the dead letters again that were given up since a time, oldest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=moment, required=True, help="2027-01-31T12:00, or 30m, 12h, 2d ago."
        )
        parser.add_argument("--tenant", help="Only this tenant's: its slug.")
        parser.add_argument("--installation", help="Only this one's: its id.")
        parser.add_argument("--reason", choices=list(REASONS), help="Only those that ended so.")
        parser.add_argument("--dry-run", action="store_true", help="Count, and change nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = replaying.dead_since(_chosen(options), options["since"])
        total = rows.count()
        since = options["since"].strftime("%Y-%m-%d %H:%M UTC")
        if options["dry_run"]:
            self.stdout.write(f"{total} dead letters since {since}; nothing has been changed.")
            return
        found: Counter[str] = Counter()
        try:
            for problem in self._shown(replaying.retry_all(rows, _who()), total):
                found[problem] += 1
        except KeyboardInterrupt:
            self.stdout.write("Stopped; the same command goes on.")
        self.stdout.write(f"{found.pop('', 0)} of {total} dead letters are being tried again.")
        for problem, count in found.most_common():
            self.stdout.write(f"{count} are not: {problem}")

    def _shown(self, done: Iterator[str], total: int) -> Iterator[str]:
        """How far it is, on a terminal only."""
        terminal = sys.stderr.isatty()
        for number, problem in enumerate(done, start=1):
            if terminal and (number % 20 == 0 or number == total):
                self.stderr.write(f"\r{number} of {total}", ending="" if number < total else "\n")
            yield problem


def _chosen(options: dict[str, Any]) -> Any:
    rows = Delivery.objects.all()
    if options["tenant"]:
        rows = rows.filter(tenant__slug=options["tenant"])
    if options["installation"]:
        if not Installation.objects.filter(pk=options["installation"]).exists():
            raise CommandError(
                f"--installation: there is no {options['installation']}. "
                "Its id stands on its page in the admin, and in `manage.py apply --json`."
            )
        rows = rows.filter(conversation__installation=options["installation"])
    if options["reason"]:
        rows = rows.filter(error_kind=options["reason"])
    return rows


def _who() -> str:
    """For the audit log: the command, and whose shell it ran in."""
    try:
        return f"manage.py replay ({getpass.getuser()})"
    except (KeyError, OSError):  # a container's user has no name
        return "manage.py replay"
