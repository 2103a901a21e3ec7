"""LiveChat, as the rest of the sandbox sees it."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse

from sandbox.models import Account, Agent, OutgoingWebhook, Part, Team
from sandbox.vendors.base import Change, SignedRequest, Vendor
from sandbox.vendors.livechat import books, errors, hooks, shapes, tokens

PEOPLE = ("Rui Costa", "Maya Lindqvist", "Tomás Vega")


class LiveChat(Vendor):
    """See https://platform.text.com/docs for everything imitated here."""

    slug = "livechat"
    name = "LiveChat"
    urlconf = "sandbox.vendors.livechat.urls"
    webhook_timeout = 10.0
    good_statuses = (200,)
    retry_delays = (10.0, 20.0, 30.0)
    teams_are_places = True

    def seed(self, account: Account) -> None:
        """Three people (the last one owns the account and its tokens), a bot and three groups."""
        given = account.credentials
        account_id = tokens.account_id_in(given.get("agent_token", "")) or str(uuid.uuid4())
        account.credentials = {
            "organization_id": str(uuid.uuid4()),
            "client_id": secrets.token_hex(16),
            "client_secret": secrets.token_hex(16),
            "refresh_token": secrets.token_urlsafe(24),
            "account_id": account_id,
            "agent_token": tokens.encode(account_id, f"dal:{secrets.token_urlsafe(24)}"),
        } | given
        account.save()
        agents = [_person(account, name) for name in PEOPLE]
        Agent.objects.create(
            account=account, vendor_id=secrets.token_hex(16), name="ChatBot", email="", is_bot=True
        )
        for number, name, members in (
            (books.GENERAL, "General", agents),
            (19, "Support", agents),
            (20, "Billing", agents[1:]),
        ):
            team = Team.objects.create(account=account, vendor_id=str(number), name=name)
            team.agents.set(members)

    def contact_id(self, account: Account) -> str:
        """A customer's entity id."""
        return str(uuid.uuid4())

    tells_seen = True

    def ticket_id(self, account: Account) -> str:
        """Ten capital letters and digits."""
        return books.new_id()

    def part_id(self, part: Part) -> str:
        """The thread's id and a number: of the first event that the part stands for."""
        return books.enter(part)

    def announce(self, change: Change) -> Iterator[tuple[str, dict[str, Any]]]:
        """One webhook for each registration that wants it."""
        for action, payload in hooks.told(change):
            for envelope in hooks.addressed(change.ticket, action, payload):
                yield action, envelope

    def address(self, account: Account, topic: str, payload: dict[str, Any]) -> str:
        """Every registration has an address of its own."""
        row = hooks.find(account, topic, payload)
        return str(row["url"]) if row else ""

    def sign(self, webhook: OutgoingWebhook) -> SignedRequest:
        """There is no signature: the registration's secret stands in the body."""
        row = hooks.find(webhook.account, webhook.topic, webhook.payload) or {}
        envelope = shapes.envelope(webhook, str(row.get("secret_key", "")), str(row.get("id", "")))
        body = json.dumps(envelope, ensure_ascii=False).encode()
        return SignedRequest(body, {"Content-Type": "application/json"})

    def inline_image(self, url: str, name: str) -> str:
        """Pictures are always files."""
        return ""

    def failure(self, status: int, seconds: float) -> HttpResponse:
        """An API's error of the type that comes nearest."""
        return errors.failure(status, "/action/")

    def failure_of(self, request: HttpRequest, status: int, seconds: float) -> HttpResponse:
        """The accounts server speaks of errors in another way than the APIs."""
        return errors.failure(status, request.path)


def _person(account: Account, name: str) -> Agent:
    address = f"{name.partition(' ')[0].lower()}@acme.test".replace("á", "a")
    return Agent.objects.create(account=account, vendor_id=address, name=name, email=address)
