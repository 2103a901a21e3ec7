"""What only HubSpot has: channels, their accounts, staging tokens, webhook subscriptions.

They lie in the account's settings: few, seldom changed, and kept by a reset, as the credentials
are that they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from sandbox.models import Account

Json = dict[str, Any]
NAME = "hubspot"
EMPTY: Json = {
    "channels": {},  # id -> the channel as the API shows it
    "accounts": {},  # id -> the channel account as the API shows it
    "staging": {},  # token -> {channelId, inboxId, createdAt, accountName?, deliveryIdentifier?}
    "subscriptions": None,  # [{id, eventType, propertyName?, active, createdAt}]; None: all
    "revoked": [],  # digests of refresh tokens
    "codes": [],  # authorization codes that were used
}


def load(account: Account) -> Json:
    """What is kept, as it was when `account` was read. Not to be changed."""
    return {**EMPTY, **account.setting(NAME, {})}


@contextmanager
def change(account: Account) -> Iterator[Json]:
    """What is kept, to be changed: two callers never undo each other."""
    with transaction.atomic():
        account.refresh_from_db(fields=["settings"])
        kept = load(account)
        yield kept
        account.settings[NAME] = kept
        account.save(update_fields=["settings"])
