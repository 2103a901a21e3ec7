"""What this imitation keeps beside the desk's tables: tokens, codes, webhooks and their keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from sandbox.models import Account

Json = dict[str, Any]
NAME = "zoho"  # the setting that holds it


def read(account: Account) -> Json:
    """The state as it was when the account was read; not to be changed."""
    return dict(account.setting(NAME) or {})


@contextmanager
def changing(account: Account) -> Iterator[Json]:
    """The state as it is now, for changing; nobody else changes it meanwhile. Quick work only."""
    with transaction.atomic():  # takes the write lock at once, see the database's options
        account.refresh_from_db(fields=["settings"])
        kept = account.settings.setdefault(NAME, {})
        yield kept
        account.save(update_fields=["settings"])
