"""A connection to Botpress: its Hub calls us as axios does, and takes its three webhooks."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import responses
from django.test import Client
from django.utils import timezone

import providers
from conversations.engine import lanes, worker
from conversations.models import BotpressSession, Conversation, Delivery, Lane, User
from hitl_bridge.models import Bot, Installation
from tests import factories, fake_desk

WEBHOOK = "https://webhook.botpress.cloud/0b2c4a6e"
NOTICE = "( The user has ended the session. )"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_numbers = itertools.count(1)


def botpress_id(prefix: str = "conv", at: datetime | None = None) -> str:
    """An id as Botpress mints them: a ULID of that moment."""
    milliseconds = int((at or timezone.now()).timestamp() * 1000)
    letters = []
    for _ in range(10):
        milliseconds, digit = divmod(milliseconds, 32)
        letters.append(CROCKFORD[digit])
    chance = "".join(secrets.choice(CROCKFORD) for _ in range(16))
    return f"{prefix}_{''.join(reversed(letters))}{chance}"


def invented_email(user: str) -> str:
    return f"{user}@no-reply.b0t-1d.botpress.com"


@dataclass
class Hub:
    """The stock integration: it knows its base address and nothing else of us."""

    installation: Installation
    base: str = ""
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # what its webhooks got

    def post(self, name: str, body: Any, content_type: str = "application/json") -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        base = self.base or f"/botpress/{self.installation.bot_token}"
        return Client(raise_request_exception=False).post(
            f"{base}/{name}", data=data, content_type=content_type, secure=True
        )

    def ok(self, name: str, **body: Any) -> dict[str, Any]:
        answer = self.post(name, {"type": name, **body})
        assert answer.status_code == 200, answer.content
        told: dict[str, Any] = answer.json()
        return told

    def create_user(self, **payload: Any) -> str:
        if "email" not in payload:
            payload["email"] = invented_email(botpress_id("user"))
        given = {"role": "end-user", "name": f"User {next(_numbers)}", **payload}
        return str(self.ok("createRemoteUser", payload=given)["id"])

    def create_conversation(self, **payload: Any) -> str:
        return str(self.ok("createRemoteConversation", payload={"title": "Help", **payload})["id"])

    def start(self, **user: Any) -> tuple[str, str]:
        """(conversation, user) of a user's first handoff."""
        user_id = self.create_user(**user)
        return self.create_conversation(), user_id

    def say(self, conversation: str, user: str, text: str = "Hello", /, **payload: Any) -> None:
        """The end user writes."""
        given = payload or {"text": text}
        self.ok(
            "botSendsMessage",
            remoteConversationId=conversation,
            remoteUserId=user,
            payload={**given, "userId": botpress_id("user")},
        )

    def bot_says(self, conversation: str, text: str = NOTICE, /, **payload: Any) -> None:
        given = payload or {"text": text}
        self.ok(
            "botSendsMessage",
            remoteConversationId=conversation,
            remoteUserId="BOT",
            payload=given,
        )

    def close(self, downstream_id: str) -> None:
        self.ok("closeRemoteTicket", payload={"botpressConversationId": downstream_id})

    @property
    def paths(self) -> list[str]:
        """The webhooks called, in order."""
        return [path for path, _ in self.sent]


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch) -> fake_desk.Desk:
    monkeypatch.setattr(providers, "PROVIDERS", fake_desk.registry(providers.PROVIDERS))
    fresh = fake_desk.Desk()
    monkeypatch.setattr(fake_desk, "desk", fresh)
    return fresh


def botpress_bot(**fields: Any) -> Bot:
    given = {"connector": "botpress", "callback_url": "", "botpress_webhook_url": WEBHOOK}
    return factories.bot(**{**given, **fields})


def connection(**fields: Any) -> Installation:
    return factories.installation(
        botpress_bot(), provider="fake", credentials={"client_secret": "x"}, **fields
    )


@pytest.fixture
def installation(db: None) -> Installation:
    return connection()


@pytest.fixture
def webhooks() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def hub(installation: Installation, webhooks: responses.RequestsMock) -> Hub:
    hub = Hub(installation)

    def take(request: Any) -> tuple[int, dict[str, str], str]:
        hub.sent.append((request.url.removeprefix(WEBHOOK), json.loads(request.body)))
        return 200, {}, ""

    for path in ("/message-from-agent", "/agent-assigned", "/stop-hitl"):
        webhooks.add_callback(responses.POST, WEBHOOK + path, callback=take)
    return hub


Drain = Callable[..., None]


@pytest.fixture
def drain() -> Drain:
    """Let workers do all that is due; `later`: also what waits for that long."""

    def drain(later: timedelta = timedelta(0)) -> None:
        now = timezone.now()
        if later:
            BotpressSession.objects.filter(first_message_at=None).update(
                answered_at=now - timedelta(seconds=30)
            )
            Lane.objects.filter(due_at__isnull=False).update(due_at=now)
            Delivery.objects.filter(next_attempt_at__lte=now + later).update(next_attempt_at=now)
        for _ in range(50):
            due = lanes.due(limit=100)
            if not due:
                return
            for lane in due:
                worker.run_lane(lane)
        raise AssertionError("the lanes never run dry")

    return drain


def conversation_of(id_: str) -> Conversation:
    return Conversation.objects.select_related("user", "installation").get(pk=id_)


def user_of(id_: str) -> User:
    return conversation_of(id_).user


def is_open(id_: str) -> bool:
    return conversation_of(id_).is_open
