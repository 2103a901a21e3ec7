"""Intercom, as the rest of the sandbox sees it."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse

from sandbox.models import Account, Agent, OutgoingWebhook, Part, Team
from sandbox.vendors.base import Change, SignedRequest, Vendor
from sandbox.vendors.intercom import shapes
from sandbox.vendors.intercom.http import WINDOW, ApiError, error_list
from sandbox.vendors.intercom.signature import hub_signature

ADMIN_TOPICS = {
    "noted": "conversation.admin.noted",
    "assigned": "conversation.admin.assigned",
    "closed": "conversation.admin.closed",
    "opened": "conversation.admin.opened",
    "snoozed": "conversation.admin.snoozed",
    "unsnoozed": "conversation.admin.unsnoozed",
    "redacted": "conversation_part.redacted",
    "created": "conversation.user.created",
}
REPLIED_TOPICS = {
    "contact": ("conversation.user.replied",),
    "agent": ("conversation.admin.replied",),
    # Seen under both in practice, so the topic proves nothing about the author.
    "bot": ("conversation.admin.replied", "conversation.operator.replied"),
}
CODES = {
    401: ("unauthorized", "Access Token Invalid"),
    403: ("api_plan_restricted", "Active subscription needed."),
    404: ("not_found", "Resource Not Found"),
    422: ("data_invalid", "Data is invalid"),
    429: ("rate_limit_exceeded", "Exceeded rate limit"),
    500: ("server_error", "Something went wrong"),
    503: ("service_unavailable", "The service is unavailable"),
}
PLAIN_BODIES_FROM = (2, 15)


class Intercom(Vendor):
    """See https://developers.intercom.com/docs for everything imitated here."""

    slug = "intercom"
    name = "Intercom"
    urlconf = "sandbox.vendors.intercom.urls"
    webhook_timeout = 5.0
    retry_delays = (60.0,)
    disabling_statuses = frozenset({410})
    knock = "HEAD"

    def seed(self, account: Account) -> None:
        """Three people, Fin, and two teams."""
        account.counter = max(account.counter, 2150)
        account.credentials = {
            "access_token": secrets.token_urlsafe(32),
            "client_id": str(uuid.uuid4()),
            "client_secret": secrets.token_hex(16),
            "app_id": secrets.token_hex(4),
            "app_package_code": "sandbox-app",
        } | account.credentials
        account.save()
        people = ("814860", "Rui Costa"), ("814861", "Maya Lindqvist"), ("814862", "Tomás Vega")
        agents = [
            Agent.objects.create(
                account=account,
                vendor_id=number,
                name=name,
                email=f"{name.split()[0].lower()}@acme.test".replace("á", "a"),
            )
            for number, name in people
        ]
        Agent.objects.create(
            account=account,
            vendor_id="814869",
            name="Fin",
            email=f"operator+{account.credentials['app_id']}@intercom.io",
            is_bot=True,
        )
        for number, name, members in (
            ("814865", "Support", agents),
            ("814866", "Billing", agents[1:]),
        ):
            Team.objects.create(account=account, vendor_id=number, name=name).agents.set(members)

    def contact_id(self, account: Account) -> str:
        """24 hex digits that begin with the time, like a BSON ObjectId."""
        return f"{int(time.time()):08x}{secrets.token_hex(8)}"

    def announce(self, change: Change) -> Iterator[tuple[str, dict[str, Any]]]:
        """One notification per topic; several topics may report the same part."""
        subscribed = change.ticket.account.setting("topics")
        for topic in self._topics(change):
            if subscribed is None or topic in subscribed:
                yield topic, notification(change.ticket.account, topic, _item(change))

    def _topics(self, change: Change) -> tuple[str, ...]:
        if change.event == "deleted":
            return ("conversation.deleted",)
        if change.event == "replied" and change.part:
            return REPLIED_TOPICS[change.part.author_kind]
        return (ADMIN_TOPICS[change.event],)

    def sign(self, webhook: OutgoingWebhook) -> SignedRequest:
        """The body differs between attempts: it says when and how often it was sent."""
        payload = webhook.payload | {"delivery_attempts": webhook.attempts + 1}
        payload["first_sent_at"] = shapes.unix(webhook.first_sent_at)
        body = json.dumps(payload, ensure_ascii=False).encode()
        secret = webhook.account.credentials["client_secret"]
        return SignedRequest(
            body,
            {
                "Content-Type": "application/json",
                "User-Agent": "intercom-webhook-sandbox",
                "X-Hub-Signature": hub_signature(secret, body),
            },
        )

    def ping(self, account: Account) -> tuple[str, dict[str, Any]]:
        """Sent from time to time, whatever is subscribed."""
        return "ping", notification(account, "ping", {"type": "ping"})

    def inline_image(self, url: str, name: str) -> str:
        """As the composer wraps a pasted picture."""
        return f'<div class="intercom-container"><img src="{url}" alt="{name}"></div>'

    def failure(self, status: int, seconds: float) -> HttpResponse:
        """Any error of the documented kinds."""
        code, message = CODES.get(status, ("client_error", "Failed on request"))
        reset = str(int(time.time() + (seconds or WINDOW)))
        limits = {
            "X-RateLimit-Limit": "1666",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": reset,
        }
        return error_list(
            ApiError(status, code, message, headers=limits if status == 429 else None)
        )


def notification(account: Account, topic: str, item: dict[str, Any]) -> dict[str, Any]:
    """The envelope of every webhook."""
    return {
        "type": "notification_event",
        "app_id": account.credentials["app_id"],
        "id": f"notif_{uuid.uuid4()}",
        "topic": topic,
        "created_at": int(time.time()),
        "delivery_status": "pending",
        "delivered_at": 0,
        "self": None,
        "links": {},
        "data": {"type": "notification_event_data", "item": item},
    }


def _item(change: Change) -> dict[str, Any]:
    """The conversation with the one part that is reported."""
    ticket, account = change.ticket, change.ticket.account
    if change.event == "deleted":
        return {"type": "conversation", "id": ticket.vendor_id}
    version = str(account.setting("app_version", "2.14"))
    plain = tuple(int(n) for n in version.split(".")) >= PLAIN_BODIES_FROM
    first = list(ticket.parts.filter(type=Part.Type.FIRST))
    reported = [change.part] if change.part else []
    return {
        # Unassigned is null here and 0 in the API's answers.
        **shapes.conversation(ticket, first, plain=plain, unassigned=None),
        "links": {
            "conversation_web": f"https://app.intercom.com/a/apps/"
            f"{account.credentials['app_id']}/conversations/{ticket.vendor_id}"
        },
        "conversation_parts": shapes.part_list(reported, plain=plain),
    }
