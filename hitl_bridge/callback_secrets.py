"""Secrets that callbacks are signed with, as Standard Webhooks has them: whsec_ and Base64."""

from __future__ import annotations

import base64
import binascii
import secrets

PREFIX = "whsec_"
NEW_BYTES = 32
LEAST_BYTES = 16


def new_callback_secret() -> str:
    """A fresh secret of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_BYTES)).decode()


def callback_secret_problem(secret: str) -> str:
    """What is wrong with the secret, as a sentence; empty if nothing is."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return "A callback secret is whsec_ and Base64, such as this command prints: " + HOW_TO_MAKE
    if len(key) < LEAST_BYTES:
        return f"This secret is too short: whsec_ and the Base64 of {LEAST_BYTES} bytes or more."
    return ""


HOW_TO_MAKE = "echo whsec_$(openssl rand -base64 32)"
