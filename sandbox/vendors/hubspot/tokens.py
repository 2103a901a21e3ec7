"""Access and refresh tokens. They carry what they allow, so that none has to be kept.

Setting `token_ttl` (seconds, 1800), `rotates` (a refresh token is good for one refresh),
`uninstalled` (no token of this portal works any more).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass

from django.core import signing

from sandbox.models import Account
from sandbox.vendors.hubspot import store

TTL = 1800
SCOPES = (
    "oauth",
    "conversations.custom_channels.read",
    "conversations.custom_channels.write",
    "conversations.read",
    "conversations.write",
    "files",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "tickets",
)


@dataclass(frozen=True)
class Grant:
    """What a token allows."""

    scopes: tuple[str, ...]
    expires_at: float  # unix seconds

    @property
    def expired(self) -> bool:
        return self.expires_at <= time.time()


def ttl(account: Account) -> int:
    """How long new access tokens live, in seconds."""
    return int(account.setting("token_ttl", TTL))


def default_scopes(account: Account) -> tuple[str, ...]:
    """What the portal has granted the app from the beginning."""
    return tuple(account.setting("scopes") or SCOPES)


def new_access(account: Account, scopes: tuple[str, ...]) -> str:
    """An access token."""
    return _sealed(account, "access", scopes, time.time() + ttl(account))


def new_refresh(account: Account, scopes: tuple[str, ...]) -> str:
    """A refresh token; it never expires."""
    return _sealed(account, "refresh", scopes, time.time())


def _sealed(account: Account, kind: str, scopes: tuple[str, ...], moment: float) -> str:
    return signing.dumps([account.slug, list(scopes), moment], salt=f"hubspot-{kind}")


def _opened(account: Account, kind: str, token: str) -> Grant | None:
    try:
        slug, scopes, moment = signing.loads(token, salt=f"hubspot-{kind}")
    except (signing.BadSignature, ValueError):
        return None
    return Grant(tuple(scopes), moment) if slug == account.slug else None


def read_access(account: Account, token: str) -> Grant | None:
    """What this access token allows; None if it is none of this portal's."""
    if account.setting("uninstalled"):
        return None
    if _same(token, account.credentials["access_token"]):
        return Grant(default_scopes(account), time.time() + TTL)
    return _opened(account, "access", token)


def read_refresh(account: Account, token: str) -> Grant | None:
    """What this refresh token allows; None if it is invalid, revoked or another portal's."""
    if account.setting("uninstalled") or _digest(token) in store.load(account)["revoked"]:
        return None
    if _same(token, account.credentials["refresh_token"]):
        return Grant(default_scopes(account), time.time())
    return _opened(account, "refresh", token)


def revoke(account: Account, token: str) -> None:
    """Let a refresh token be worth nothing from now on."""
    with store.change(account) as kept:
        kept["revoked"] = [*kept["revoked"][-200:], _digest(token)]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def _same(token: str, known: str) -> bool:
    return bool(known) and hmac.compare_digest(token.encode(), known.encode())
