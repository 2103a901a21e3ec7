"""Checking that a callback is the bridge's, as Standard Webhooks 1.0 has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence

from hitl_bridge_client.errors import InvalidSignature
from hitl_bridge_client.events import Event, event_of

TOLERANCE = 5 * 60  # seconds that a callback may be old, or ahead of our clock
PREFIX = "whsec_"


def verify_callback(
    secrets: str | Sequence[str], headers: Mapping[str, str], body: bytes | str
) -> Event:
    """The event of a callback whose signature is good.

    `body` is the request's body as it came, before anything parsed it. Give both secrets while
    the bot's secret is being changed. Raises InvalidSignature; ValueError if a secret is none.
    """
    raw = body.encode() if isinstance(body, str) else body
    given = {name.lower(): value for name, value in headers.items()}
    id_, sent = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signatures = given.get("webhook-signature", "")
    if not (id_ and sent and signatures):
        raise InvalidSignature("The headers webhook-id, -timestamp and -signature are needed.")
    _require_recent(sent)
    signed = f"{id_}.{sent}.".encode() + raw
    keys = [_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    expected = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    found = [_decoded(one) for one in signatures.split(" ")]
    if not any(hmac.compare_digest(mine, theirs) for mine in expected for theirs in found):
        raise InvalidSignature("No signature fits the body and the secret.")
    try:
        return event_of(json.loads(raw))
    except (ValueError, KeyError, TypeError):
        raise InvalidSignature("The body is not an event of the bridge.") from None


def _require_recent(sent: str) -> None:
    if not (sent.isascii() and sent.isdecimal() and len(sent) < 15):
        raise InvalidSignature("webhook-timestamp is not a number of seconds.")
    if abs(time.time() - int(sent)) > TOLERANCE:
        raise InvalidSignature("The callback is too old, or one of the clocks is wrong.")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("A callback secret is Base64, with `whsec_` before it.")
    return key


def _decoded(signature: str) -> bytes:
    """The bytes of one signature; none where it is of another version, or broken."""
    version, _, text = signature.partition(",")
    try:
        return base64.b64decode(text, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""
