"""One open session at a help desk in memory, and the ways to let work be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import responses
from django.utils import timezone

import providers
from conversations.engine import lanes, worker
from conversations.models import Conversation, Delivery, Lane
from hitl_bridge.models import Installation
from tests import factories, fake_desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> fake_desk.Desk:
    monkeypatch.setattr(providers, "PROVIDERS", fake_desk.registry(providers.PROVIDERS))
    fresh = fake_desk.Desk()
    monkeypatch.setattr(fake_desk, "desk", fresh)
    return fresh


@pytest.fixture
def callbacks() -> Iterator[responses.RequestsMock]:
    """A bot that takes every callback; tests add other answers in front."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(factories.CALLBACK_URL)
        yield mock


@pytest.fixture
def installation(db: None, desk: fake_desk.Desk, callbacks: responses.RequestsMock) -> Installation:
    return factories.installation(provider="fake", credentials={"client_secret": "x"})


@pytest.fixture
def drain() -> Callable[..., None]:
    """Let workers do all that is due; `later`: also what waits for that long."""

    def drain(later: timedelta = timedelta(0)) -> None:
        if later:
            Lane.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
            Delivery.objects.filter(next_attempt_at__lte=timezone.now() + later).update(
                next_attempt_at=timezone.now()
            )
        for _ in range(50):
            due = lanes.due(limit=100)
            if not due:
                return
            for lane in due:
                worker.run_lane(lane)
        raise AssertionError("the lanes never run dry")

    return drain


@pytest.fixture
def session(installation: Installation, drain: Callable[..., None]) -> Conversation:
    """A session whose ticket is open and waits for an agent."""
    conversation = factories.conversation(installation, bot_conversation_id="chat-1")
    drain()
    conversation.refresh_from_db()
    return conversation
