"""Grants and tokens: of an organization or of a user, with Zoho's limits.

https://www.zoho.com/accounts/protocol/oauth/token-limits.html
"""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.models import Account
from sandbox.vendors.zoho import state

Json = dict[str, Any]
ORG, USER = "org", "user"
LIFE = 3600  # seconds of an access token
REFRESHES, WINDOW = 10, 600  # so many in so many seconds, per refresh token
LIVE = 10  # access tokens per refresh token
GRANTS = 20  # refresh tokens per user
MODULES = ("conversations", "apps", "departments", "webhooks", "operators")


class QuotaError(Exception):
    """Too many refreshes."""


@dataclass(frozen=True)
class Grant:
    """What was allowed: a refresh token with its level and scopes."""

    token: str
    level: str  # ORG | USER
    scope: str  # comma-separated

    def allows(self, wanted: str) -> bool:
        """Whether a scope such as conversations.READ is covered, by itself or by ALL."""
        module = wanted.partition(".")[0]
        given = {one.strip().lower() for one in self.scope.split(",")}
        return bool(given & {f"salesiq.{wanted}".lower(), f"salesiq.{module}.all".lower()})


def new_token() -> str:
    """A token that looks like Zoho's."""
    return f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"


def _grants(account: Account, kept: Json) -> list[Grant]:
    everything = ",".join(f"SalesIQ.{module}.ALL" for module in MODULES)
    own = account.credentials
    found = [
        Grant(own.get("refresh_token", ""), ORG, everything),
        Grant(own.get("user_refresh_token", ""), USER, everything),
        *(Grant(**one) for one in kept.get("grants", [])),
    ]
    return [one for one in found if one.token and one.token not in kept.get("revoked", [])]


def allow(account: Account, level: str, scope: str) -> Grant:
    """A new refresh token; one too many kills the oldest."""
    grant = Grant(new_token(), level, scope)
    with state.changing(account) as kept:
        kept["grants"] = [*kept.get("grants", []), asdict(grant)][-GRANTS:]
    return grant


def refresh(account: Account, refresh_token: str) -> str | None:
    """A new access token; None for an unknown refresh token. Raises QuotaError.

    Settings: `refresh_quota` (in 10 minutes), `access_token_ttl` (seconds).
    """
    now = time.time()
    with state.changing(account) as kept:
        grant = _find(account, kept, refresh_token)
        if grant is None:
            return None
        counted = kept.setdefault("refreshes", {})
        recent = [at for at in counted.get(refresh_token, []) if at > now - WINDOW]
        if len(recent) >= int(account.setting("refresh_quota", REFRESHES)):
            raise QuotaError
        counted[refresh_token] = [*recent, now]
        return _issue(account, kept, refresh_token, now)


def issue(account: Account, grant: Grant) -> str:
    """The access token that comes with a code, which is no refresh."""
    with state.changing(account) as kept:
        return _issue(account, kept, grant.token, time.time())


def _find(account: Account, kept: Json, token: str) -> Grant | None:
    return next((one for one in _grants(account, kept) if one.token == token), None)


def _issue(account: Account, kept: Json, refresh_token: str, now: float) -> str:
    fresh = {"token": new_token(), "of": refresh_token, "ends": now + life(account)}
    rows = [one for one in kept.get("access", []) if one["ends"] > now]
    mine = [one for one in rows if one["of"] == refresh_token][-(LIVE - 1) :]
    kept["access"] = [one for one in rows if one["of"] != refresh_token] + [*mine, fresh]
    return str(fresh["token"])


def life(account: Account) -> int:
    """Seconds that an access token lasts."""
    return int(account.setting("access_token_ttl", LIFE))


def grant_of(account: Account, access_token: str) -> Grant | None:
    """What a live access token stands for."""
    kept = state.read(account)
    for one in kept.get("access", []):
        if one["token"] == access_token and one["ends"] > time.time():
            return _find(account, kept, one["of"])
    return None


def revoke(account: Account, token: str) -> bool:
    """End a refresh token with its access tokens, or one access token. False: unknown."""
    with state.changing(account) as kept:
        rows = kept.get("access", [])
        known = _find(account, kept, token) or any(one["token"] == token for one in rows)
        kept["access"] = [one for one in rows if token not in (one["token"], one["of"])]
        kept["revoked"] = [*kept.get("revoked", []), token]
    return bool(known)


def use_code(account: Account, code: str) -> bool:
    """Whether this is the code's first use."""
    with state.changing(account) as kept:
        used = kept.get("used_codes", [])
        kept["used_codes"] = [*used[-50:], code]
        return code not in used
