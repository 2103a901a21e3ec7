"""Zoho's accounts server: authorization, tokens, and what its refusals mean.

https://www.zoho.com/accounts/protocol/oauth.html
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import ValidationError

from providers.base import Connection, OAuthStart, TokenGrant
from providers.errors import Misconfigured, ProviderError, RateLimited, Reconnect, Unavailable
from providers.http import Response
from providers.zoho.declaration import DOMAINS, SCOPES, domain
from providers.zoho.models import Grant

RENEW_AT = 55 / 60  # of a token's hour
BLOCKED = 600.0  # seconds that Zoho refuses refreshes after too many
QUOTA, WINDOW = 9, timedelta(minutes=10)  # Zoho allows 10 refreshes in 10 minutes
PASSING = frozenset({"internal_error", "server_error", "general_error", "temporarily_unavailable"})


def start(connection: Connection) -> OAuthStart:
    """The authorization request for an organization's token; a user's is no good for visitors."""
    client_id = connection.credentials.get("client_id", "")
    if not client_id:
        raise Misconfigured("The client ID is missing.", field="client_id")
    return OAuthStart(
        f"{_server(connection)}/oauth/v2/org/auth",
        {
            "response_type": "code",
            "client_id": client_id,
            "scope": ",".join(SCOPES),
            "access_type": "offline",
            "prompt": "consent",
        },
    )


def exchange(
    connection: Connection, code: str, redirect_uri: str, params: Mapping[str, str]
) -> TokenGrant:
    """The tokens for the callback's code; the secret goes only to the chosen data center."""
    _require_own_server(connection, params.get("accounts-server", ""))
    form = {"grant_type": "authorization_code", "redirect_uri": redirect_uri, "code": code}
    grant = _ask(connection, form)
    if not grant.refresh_token:
        raise Reconnect("Zoho gave no refresh token: connect again and accept all permissions.")
    return grant


def refresh(connection: Connection, refresh_token: str) -> TokenGrant:
    """A fresh access token; Zoho returns no new refresh token."""
    return _ask(connection, {"grant_type": "refresh_token", "refresh_token": refresh_token})


def _server(connection: Connection) -> str:
    if connection.auth_base_url:
        return connection.auth_base_url.rstrip("/")
    return f"https://accounts.{domain(connection.settings)}"


def _require_own_server(connection: Connection, named: str) -> None:
    """Refuse a callback that names a server which is not Zoho's, or another data center's."""
    given = named.rstrip("/").lower()
    if not given or given == connection.auth_base_url.rstrip("/").lower():
        return
    known = {f"https://accounts.{name}": center for center, name in DOMAINS.items()}
    if given not in known:
        raise Misconfigured(
            "The answer names an accounts server that is not Zoho's, so nothing was sent to it.",
            field="data_center",
        )
    if known[given] != connection.settings.get("data_center"):
        raise Misconfigured(
            f"This Zoho account lives in the data center {known[given]} "
            f"({urlsplit(given).hostname}): choose that one, and connect again.",
            field="data_center",
        )


def _ask(connection: Connection, form: Mapping[str, str]) -> TokenGrant:
    credentials = connection.credentials
    answer = connection.http.request(
        "POST",
        f"{_server(connection)}/oauth/v2/token",
        headers={"Accept": "application/json"},
        data={
            **form,
            "client_id": credentials.get("client_id", ""),
            "client_secret": credentials.get("client_secret", ""),
        },
    )
    grant = _read(answer)
    if not grant.access_token:
        raise _refusal(grant, answer.status)
    return TokenGrant(
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        expires_in=grant.expires_in or 3600,
        scope=grant.scope,
        details={"api_domain": grant.api_domain} if grant.api_domain else {},
    )


def _read(answer: Response) -> Grant:
    """The body says whether it is a token: refusals come with HTTP 200 as well."""
    try:
        return Grant.model_validate(answer.json())
    except (Unavailable, ValidationError):
        return Grant()


def _refusal(grant: Grant, status: int) -> ProviderError:
    error = grant.error
    said = f"Zoho's accounts server says {error!r}" if error.replace("_", "").isalnum() else ""
    code = error[:40]
    too_many = error.lower() == "access denied" or "too many" in grant.error_description.lower()
    if too_many or status == 429:
        return RateLimited(
            "Zoho blocks new tokens for a while: there were too many in ten minutes.",
            retry_after=BLOCKED,
            code=code,
            status=status,
        )
    if error in ("invalid_client", "invalid_client_secret"):
        return Misconfigured(
            f"{said}: check the client ID and secret, and that the data center is the account's.",
            field="client_secret" if error == "invalid_client_secret" else "client_id",
            code=code,
            status=status,
        )
    if error == "invalid_redirect_uri":
        return Misconfigured(f"{said}: enter the redirect URI at the client.", code=code)
    if status >= 500 or error in PASSING or not error:
        return Unavailable("Zoho's accounts server gives no token now.", code=code, status=status)
    return Reconnect(
        f"{said or 'Zoho refused the token'}: the access has been withdrawn or the code has run "
        "out. Connect again.",
        code=code,
        status=status,
    )


# --- the optional user-level token ------------------------------------------------------------


@dataclass
class _Held:
    """One user-level token, as this process has it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    access_token: str = ""
    expires_at: datetime | None = None
    refreshed_at: deque[datetime] = field(default_factory=deque)
    blocked_until: datetime | None = None
    preferred: bool = False


_held: dict[str, _Held] = {}


class UserTokens:
    """A token source for `user_refresh_token`; its access token lives in this process's memory.

    The engine keeps one token for each installation, the organization's. This one is needed
    rarely, and lasts an hour, so that each process asks for its own.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._refresh_token = connection.credentials.get("user_refresh_token", "")

    @property
    def available(self) -> bool:
        return bool(self._refresh_token)

    @property
    def preferred(self) -> bool:
        """Whether Zoho has refused the organization's token for this lately."""
        return self.available and self._mine.preferred

    def prefer(self) -> None:
        self._mine.preferred = True

    def get(self) -> str:
        """See `TokenSource.get`."""
        held = self._mine
        with held.lock:
            if held.expires_at and self._connection.now() < held.expires_at:
                return held.access_token
            return self._renew(held)

    def renew(self, rejected: str) -> str:
        """See `TokenSource.renew`."""
        held = self._mine
        with held.lock:
            if held.access_token != rejected:
                return held.access_token
            return self._renew(held)

    @property
    def _mine(self) -> _Held:
        parts = (_server(self._connection), self._refresh_token)
        name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        return _held.setdefault(name, _Held())

    def _renew(self, held: _Held) -> str:
        self._spare_the_quota(held)
        now = self._connection.now()
        held.refreshed_at.append(now)
        held.preferred, held.expires_at = False, None
        try:
            grant = refresh(self._connection, self._refresh_token)
        except RateLimited:
            held.blocked_until = now + timedelta(seconds=BLOCKED)
            raise
        held.access_token = grant.access_token
        held.expires_at = now + timedelta(seconds=(grant.expires_in or 3600) * RENEW_AT)
        return held.access_token

    def _spare_the_quota(self, held: _Held) -> None:
        now = self._connection.now()
        while held.refreshed_at and held.refreshed_at[0] <= now - WINDOW:
            held.refreshed_at.popleft()
        free = held.blocked_until or now
        if len(held.refreshed_at) >= QUOTA:
            free = max(free, held.refreshed_at[0] + WINDOW)
        if free > now:
            raise RateLimited(
                "Zoho's limit of new user-level tokens is reached.",
                retry_after=(free - now).total_seconds(),
            )
