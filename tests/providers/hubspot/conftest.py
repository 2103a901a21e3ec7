"""HubSpot as most of its tests meet it: a double, and an adapter connected to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import responses

from providers.hubspot import HubSpot
from providers.types import Ticket
from tests.providers.contract import MEDIA_BYTES
from tests.providers.fakes import (
    Clock,
    FakeJournal,
    FakeTokens,
    FaultyHttp,
    make_connection,
    make_open_request,
    make_ticket,
)
from tests.providers.hubspot.double import HubSpotDouble
from tests.providers.hubspot.test_contract import CREDENTIALS, SETTINGS, STATE, make_double


@pytest.fixture
def mocked(mocked: responses.RequestsMock) -> responses.RequestsMock:
    """With the files that conversations point to."""
    mocked.add(responses.GET, "https://media.example.com/lamp.png", body=MEDIA_BYTES)
    return mocked


@pytest.fixture
def vendor(mocked: responses.RequestsMock, clock: Clock) -> HubSpotDouble:
    return make_double(mocked, clock)


class Connect:
    """Makes adapters on the test's parts; changes are to settings, credentials or state."""

    def __init__(self, **parts: Any) -> None:
        self._parts = parts

    def __call__(
        self,
        settings: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] | None = None,
        state: Mapping[str, Any] | None = None,
        **parts: Any,
    ) -> HubSpot:
        connection = make_connection(
            {**SETTINGS, **(settings or {})},
            {**CREDENTIALS, **(credentials or {})},
            state=STATE if state is None else state,
            account_id="4242",
            **{**self._parts, **parts},
        )
        return HubSpot(connection)


@pytest.fixture
def connect(vendor: HubSpotDouble, clock: Clock, http: FaultyHttp, tokens: FakeTokens) -> Connect:
    return Connect(clock=clock, http=http, tokens=tokens)


@pytest.fixture
def adapter(connect: Connect) -> HubSpot:
    return connect()


@pytest.fixture
def ticket(adapter: HubSpot, clock: Clock) -> Ticket:
    return make_ticket(adapter.open(make_open_request(), FakeJournal(clock, key="opening")))
