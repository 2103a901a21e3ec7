"""Keys are changed while everything runs; a wrong one gives nothing away and nothing up."""

from __future__ import annotations

import io
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, models
from pytest_django.fixtures import Settings

from conversations.models import Receipt
from hitl_bridge import encryption, rekeying
from hitl_bridge.encryption import DecryptionError, decrypt, encrypt
from hitl_bridge.models import Bot, Installation, OAuthToken
from hitl_bridge.tokens import store_grant
from providers.base import TokenGrant
from tests import factories

pytestmark = pytest.mark.django_db
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture(autouse=True)
def token(settings: Settings) -> OAuthToken:
    """Secrets under the old key; from here on the new one is first."""
    settings.ENCRYPTION_KEYS = [OLD]
    desk = factories.installation(factories.bot(botpress_token="bp-secret"))
    token = OAuthToken.objects.create(installation=desk, access_token="at", refresh_token="rt")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    return token


def rekey(*options: str) -> str:
    out = io.StringIO()
    call_command("rekey", *options, stdout=out, stderr=out)
    return out.getvalue()


def stored(model: type[models.Model], column: str) -> str:
    with connection.cursor() as cursor:
        name = connection.ops.quote_name
        cursor.execute(f"select {name(column)} from {name(model._meta.db_table)}")
        return str(cursor.fetchone()[0])


def test_the_old_key_is_needed_before_and_not_after(settings: Settings) -> None:
    assert "5 values are under other keys" in rekey("--check")
    rekey()
    settings.ENCRYPTION_KEYS = [NEW]
    assert Installation.objects.get().credentials == factories.CREDENTIALS
    assert Bot.objects.get().botpress_token == "bp-secret"
    assert OAuthToken.objects.get().refresh_token == "rt"
    assert "Every stored secret is under the first key" in rekey("--check")


def test_a_second_run_writes_nothing_and_a_broken_off_one_goes_on() -> None:
    (model, columns), *_ = rekeying.tables()
    for _progress in rekeying.rekey(Bot, ["callback_secret"]):
        break  # as if it had been killed here
    told = rekey()
    assert model
    assert columns
    assert "hitl_bridge.Bot: 1 rows, 1 values under other keys, 1 encrypted anew" in told
    before = stored(Installation, "credentials")
    assert " 0 encrypted anew" in rekey()
    assert stored(Installation, "credentials") == before


def test_a_token_that_is_refreshed_meanwhile_stays(
    token: OAuthToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = encryption.rotate

    def refreshed_now(value: str) -> str:
        if decrypt(value) == "at":
            store_grant(token.installation, TokenGrant("at2", refresh_token="rt2", expires_in=60))
        return real(value)

    monkeypatch.setattr(rekeying, "rotate", refreshed_now)
    rekey()
    token.refresh_from_db()
    assert (token.access_token, token.refresh_token) == ("at2", "rt2")


@pytest.mark.parametrize("keys", [[NEW], [Fernet.generate_key().decode()]])
def test_a_wrong_key_raises_and_changes_nothing(settings: Settings, keys: list[str]) -> None:
    before = stored(OAuthToken, "refresh_token")
    settings.ENCRYPTION_KEYS = keys
    with pytest.raises(DecryptionError) as raised:
        OAuthToken.objects.get()
    assert before not in str(raised.value)
    with pytest.raises(CommandError, match="5 values can't be read"):
        rekey()
    assert stored(OAuthToken, "refresh_token") == before


@pytest.mark.parametrize("keys", [[], ["no key"], [NEW, "no key"]])
def test_no_key_or_half_a_key_stores_nothing(settings: Settings, keys: list[str]) -> None:
    settings.ENCRYPTION_KEYS = keys
    with pytest.raises(ImproperlyConfigured):
        encrypt("secret")
    with pytest.raises(ImproperlyConfigured):
        factories.bot()


def test_every_encrypted_column_is_gone_through() -> None:
    found: dict[Any, list[str]] = dict(rekeying.tables())
    assert found[Installation] == ["credentials", "state"]
    assert found[OAuthToken] == ["access_token", "refresh_token"]
    assert found[Receipt] == ["body"]
    assert len(found) == 8
