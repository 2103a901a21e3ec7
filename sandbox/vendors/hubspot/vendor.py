"""HubSpot, as the rest of the sandbox sees it."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse

from sandbox.models import Account, Agent, OutgoingWebhook, Part, Team, Ticket
from sandbox.vendors.base import Change, SignedRequest, Vendor
from sandbox.vendors.hubspot import shapes, store, subscriptions
from sandbox.vendors.hubspot.http import WINDOW, ApiError, error, too_many
from sandbox.vendors.hubspot.signature import signature_v1, signature_v3

Json = dict[str, Any]
SPOKEN = "OUTGOING_CHANNEL_MESSAGE_CREATED"
HOUR = 3600.0
PEOPLE = ("A-55", "Rui Costa"), ("A-56", "Maya Lindqvist"), ("A-57", "Tomás Vega")
INBOXES = ("210001", "Conversations Inbox"), ("210002", shapes.HELP_DESK), ("210003", "Billing")
CATEGORIES = {
    400: "VALIDATION_ERROR",
    401: "EXPIRED_AUTHENTICATION",
    403: "MISSING_SCOPES",
    404: "OBJECT_NOT_FOUND",
    409: "CONFLICT",
}


class HubSpot(Vendor):
    """See https://developers.hubspot.com/docs for everything imitated here.

    An account is one portal with one app that it has installed; the app's target URL for
    webhooks is the account's `webhook_url`, a channel's is its own.
    """

    slug = "hubspot"
    name = "HubSpot"
    urlconf = "sandbox.vendors.hubspot.urls"
    webhook_timeout = 5.0
    retry_delays = (60, 120, 300, 600, 1800, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR)
    teams_are_places = True

    def seed(self, account: Account) -> None:
        """Three people, a chatflow's bot, the app, two inboxes and a help desk."""
        account.counter = max(account.counter, 8_400_000)
        number = 40_000_000 + account.pk * 1000
        account.credentials = {
            "client_id": str(uuid.uuid4()),
            "client_secret": str(uuid.uuid4()),
            "app_id": str(number + 777),
            "developer_api_key": str(uuid.uuid4()),
            "portal_id": str(number),
            "refresh_token": f"na1-{uuid.uuid4()}",
            "access_token": secrets.token_urlsafe(48),
        } | account.credentials
        account.save()
        people = [
            self._agent(
                account, actor, name, f"{name.split()[0].lower().replace('á', 'a')}@acme.test"
            )
            for actor, name in PEOPLE
        ]
        self._agent(account, "B-61", "Welcome bot", "", is_bot=True)
        self._agent(account, shapes.integrator(account), "Sandbox app", "", is_bot=True)
        for inbox_id, name in INBOXES:
            team = Team.objects.create(account=account, vendor_id=inbox_id, name=name)
            team.agents.set(people)

    @staticmethod
    def _agent(account: Account, actor: str, name: str, email: str, **more: bool) -> Agent:
        return Agent.objects.create(
            account=account, vendor_id=actor, name=name, email=email, **more
        )

    def contact_id(self, account: Account) -> str:
        """Contacts and visitors share one row of numbers."""
        return str(account.next_number())

    def part_id(self, part: Part) -> str:
        """Messages have ids of 32 hex digits."""
        return uuid.uuid4().hex

    def inline_image(self, url: str, name: str) -> str:
        """The channels here allow none, so the composer attaches pictures."""
        return ""

    # --- webhooks ---------------------------------------------------------------------------

    def announce(self, change: Change) -> Iterator[tuple[str, Json]]:
        """An agent's words go to the channel; the app hears of the rest, and of those too."""
        ticket, part = change.ticket, change.part
        speaks = part is not None and self._speaks(change, part)
        if speaks and part is not None:
            yield from self._spoken(ticket, part)
        yield from subscriptions.batch(ticket.account, self._events(change, speaks))

    @staticmethod
    def _speaks(change: Change, part: Part) -> bool:
        """Whether this is the moment to send what an agent has said, which may also have closed
        or assigned the thread: that comes as a change of its own."""
        if part.author_kind == "contact" or not (part.html or part.attachments):
            return False
        if part.author.get("spoken") or change.event not in ("replied", "closed"):
            return False
        part.author["spoken"] = True
        part.save(update_fields=["author"])
        return True

    @staticmethod
    def _spoken(ticket: Ticket, part: Part) -> Iterator[tuple[str, Json]]:
        account, about = ticket.account, ticket.attributes
        channel: Json = store.load(account)["channels"].get(about.get("channelId"), {})
        can: Json = channel.get("capabilities", {})
        if not can.get("allowOutgoingMessages"):
            return
        message = shapes.message(part)
        if "FILE" not in can["outgoingAttachmentTypes"]:
            message["attachments"] = []
        yield (
            SPOKEN,
            {
                "type": SPOKEN,
                "portalId": account.credentials["portal_id"],
                "channelId": channel["id"],
                "eventId": str(uuid.uuid4()),
                "eventTimestamp": message["createdAt"],
                "channelIntegrationThreadIds": [about.get("integrationThreadId", "")],
                "message": message,
            },
        )

    @staticmethod
    def _events(change: Change, speaks: bool) -> list[Json]:
        """What happened, for the app's subscriptions."""
        ticket, part, kind = change.ticket, change.part, change.event
        if kind == "deleted":
            return [subscriptions.event(ticket, "conversation.deletion")]
        if part is None or kind == "redacted":
            return []
        events = []
        if kind == "created":
            events.append(subscriptions.event(ticket, "conversation.creation"))
            events.append(subscriptions.message(ticket, part))
        if speaks or kind == "noted" or (kind == "replied" and part.author_kind == "contact"):
            events.append(subscriptions.message(ticket, part))
        if kind == "assigned":
            agent = ticket.agent.vendor_id if ticket.agent else ""
            if ticket.account.setting("assigned_as") == "user":
                agent = agent.removeprefix("A-")
            events.append(subscriptions.changed(ticket, "assignedTo", agent, part=part))
        reopened = part.type == Part.Type.OPEN or (part.assigned_to or {}).get("reopened")
        if kind == "closed" or reopened:
            status = "CLOSED" if kind == "closed" else "OPEN"
            events.append(subscriptions.changed(ticket, "status", status, part=part))
        return events

    def address(self, account: Account, topic: str, payload: Json) -> str:
        """The channel's own address, or the app's target URL."""
        if "events" in payload:
            return super().address(account, topic, payload)
        channel = store.load(account)["channels"].get(str(payload.get("channelId")), {})
        return str(channel.get("webhookUrl") or "")

    def lane(self, ticket: Ticket, topic: str) -> str:
        """A channel's messages and the app's events travel apart: either may be first."""
        if topic == SPOKEN:
            return f"thread-{ticket.vendor_id}"
        return subscriptions.LANE

    def sign(self, webhook: OutgoingWebhook) -> SignedRequest:
        """Version 3 on both kinds; the app's come as an array, with version 1 as well."""
        account, headers = webhook.account, {"Content-Type": "application/json"}
        secret = account.credentials["client_secret"]
        url = self.address(account, webhook.topic, webhook.payload)
        batch = "events" in webhook.payload
        payload: Any = subscriptions.gather(webhook) if batch else webhook.payload
        body = json.dumps(payload, ensure_ascii=False).encode()
        if batch:
            headers["X-HubSpot-Signature"] = signature_v1(secret, body)
            headers["X-HubSpot-Signature-Version"] = "v1"
        stamp = str(int(time.time() * 1000))
        headers["X-HubSpot-Request-Timestamp"] = stamp
        headers["X-HubSpot-Signature-v3"] = signature_v3(secret, url, body, stamp)
        headers["User-Agent"] = "HubSpot Connect 2.0 sandbox"
        return SignedRequest(body, headers)

    # --- faults -----------------------------------------------------------------------------

    def failure(self, status: int, seconds: float) -> HttpResponse:
        """Any error of the documented kinds."""
        if status == 429:
            problem = too_many("TEN_SECONDLY_ROLLING")
            interval = str(int((seconds or WINDOW) * 1000))
            problem.headers = {
                "X-HubSpot-RateLimit-Remaining": "0",
                "X-HubSpot-RateLimit-Interval-Milliseconds": interval,
            }
            return error(problem)
        known = CATEGORIES.get(status, "INTERNAL_ERROR")
        problem = ApiError(status, known, f"HubSpot failed on request ({status})")
        if status == 477:
            problem.headers = {"Retry-After": str(int(seconds or 1))}
        return error(problem)
