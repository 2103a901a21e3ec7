"""A SalesIQ and an adapter for each test, and a process that remembers nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from providers.types import Ticket
from providers.zoho import Zoho, oauth
from providers.zoho.brake import brake
from tests.providers.fakes import (
    Clock,
    FakeTokens,
    FaultyHttp,
    make_open_request,
    make_ticket,
)
from tests.providers.zoho.double import ZohoDouble, journal, make_zoho


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What the adapter keeps in its process must not pass from one test to the next."""
    brake.clear()
    oauth._held.clear()
    yield
    brake.clear()
    oauth._held.clear()


@pytest.fixture
def vendor(mocked: responses.RequestsMock, clock: Clock) -> ZohoDouble:
    return ZohoDouble(mocked, clock)


@pytest.fixture
def adapter(vendor: ZohoDouble, http: FaultyHttp, tokens: FakeTokens, clock: Clock) -> Zoho:
    return make_zoho(http, clock, tokens=tokens)


@pytest.fixture
def with_user_token(vendor: ZohoDouble, http: FaultyHttp, tokens: FakeTokens, clock: Clock) -> Zoho:
    return make_zoho(
        http, clock, tokens=tokens, credentials={"user_refresh_token": "1000.user-test-only"}
    )


@pytest.fixture
def ticket(adapter: Zoho, clock: Clock) -> Ticket:
    return make_ticket(adapter.open(make_open_request(), journal(clock, "opening")))
