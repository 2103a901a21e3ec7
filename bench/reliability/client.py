"""A tenant of the run: its bot's calls, and how it is declared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

from bench.chaos.stack import Stack
from bench.reliability.desk import SECRET, FastDesk

CALLBACK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - made up
Json = dict[str, Any]


@dataclass
class Bot:
    """One tenant's bot at the bridge."""

    base: str
    slug: str
    desk: FastDesk
    connector: Json = field(default_factory=lambda: {"connector": "feed"})
    user: str = ""
    conversations: list[str] = field(default_factory=list)
    webhook_url: str = ""

    @property
    def key(self) -> str:
        """Its API key."""
        return f"hitl_reliability-key-that-only-this-run-knows-{self.slug}"

    def declared(self) -> Json:
        """The tenant of an `apply` file."""
        installation = {
            "slug": "support",
            "provider": "intercom",
            "api_base_url": self.desk.url,
            "settings": {"region": "us"},
            "credentials": {"access_token": "any", "client_secret": SECRET},
        }
        bot = {
            "slug": "helper",
            **self.connector,
            "api_keys": [{"name": "main", "key": self.key}],
            "installations": [installation],
        }
        return {"slug": self.slug, "bots": [bot]}

    def post(self, path: str, body: Json, **headers: str) -> requests.Response:
        """A call of the API, whatever its answer."""
        return requests.post(
            f"{self.base}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.key}", **headers},
            timeout=60,
        )

    def must(self, path: str, body: Json, **headers: str) -> Json:
        """A call that must succeed."""
        answer = self.post(path, body, **headers)
        if not answer.ok:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
        found: Json = answer.json()
        return found

    def start(self, count: int) -> None:
        """Open so many sessions, and wait for their tickets."""
        self.user = self.must("/actions/createUser", {"name": "Ana"})["userId"]

        def one(number: int) -> str:
            body = {"userId": self.user, "title": f"{self.slug} {number}"}
            found = self.must("/actions/startHitl", body, Prefer="wait=30")
            if found["status"] != "queued":
                raise RuntimeError(f"{self.slug}: {found}")
            return str(found["conversationId"])

        with ThreadPoolExecutor(4) as pool:
            self.conversations = list(pool.map(one, range(count)))

    def say(self, conversation: str, text: str) -> None:
        """Say something in the user's name; returns once it is accepted."""
        body = {"type": "text", "payload": {"text": text}, "userId": self.user}
        self.must(f"/conversations/{conversation}/messages", body)


def declare(stack: Stack, bots: list[Bot]) -> None:
    """Declare the bots' tenants."""
    made = stack.apply({"tenants": [bot.declared() for bot in bots]})
    urls = {row["tenant"]: row["webhook_url"] for row in made}
    for bot in bots:
        bot.webhook_url = urls[bot.slug]
