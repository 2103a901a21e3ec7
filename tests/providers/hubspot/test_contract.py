"""HubSpot keeps the contract of all help desks."""

from __future__ import annotations

from datetime import timedelta

import responses

from providers.hubspot import HubSpot
from providers.hubspot.signature import decoded, sign_v3
from providers.types import WebhookRequest
from tests.providers.contract import ProviderContract, Refusal
from tests.providers.fakes import START, Clock
from tests.providers.hubspot.double import ACCOUNT, APP, CHANNEL, KEY, HubSpotDouble, error

SECRET = "hitl-test-client-secret-0001"
URL = "https://bridge.example.com/webhooks/hubspot/token"
SETTINGS = {
    "app_id": APP,
    "inbox_id": "123",
    "allowed_inboxes": "124, 125",
    "allowed_assignees": "55",
}
CREDENTIALS = {
    "client_id": "cid",
    "client_secret": SECRET,
    "developer_api_key": KEY,
    "refresh_token": "refresh-0001",
}
RECIPIENT = {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "acme-web"}
STATE = {
    "channel_id": CHANNEL,
    "identifier": "hitl-test",
    "accounts": {
        "123": {"id": ACCOUNT, "recipient": RECIPIENT},
        "124": {"id": "2003", "recipient": RECIPIENT},
    },
}


def signed(
    body: bytes,
    secret: str = SECRET,
    url: str = URL,
    age: timedelta = timedelta(seconds=2),
) -> WebhookRequest:
    """The webhook as HubSpot sends it."""
    stamp = str(int((START - age).timestamp() * 1000))
    signature = sign_v3(secret.encode(), "POST", decoded(url), body, stamp)
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
    return WebhookRequest("POST", url, headers, body, START)


def make_double(mocked: responses.RequestsMock, clock: Clock) -> HubSpotDouble:
    """HubSpot with the channel and the accounts of `STATE`."""
    double = HubSpotDouble(mocked, clock)
    double.add_channel(URL, id=CHANNEL)
    for inbox_id, account in STATE["accounts"].items():  # type: ignore[attr-defined]
        identifier = {"deliveryIdentifier": RECIPIENT}
        double.add_account(CHANNEL, inbox_id, id=account["id"], **identifier)
    return double


class TestHubSpotContract(ProviderContract):
    provider = HubSpot
    settings = SETTINGS
    credentials = CREDENTIALS
    account_id = "4242"
    state = STATE
    valid_sessions = (
        {},
        {"inboxId": "124"},
        {"inboxId": 123, "assigneeId": 55},
        {"priority": "high", "ticket": {"subject": "Lamp", "vip": True}},
    )
    signature_header = "x-hubspot-signature-v3"
    token_rejected = Refusal(401, error(401, "EXPIRED_AUTHENTICATION")[1])
    rate_limited = Refusal(
        429,
        {
            "status": "error",
            "message": "You have reached your ten_secondly_rolling limit.",
            "errorType": "RATE_LIMIT",
            "policyName": "TEN_SECONDLY_ROLLING",
        },
        {"X-HubSpot-RateLimit-Interval-Milliseconds": "8000"},
        wait=8,
    )
    server_error = Refusal(502, None)
    expected = {
        "agent_message": ("agent_message",),
        "agent_message_array": ("agent_message",),
        "agent_message_files": ("agent_message",),
        "agent_message_truncated": ("ticket_changed",),
        "agent_message_lax": ("agent_message",),
        "agent_message_by_app": (),
        "agent_message_by_bot": (),
        "incoming_echo": (),
        "account_created": (),
        "account_updated": (),
        "account_purged": (),
        "assigned": ("agent_assigned",),
        "assigned_user_id": ("agent_assigned",),
        "assigned_to_bot": (),
        "unassigned": ("ticket_transferred",),
        "closed": ("ticket_closed",),
        "reopened": ("ticket_reopened",),
        "restored": ("ticket_reopened",),
        "archived": ("ticket_closed",),
        "deleted": ("ticket_closed",),
        "privacy_deleted": ("ticket_closed",),
        "created": (),
        "new_message": ("ticket_changed",),
        "new_comment": (),
        "new_welcome_message": (),
        "batch": ("agent_assigned", "ticket_transferred", "agent_assigned", "ticket_closed"),
        "event_type": ("agent_assigned",),
        "contact_changed": (),
    }

    def make_vendor(self, mocked: responses.RequestsMock, clock: Clock) -> HubSpotDouble:
        return make_double(mocked, clock)

    def signed(self, body: bytes, name: str = "") -> WebhookRequest:
        del name
        return signed(body)
