from typing import Any

from django.core.management.base import BaseCommand

from conversations.flows import catching_up


class Command(BaseCommand):
    """For whoever starts web processes: no webhook could arrive while none listened."""

    help = "Ask the help desks about every open conversation, soon, in batches."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{catching_up.after_down_time()} conversations will be asked about.")
