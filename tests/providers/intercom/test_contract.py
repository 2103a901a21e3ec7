"""Intercom keeps the contract of all help desks."""

from __future__ import annotations

import hashlib
import hmac

import responses

from providers.intercom import Intercom
from providers.types import WebhookRequest
from tests.providers.contract import ProviderContract, Refusal
from tests.providers.fakes import START, Clock
from tests.providers.intercom.double import IntercomDouble, error

SECRET = "s3cr3t-test-only"


def signed(body: bytes, secret: str = SECRET) -> WebhookRequest:
    """The webhook as Intercom sends it."""
    signature = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    return WebhookRequest(
        method="POST",
        url="https://bridge.example.com/webhooks/intercom/token",
        headers={"x-hub-signature": f"sha1={signature}", "content-type": "application/json"},
        body=body,
        received_at=START,
    )


class TestIntercomContract(ProviderContract):
    provider = Intercom
    settings = {"region": "us", "team_id": "814865", "allowed_teams": "814866, 814867"}
    credentials = {"access_token": "dG9rOnNlY3JldA==", "client_id": "cid", "client_secret": SECRET}
    account_id = "abc123de"
    valid_sessions = (
        {},
        {"teamId": "814865"},
        {"teamId": 814866},
        {"attributes": {"Order": "4711", "Total": 12.5, "VIP": True}},
    )
    signature_header = "x-hub-signature"
    token_rejected = Refusal(401, error(401, "unauthorized", "Access Token Invalid")[1])
    rate_limited = Refusal(
        429,
        error(429, "rate_limit_exceeded")[1],
        {"X-RateLimit-Limit": "1666", "X-RateLimit-Reset": str(int(START.timestamp()) + 8)},
        wait=8,
    )
    server_error = Refusal(500, error(500, "server_error")[1])
    expected = {
        "ping": (),
        "admin_replied": ("agent_message",),
        "admin_replied_plain": ("agent_message",),
        "admin_replied_media": ("agent_message",),
        "admin_replied_lost_image": ("ticket_changed",),
        "admin_replied_empty": ("ticket_changed",),
        "admin_replied_without_part": ("ticket_changed",),
        "admin_replied_on_assignment": ("agent_assigned", "agent_message"),
        "admin_replied_two_parts": ("agent_message", "agent_message"),
        "admin_replied_then_closed": ("agent_message", "ticket_changed"),
        "admin_replied_by_fin": (),
        "admin_replied_by_workflow": (),
        "admin_replied_by_operator_admin": (),
        "admin_replied_note_part": (),
        "operator_replied": (),
        "admin_assigned": ("agent_assigned",),
        "admin_assigned_by_colleague": ("agent_assigned",),
        "team_assigned": ("ticket_transferred",),
        "team_assigned_by_us": (),
        "unassigned": ("ticket_transferred",),
        "admin_closed": ("ticket_closed",),
        "admin_closed_with_words": ("agent_message", "ticket_closed"),
        "admin_closed_by_workflow": ("ticket_closed",),
        "admin_closed_without_part": ("ticket_changed",),
        "admin_opened": ("ticket_reopened", "agent_message"),
        "admin_assigned_and_reopened": ("agent_assigned", "ticket_reopened", "agent_message"),
        "admin_noted": (),
        "admin_snoozed": (),
        "admin_unsnoozed": (),
        "user_created": (),
        "user_replied": (),
        "user_reopened": (),
        "deleted": ("ticket_closed",),
        "part_redacted": ("message_redacted",),
        "part_redacted_alone": ("message_redacted",),
        "contact_created": (),
    }

    def make_vendor(self, mocked: responses.RequestsMock, clock: Clock) -> IntercomDouble:
        return IntercomDouble(mocked, clock)

    def signed(self, body: bytes, name: str = "") -> WebhookRequest:
        del name
        return signed(body)
