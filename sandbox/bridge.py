"""The bridge as `make run` starts it: brought up to date, then served, in one process.

    python -m sandbox.bridge DECLARATION.yaml RESULT.json PORT

Runs the bridge's own management commands (migrate, apply, createsuperuser, serve) under its
settings; one start of Django instead of four is what makes the second `make run` quick.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import django
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command


def prepare(declaration: str, result: str) -> None:
    """Migrate, apply the declaration and keep what that answered, create the admin once."""
    call_command("migrate", interactive=False, verbosity=0)
    answer = io.StringIO()
    call_command("apply", declaration, "--json", stdout=answer)
    name = os.environ["DJANGO_SUPERUSER_USERNAME"]
    users = get_user_model()._default_manager
    if not users.filter(username=name).exists():
        call_command("createsuperuser", interactive=False, verbosity=0)
    Path(result).write_text(answer.getvalue())


def main(declaration: str, result: str, port: str) -> None:
    """Prepare, then serve until SIGTERM."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    try:
        prepare(declaration, result)
    except CommandError as problem:
        sys.exit(f"The bridge's database could not be prepared: {problem}")
    call_command("serve", "--port", port)


if __name__ == "__main__":
    main(*sys.argv[1:])
