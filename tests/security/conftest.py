"""Two tenants, each with one of everything."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

import providers
from tests import fake_desk
from tests.security import world
from tests.security.world import Side, WatchedDesk


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    """Django's test client speaks http, and the admin's pages are redirected to https."""
    cache.clear()
    settings.SECURE_SSL_REDIRECT = False
    settings.MEDIA_ROOT = str(tmp_path)
    settings.REDIS_URL = ""
    known = {**providers.PROVIDERS, "fake": f"{WatchedDesk.__module__}:WatchedDesk"}
    monkeypatch.setattr(providers, "PROVIDERS", known)
    monkeypatch.setattr(fake_desk, "desk", fake_desk.Desk())
    monkeypatch.setattr(WatchedDesk, "calls", [])


@pytest.fixture
def own(db: None) -> Side:
    return world.side("ownlings")


@pytest.fixture
def foreign(db: None) -> Side:
    return world.side("zanzibar")
