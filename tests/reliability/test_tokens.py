"""Access tokens: one refresh however many wait, none in vain, none lost for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversations.models import Conversation, Delivery
from hitl_bridge import tokens
from hitl_bridge.models import Installation, InstallationStatus, OAuthToken
from providers.base import TokenGrant
from providers.errors import OutcomeUnknown, Reconnect
from tests.engine.test_delivering import say
from tests.engine.world import Killed
from tests.fake_desk import Desk, FakeDesk

pytestmark = pytest.mark.usefixtures("pass_time")  # from the first row on
Live = Callable[[timedelta], None]


@dataclass
class Accounts:
    """A vendor's token endpoint; where it rotates, a refresh token is good once."""

    rotates: bool
    refresh_token: str = "r0"
    granted: list[str] = field(default_factory=list)
    trouble: BaseException | None = None

    def refresh(self, refresh_token: str) -> TokenGrant:
        if refresh_token != self.refresh_token:
            raise Reconnect("invalid_grant")
        self.granted.append(f"access-{len(self.granted) + 1}")
        if self.rotates:
            self.refresh_token = f"r{len(self.granted)}"
        if self.trouble:
            trouble, self.trouble = self.trouble, None
            raise trouble
        return TokenGrant(self.granted[-1], self.refresh_token, expires_in=1800)


@pytest.fixture(params=[False, True], ids=["lasting", "rotating"])
def accounts(
    request: pytest.FixtureRequest,
    session: Conversation,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> Accounts:
    """The vendor's accounts server; the installation's token has run out a moment ago."""
    found = Accounts(rotates=request.param)
    send = FakeDesk.send

    def with_token(self: FakeDesk, *arguments: Any) -> Any:
        self.connection.tokens.get()
        return send(self, *arguments)

    monkeypatch.setattr(FakeDesk, "send", with_token)
    monkeypatch.setattr(FakeDesk, "oauth_refresh", found.refresh)
    OAuthToken.objects.create(
        installation=installation,
        access_token="old",
        refresh_token="r0",
        expires_at=timezone.now() - timedelta(seconds=1),
    )
    return found


@pytest.mark.parametrize("moment", ["answered", "stored"])
def test_a_crash_around_the_exchange_heals_or_asks_to_reconnect_within_a_minute(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    accounts: Accounts,
    live: Live,
    moment: str,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if moment == "answered":
            accounts.trouble = Killed()
        else:
            patch.setattr(tokens, "store_grant", _dies)
        say(session, "one")
        with pytest.raises(Killed):
            live(timedelta(0))
    live(timedelta(minutes=1))
    installation.refresh_from_db()
    if accounts.rotates:
        assert installation.status == InstallationStatus.RECONNECT
        assert desk.tickets["t1"] == []
    else:
        assert desk.tickets["t1"] == ["one"]
        assert installation.status == InstallationStatus.ACTIVE


def _dies(*_: object, **__: object) -> None:
    raise Killed


def test_a_token_endpoint_without_an_answer_leaves_no_doubt_about_the_message(
    session: Conversation, desk: Desk, accounts: Accounts, live: Live
) -> None:
    accounts.trouble = OutcomeUnknown("no answer")
    say(session, "one")
    live(timedelta(0))
    delivery = Delivery.objects.get(kind="message")
    assert delivery.error_kind == "Unavailable"
    assert delivery.doubtful_since is None


def test_tokens_that_were_given_together_are_refreshed_apart() -> None:
    now = timezone.now()
    tokens_of_all = [
        OAuthToken(
            installation_id=f"inst_{number}",
            obtained_at=now,
            expires_at=now + timedelta(minutes=30),
        )
        for number in range(1000)
    ]
    due = [tokens.refresh_due_at(token, 0.8) for token in tokens_of_all]
    assert due == [tokens.refresh_due_at(token, 0.8) for token in tokens_of_all]
    minutes = [int((each - now) / timedelta(minutes=1)) for each in due if each]
    assert min(minutes) >= 19
    assert max(minutes) < 24
    assert max(minutes.count(minute) for minute in set(minutes)) < 300
