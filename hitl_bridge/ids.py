"""Public ids: a prefix that says what it is, and a ULID, so that ids sort by creation time."""

from __future__ import annotations

import secrets
from datetime import datetime

from ulid import ULID

MAX_LENGTH = 32


def new_id(prefix: str) -> str:
    """E.g. `conv_01JDXYZ…`: at most 31 characters (Botpress cuts ids at 36)."""
    return f"{prefix}_{ULID()}"


def first_id(prefix: str, at: datetime) -> str:
    """No id that was made at that time or later sorts before it: looks up by age on the key."""
    return f"{prefix}_{str(ULID.from_datetime(at))[:10]}"


def new_token() -> str:
    """An unguessable part of an address: 32 random bytes, 43 characters."""
    return secrets.token_urlsafe(32)
