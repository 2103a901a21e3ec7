"""`manage.py doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.management.diagnosis import BAD, DOUBTFUL, diagnose

SIGNS = {BAD: "WRONG", DOUBTFUL: "look ", "good": "ok   "}


class Command(BaseCommand):
    """Changes nothing, but for the notes of when a help desk was last tested."""

    help = (
        "Look at settings, database, broker, clocks, workers, the public address and every "
        "installation, and say in plain words what is wrong. Ends with 1 where anything is."
    )
    # The doctor runs them and shows what they found among all else.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--offline", action="store_true", help="Call no help desk: say what was last known."
        )
        parser.add_argument("--quiet", action="store_true", help="Leave out what is well.")

    def handle(self, *args: Any, **options: Any) -> None:
        styles = {BAD: self.style.ERROR, DOUBTFUL: self.style.WARNING}
        wrong = doubtful = 0
        for finding in diagnose(ask=not options["offline"]):
            wrong += finding.state == BAD
            doubtful += finding.state == DOUBTFUL
            if options["quiet"] and finding.state not in styles:
                continue
            style = styles.get(finding.state, str)
            self.stdout.write(f"{style(SIGNS[finding.state])} {finding.area}: {finding.said}")
            if finding.step:
                self.stdout.write(f"      → {finding.step}")
        if wrong:
            raise CommandError(f"{wrong} things are wrong, {doubtful} are worth a look.")
        self.stdout.write(f"Nothing is wrong; {doubtful} things are worth a look.")
