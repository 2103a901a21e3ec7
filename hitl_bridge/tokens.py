"""Access tokens: refreshed ahead of expiry, by one worker at a time per installation.

The right to refresh is a lease on the token's row, taken by one conditional UPDATE; it is longer
than the HTTP time-out, and the call happens outside any transaction. What comes back is stored
by compare and swap on the token's version. Whoever finds the lease taken waits for the result.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

import providers
from hitl_bridge.models import Installation, OAuthToken
from providers.base import TokenGrant
from providers.errors import OutcomeUnknown, ProviderError, Reconnect, Unavailable

LEASE = timedelta(seconds=40)
MARGIN = timedelta(seconds=60)  # a token must be good for this long
PATIENCE = 20.0  # seconds to wait for another worker's refresh
STATIC_CREDENTIAL = "access_token"
SPREAD = 0.2  # of the time that a token is good for: those given together end apart
NOT_CONNECTED = "not_connected"  # code of the error while there is nothing to make a token of


class StoredTokens:
    """The token source of one installation (see `providers.base.TokenSource`)."""

    def __init__(self, installation: Installation, before_request: Callable[[], None]) -> None:
        self.refresh_with: Callable[[str], TokenGrant] = _cannot_refresh
        self._fraction = providers.get(installation.provider).token_lifetime_fraction
        self._installation = installation
        self._before_request = before_request
        self._cached: OAuthToken | None = None

    def get(self) -> str:
        """See `TokenSource.get`."""
        static = self._static()
        if static:
            return static
        token: OAuthToken = self._cached or self._load()
        if not self._fresh(token):
            token = self._refresh(self._fresh, may_be_old=True)
        self._cached = token
        return token.access_token

    def renew(self, rejected: str) -> str:
        """See `TokenSource.renew`."""
        if self._static():
            raise Reconnect("The help desk refuses the access token.")
        token = self._refresh(
            lambda current: bool(current.access_token) and current.access_token != rejected
        )
        self._cached = token
        return token.access_token

    def _static(self) -> str:
        return self._installation.merged_credentials().get(STATIC_CREDENTIAL, "")

    def _load(self) -> OAuthToken:
        token = OAuthToken.objects.filter(installation=self._installation).first()
        pasted = self._installation.merged_credentials().get("refresh_token", "")
        if token is None and pasted:
            token, _ = OAuthToken.objects.get_or_create(
                installation=self._installation, defaults={"refresh_token": pasted}
            )
        if token is None:
            raise Reconnect("The installation is not connected yet.", code=NOT_CONNECTED)
        return token

    def _fresh(self, token: OAuthToken) -> bool:
        """Whether the token is before the part of its life in which it is refreshed."""
        if not _usable(token):
            return False
        due = refresh_due_at(token, self._fraction)
        return due is None or timezone.now() < due

    def _refresh(
        self, good_enough: Callable[[OAuthToken], bool], *, may_be_old: bool = False
    ) -> OAuthToken:
        """A good token, by refreshing it or by waiting for whoever does.

        `may_be_old`: while another worker refreshes it, one that still works will do.
        """
        deadline = time.monotonic() + PATIENCE
        owner = secrets.token_hex(16)
        while True:
            token = self._load()
            if good_enough(token):
                return token
            if self._lease(token, owner):
                return self._exchange(token, owner, good_enough)
            if may_be_old and _usable(token):
                return token
            if time.monotonic() > deadline:
                raise Unavailable("Another worker is still refreshing the access token.")
            self._before_request()
            time.sleep(0.1)

    def _lease(self, token: OAuthToken, owner: str) -> bool:
        now = timezone.now()
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        return bool(
            OAuthToken.objects.filter(free, pk=token.pk, version=token.version).update(
                lease_owner=owner, lease_until=now + LEASE
            )
        )

    def _exchange(
        self, token: OAuthToken, owner: str, good_enough: Callable[[OAuthToken], bool]
    ) -> OAuthToken:
        if not token.refresh_token:
            self._give_back(token, owner)
            raise Reconnect("The access token has run out and there is no refresh token.")
        try:
            grant = self.refresh_with(token.refresh_token)
        except Reconnect:
            # Somebody may have connected again while we asked with the old token.
            self._give_back(token, owner)
            current = self._load()
            if current.version != token.version and good_enough(current):
                return current
            raise
        except OutcomeUnknown as error:
            # Of the token alone: what it is needed for has surely not been tried.
            self._give_back(token, owner)
            raise Unavailable(error.detail, retry_after=error.retry_after) from None
        except ProviderError:
            self._give_back(token, owner)
            raise
        store_grant(self._installation, grant, version=token.version)
        return self._load()

    def _give_back(self, token: OAuthToken, owner: str) -> None:
        OAuthToken.objects.filter(pk=token.pk, lease_owner=owner).update(
            lease_owner="", lease_until=None
        )


def store_grant(installation: Installation, grant: TokenGrant, version: int | None = None) -> bool:
    """Store what the vendor granted; False if a newer grant than `version` is there already."""
    now = timezone.now()
    with transaction.atomic():
        token, _ = OAuthToken.objects.get_or_create(installation=installation)
        rows = OAuthToken.objects.filter(pk=token.pk)
        if version is not None:
            rows = rows.filter(version=version)
        changes: dict[str, object] = {
            "access_token": grant.access_token,
            "obtained_at": now,
            "expires_at": now + timedelta(seconds=grant.expires_in) if grant.expires_in else None,
            "version": F("version") + 1,
            "lease_owner": "",
            "lease_until": None,
        }
        if grant.refresh_token:
            changes["refresh_token"] = grant.refresh_token
        if grant.details:
            changes["details"] = {**token.details, **grant.details}
        return bool(rows.update(**changes))


def _usable(token: OAuthToken) -> bool:
    """Whether the token still works, if not for long."""
    if not token.access_token:
        return False
    return token.expires_at is None or token.expires_at > timezone.now() + MARGIN


def refresh_due_at(token: OAuthToken, fraction: float) -> datetime | None:
    """When `fraction` of the token's life is over, or some time before; None for one that does
    not expire."""
    if token.expires_at is None:
        return None
    obtained = token.obtained_at or token.expires_at - timedelta(hours=1)
    # The same for every look at this token.
    earlier = random.Random(f"{token.installation_id}:{token.version}").random() * SPREAD  # noqa: S311 - no secret
    return obtained + (token.expires_at - obtained) * fraction * (1 - earlier)


def _cannot_refresh(_: str) -> TokenGrant:
    raise Reconnect("The installation is not connected yet.", code=NOT_CONNECTED)
