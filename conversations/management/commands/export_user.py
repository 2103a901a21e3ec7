"""`manage.py export_user WHO --tenant SLUG`: all that is stored of a person, as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from conversations.flows.privacy import exporting
from conversations.management.people import by_whom, chosen


class Command(BaseCommand):
    """See docs/operators/privacy.md."""

    help = "Print all that is stored of a person as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", help="The user's id, e-mail address or external id.")
        parser.add_argument("--tenant", required=True, help="Whose customer it is: its slug.")
        parser.add_argument("--files", action="store_true", help="With the files, as Base64.")
        parser.add_argument("--output", type=Path, help="Write to a file that you alone can read.")

    def handle(self, *args: Any, **options: Any) -> None:
        people = [
            exporting.export(user, by_whom("export_user"), files=options["files"])
            for user in chosen(options["tenant"], options["who"])
        ]
        text = json.dumps({"people": people}, indent=2, ensure_ascii=False)
        if options["output"] is None:
            self.stdout.write(text)
            return
        options["output"].touch(mode=0o600)
        options["output"].write_text(text + "\n", encoding="utf-8")
        self.stdout.write(f"{options['output']}: {len(people)} people.")
