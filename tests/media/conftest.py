"""A session whose agent sends files, kept in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from conversations.flows import receipts
from conversations.models import Conversation
from hitl_bridge.models import Installation
from providers.types import AgentMessage, Content, WebhookRequest
from tests import fake_desk
from tests.engine.conftest import callbacks, desk, drain, installation, session

__all__ = ["callbacks", "desk", "drain", "installation", "session"]

# The agent sends a message whose contents are (type, payload) pairs; `key` is the vendor's id.
Says = Callable[..., AgentMessage]


@pytest.fixture(autouse=True)
def media_root(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return tmp_path / "media"


@pytest.fixture
def files(media_root: Path) -> Callable[[], list[Path]]:
    """What lies in the storage now."""
    return lambda: [path for path in media_root.rglob("*") if path.is_file()]


@pytest.fixture
def tell(installation: Installation, session: Conversation, desk: fake_desk.Desk) -> Says:
    """Let the help desk tell of an agent's message, without any work being done yet."""

    def tell(*contents: tuple[Any, dict[str, Any]], key: str = "p1") -> AgentMessage:
        event = AgentMessage(
            remote_id=session.remote_id,
            key=key,
            at=fake_desk.NOW,
            agent=fake_desk.RUI,
            contents=tuple(Content(*content) for content in contents),
        )
        desk.happened.append(event)
        request = WebhookRequest("POST", "", {"x-secret": "right"}, key.encode(), timezone.now())
        receipts.receive(installation, request)
        return event

    return tell


@pytest.fixture
def say(tell: Says, drain: Callable[..., None]) -> Says:
    """As `tell`, with all work done."""

    def say(*contents: tuple[Any, dict[str, Any]], key: str = "p1") -> AgentMessage:
        event = tell(*contents, key=key)
        drain()
        return event

    return say
