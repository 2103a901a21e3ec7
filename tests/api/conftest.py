"""A bot with a key and a help desk, and a client that calls the API as that bot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache
from django.db import close_old_connections
from django.test import Client

import providers
from hitl_bridge.models import Bot, Installation
from tests import factories, fake_desk


@dataclass
class Api:
    """Calls the API with the bot's key."""

    bot: Bot
    desk: Installation
    key: str

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", **more}

    def get(self, path: str, **headers: str) -> Any:
        return Client().get(f"/api/v1{path}", secure=True, headers=self.headers(**headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body)
        return Client(raise_request_exception=False).post(
            f"/api/v1{path}",
            data=data,
            content_type="application/json",
            secure=True,
            headers=self.headers(**{name.replace("_", "-"): v for name, v in headers.items()}),
        )

    def user(self, **fields: Any) -> str:
        answer = self.post("/actions/createUser", {"name": "Ana", **fields})
        assert answer.status_code == 200, answer.content
        return str(answer.json()["userId"])

    def start(self, **fields: Any) -> str:
        body = {"userId": fields.pop("userId", None) or self.user(), **fields}
        answer = self.post("/actions/startHitl", body)
        assert answer.status_code == 200, answer.content
        return str(answer.json()["conversationId"])

    def say(self, conversation: str, text: str = "Hello", **fields: Any) -> Any:
        body = {"type": "text", "payload": {"text": text}, **fields}
        return self.post(f"/conversations/{conversation}/messages", body)


def new_api(**bot: Any) -> Api:
    owner = factories.bot(**{"connector": "feed", "callback_url": "", **bot})
    desk = factories.installation(owner, provider="fake", credentials={"client_secret": "x"})
    return Api(owner, desk, factories.api_key(owner)[1])


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(providers, "PROVIDERS", fake_desk.registry(providers.PROVIDERS))
    monkeypatch.setattr(fake_desk, "desk", fake_desk.Desk())


@pytest.fixture
def api(db: None) -> Api:
    return new_api()


@pytest.fixture
def outsider(db: None) -> Api:
    """A bot of another tenant."""
    return new_api()


def in_own_thread(do: Any) -> Any:
    """`do`, closing the connections that it made in its thread."""

    def run(*args: Any) -> Any:
        try:
            return do(*args)
        finally:
            close_old_connections()

    return run
