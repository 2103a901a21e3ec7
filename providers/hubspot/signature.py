"""Who sent a webhook: HubSpot's signatures, versions 3, 2 and 1.

https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

from providers.errors import BadSignature
from providers.signatures import require_equal
from providers.types import WebhookRequest

OLDEST, FUTURE = 300_000, 60_000  # milliseconds
# HubSpot signs the address with these, and only these, decoded.
DECODED = {f"%{ord(char):02X}": char for char in ":/?@!$'()*,;"}
_ENCODED = re.compile("|".join(DECODED), re.IGNORECASE)


def verify(request: WebhookRequest, secret: bytes) -> None:
    """Raise BadSignature unless HubSpot signed this.

    Version 3 wherever it is sent. Versions 1 and 2 carry no time, so they count only where
    HubSpot may send nothing else: for app subscriptions, whose repeats change nothing.
    """
    given = request.headers.get("x-hubspot-signature-v3")
    if given is not None:
        _require_fresh(request)
        _require_v3(request, secret, given)
    elif _are_subscriptions(request.body):
        require_equal(request.headers.get("x-hubspot-signature"), _old(request, secret))
    else:
        raise BadSignature("The webhook has no signature of version 3.")


def sign_v3(secret: bytes, method: str, url: str, body: bytes, timestamp: str) -> str:
    """The signature of version 3; `timestamp` is milliseconds, as in its header."""
    signed = method.upper().encode() + url.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def decoded(url: str) -> str:
    """The address as HubSpot signs it."""
    return _ENCODED.sub(lambda found: DECODED[found[0].upper()], url)


def _require_v3(request: WebhookRequest, secret: bytes, given: str) -> None:
    """The documents decode the address first, HubSpot's own libraries do not: either is fine."""
    timestamp = request.headers["x-hubspot-request-timestamp"]
    right = [
        hmac.compare_digest(
            given.encode(), sign_v3(secret, request.method, url, request.body, timestamp).encode()
        )
        for url in (decoded(request.url), request.url)
    ]
    if not any(right):
        raise BadSignature


def _require_fresh(request: WebhookRequest) -> None:
    stamp = request.headers.get("x-hubspot-request-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        raise BadSignature("The time stamp is missing or not a number.")
    age = int(request.received_at.timestamp() * 1000) - int(stamp)
    if not -FUTURE <= age <= OLDEST:
        raise BadSignature("The time stamp is outside the replay window.")


def _old(request: WebhookRequest, secret: bytes) -> str:
    signed = request.body
    if request.headers.get("x-hubspot-signature-version") == "v2":
        signed = request.method.upper().encode() + request.url.encode() + signed
    return hashlib.sha256(secret + signed).hexdigest()


def _are_subscriptions(body: bytes) -> bool:
    """Whether this is a list of app subscriptions' events and nothing else."""
    try:
        items = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(items, list)
        and bool(items)
        and all(
            isinstance(item, dict)
            and "type" not in item
            and ("subscriptionType" in item or "eventType" in item)
            for item in items
        )
    )
