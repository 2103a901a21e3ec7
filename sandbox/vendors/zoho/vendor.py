"""Zoho SalesIQ, as the rest of the sandbox sees it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from sandbox.models import Account, Agent, OutgoingWebhook, Part, Team
from sandbox.vendors.base import Change, SignedRequest, Vendor
from sandbox.vendors.zoho import events, hooks, oauth, shapes, signature, waits
from sandbox.vendors.zoho.http import MESSAGES
from sandbox.vendors.zoho.tokens import new_token

Json = dict[str, Any]
FIRST_ID = 633800000000
APP, SUPPORT, BILLING = "633800002238", "633800002024", "633800002025"
CODES = {401: 1008, 403: 1020, 404: 1006, 405: 1004, 429: 1023}


class Zoho(Vendor):
    """See https://www.zoho.com/salesiq/help/developer-section/ for everything imitated here.

    Settings of its own: `error_status` (200), `quota_status` (400), `closed_code` (1019),
    `org_refused` (ends of paths), `omit_conversation_id`, `past_messages` (true),
    `silent_messages`, `key_format` (base64 or pem), `waiting_time` (60, seconds),
    `access_token_ttl` (3600), `refresh_quota` (10), `code_age` (120), `client_type` ("org"),
    `location` and `accounts_server` (of the OAuth callback), `redirect_uri`, `oauth_asks`,
    `search_lag`.
    """

    slug = "zoho"
    name = "Zoho SalesIQ"
    urlconf = "sandbox.vendors.zoho.urls"
    webhook_timeout = 5.0
    retry_delays = (60.0, 60.0, 60.0)
    knock = "HEAD"
    teams_are_places = True

    def start(self) -> None:
        """The clock of the waiting chats."""
        waits.clock.start(waits.due)

    def seed(self, account: Account) -> None:
        """Three operators, a Zobot, two departments, and tokens of both kinds."""
        account.counter = max(account.counter, 12300)
        private = account.credentials.get("webhook_private_key") or signature.new_key()
        account.credentials = {
            "client_id": f"1000.{secrets.token_hex(15).upper()}",
            "client_secret": secrets.token_hex(21),
            "refresh_token": new_token(),
            "user_refresh_token": new_token(),
            "org_id": "55778119",
            "screen_name": account.slug,
            "app_id": APP,
            "department_id": SUPPORT,
            "webhook_private_key": private,
            "webhook_public_key": signature.public_key(private),
        } | account.credentials
        account.save()
        people = ("633800003801", "Rui Costa"), ("633800003802", "Maya Lindqvist")
        agents = [
            Agent.objects.create(
                account=account,
                vendor_id=number,
                name=name,
                email=f"{name.split()[0].lower()}@acme.test".replace("á", "a"),
            )
            for number, name in (*people, ("633800003803", "Tomás Vega"))
        ]
        Agent.objects.create(
            account=account, vendor_id="b633800003809", name="Zobot", email="", is_bot=True
        )
        for number, name, members in (
            (SUPPORT, "Support", agents),
            (BILLING, "Billing", agents[1:]),
        ):
            Team.objects.create(account=account, vendor_id=number, name=name).agents.set(members)

    def contact_id(self, account: Account) -> str:
        """A number, like all ids here."""
        return str(FIRST_ID + account.next_number())

    def ticket_id(self, account: Account) -> str:
        """Likewise."""
        return str(FIRST_ID + account.next_number())

    def part_id(self, part: Part) -> str:
        """The time and a number."""
        return f"{shapes.ms(part.created_at)}_{part.ticket.account.next_number()}"

    def announce(self, change: Change) -> Iterator[tuple[str, Json]]:
        """Each event once for every webhook that wants it."""
        ticket = change.ticket
        for name, more in events.of(change):
            event = f"conversation.{name}"
            for hook in hooks.listening(ticket.account, event):
                yield (
                    event,
                    {
                        "webhook": {"id": hook["id"]},
                        "org_id": ticket.account.credentials["org_id"],
                        "app_id": ticket.attributes["app_id"],
                        "entity_type": "conversation",
                        "event": event,
                        "entity_id": ticket.vendor_id,
                        "version": hook["version"],
                        "event_time": _event_time(change),
                        "entity": events.entity(ticket, more),
                    },
                )

    def address(self, account: Account, topic: str, payload: Json) -> str:
        """That of the webhook which the payload names."""
        hook = hooks.chosen(account, payload)
        return hook["url"] if hook else ""

    def sign(self, webhook: OutgoingWebhook) -> SignedRequest:
        """The body counts the attempts. The oldest key signs, if the webhook is secured."""
        payload = webhook.payload | {"attempt": webhook.attempts + 1}
        body = json.dumps(payload, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json;charset=UTF-8", "User-Agent": "ZohoSalesIQ"}
        hook = hooks.chosen(webhook.account, payload)
        if hook and hook["secured"] and hook["keys"]:
            headers["x-siqsignature"] = signature.siq_signature(hook["keys"][0]["private"], body)
        return SignedRequest(body, headers)

    def inline_image(self, url: str, name: str) -> str:
        """None: the operators' window sends pictures as files."""
        return ""

    def failure(self, status: int, seconds: float) -> HttpResponse:
        """An error of the table; a block says when it ends, so that trying it out is quick."""
        code = CODES.get(status, 1001 if status >= 500 else 1011)
        headers = {"Retry-After": str(max(1, round(seconds)))} if status == 429 else None
        error = {"code": code, "message": MESSAGES[code]}
        return JsonResponse({"error": error}, status=status, headers=headers)

    def failure_of(self, request: HttpRequest, status: int, seconds: float) -> HttpResponse:
        """The accounts server has words of its own."""
        if "/oauth/" not in request.path:
            return self.failure(status, seconds)
        body = oauth.BLOCKED if status == 429 else {"error": "general_error"}
        return JsonResponse(body, status=status)


def _event_time(change: Change) -> str:
    """When it happened; a deletion has no moment of its own in the desk, so it is now."""
    part = change.part if change.event != "redacted" else None
    return shapes.ms(part.created_at if part else timezone.now())
