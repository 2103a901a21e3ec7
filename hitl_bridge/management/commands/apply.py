"""`manage.py apply FILE.yaml`: tenants, bots and installations as a file declares them."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hitl_bridge.declarative import DeclarationError, apply_file


class Command(BaseCommand):
    """See docs/operators/apply.md."""

    help = "Make tenants, bots, API keys, apps and installations as FILE declares them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="YAML; keys are described in docs/operators.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would change.")
        parser.add_argument("--json", action="store_true", help="Print ids and addresses as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = apply_file(options["file"], dry_run=options["dry_run"])
        except DeclarationError as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2))
            return
        for line in report.lines():
            self.stdout.write(line)
        if options["dry_run"] and report.changes:
            self.stdout.write("Nothing of this has been written (--dry-run).")
