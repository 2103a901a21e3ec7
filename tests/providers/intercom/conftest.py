"""An Intercom adapter on its double."""

from __future__ import annotations

import re

import pytest
import responses

from providers.intercom import Intercom
from tests.providers.contract import MEDIA, MEDIA_BYTES
from tests.providers.fakes import Clock, FakeTokens, FaultyHttp, make_connection
from tests.providers.intercom.double import IntercomDouble

SETTINGS = {"region": "us", "team_id": "814865", "allowed_teams": "814866"}
CREDENTIALS = {"access_token": "tok", "client_id": "cid", "client_secret": "s3cr3t-test-only"}


@pytest.fixture
def mocked(mocked: responses.RequestsMock) -> responses.RequestsMock:
    """With the files that conversations point to."""
    mocked.add(responses.GET, re.compile(re.escape(MEDIA)), body=MEDIA_BYTES)
    return mocked


@pytest.fixture
def vendor(mocked: responses.RequestsMock, clock: Clock) -> IntercomDouble:
    return IntercomDouble(mocked, clock)


@pytest.fixture
def intercom(
    vendor: IntercomDouble, http: FaultyHttp, tokens: FakeTokens, clock: Clock
) -> Intercom:
    del vendor
    return connected(http=http, tokens=tokens, clock=clock)


def connected(
    settings: dict[str, str] | None = None,
    http: FaultyHttp | None = None,
    tokens: FakeTokens | None = None,
    clock: Clock | None = None,
    account_id: str = "abc123de",
    api_base_url: str = "",
) -> Intercom:
    """The adapter with other settings."""
    return Intercom(
        make_connection(
            SETTINGS | (settings or {}),
            CREDENTIALS,
            http=http,
            tokens=tokens,
            clock=clock,
            account_id=account_id,
            api_base_url=api_base_url,
        )
    )
