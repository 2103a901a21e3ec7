"""`manage.py purge`: what the workers do by themselves, all of it now."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.flows.privacy import retention
from hitl_bridge.models import Tenant


class Command(BaseCommand):
    """Ctrl-C stops it between two short transactions; the next run goes on."""

    help = "Remove what is older than its tenant keeps it (docs/operators/privacy.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="Only this tenant's: its slug.")
        parser.add_argument("--dry-run", action="store_true", help="Count, and change nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = None
        if options["tenant"]:
            tenants = Tenant.objects.filter(slug=options["tenant"])
            if not tenants.exists():
                raise CommandError(f"--tenant: there is no {options['tenant']}.")
        if options["dry_run"]:
            self.stdout.write(f"To be purged: {_told(retention.waiting(tenants=tenants))}.")
            return
        done: Counter[str] = Counter()
        terminal = sys.stderr.isatty()
        try:
            for name, count in retention.steps(tenants=tenants):
                done[name] += count
                if terminal:
                    self.stderr.write(f"\r{_told(done)}", ending="")
        except KeyboardInterrupt:
            self.stdout.write("Stopped; the same command goes on.")
        self.stdout.write(f"Purged: {_told(done)}.")


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
