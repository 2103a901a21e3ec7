"""Comparing what a webhook carries with what it should carry."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from providers.errors import BadSignature


def require_secret(value: str | None, what: str) -> bytes:
    """The secret as bytes; an empty one refuses everything, it never skips the check."""
    if not value:
        raise BadSignature(f"The installation has no {what}, so its webhooks can't be verified.")
    return value.encode()


def require_equal(given: str | None, expected: str) -> None:
    """Raise BadSignature unless both are equal; takes the same time wherever they differ."""
    # Half of a surrogate pair, which JSON can hold, is no reason to fail.
    pair = [text.encode(errors="surrogatepass") for text in (given or "", expected)]
    if not given or not hmac.compare_digest(*pair):
        raise BadSignature


def require_fresh(
    sent_at: datetime, now: datetime, past: timedelta, future: timedelta = timedelta(seconds=60)
) -> None:
    """Raise BadSignature for a time stamp outside the replay window."""
    if not now - past <= sent_at <= now + future:
        raise BadSignature("The time stamp is outside the replay window.")
