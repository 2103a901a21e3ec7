"""What the adapters' tests hand to them instead of the engine, and an internet of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from tests.providers.fakes import Clock, FakeTokens, FaultyHttp


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http() -> FaultyHttp:
    return FaultyHttp()


@pytest.fixture
def tokens() -> FakeTokens:
    return FakeTokens()


@pytest.fixture
def mocked() -> Iterator[responses.RequestsMock]:
    """Answers that a test adds; a call to anywhere else fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked
