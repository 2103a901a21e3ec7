"""Zoho SalesIQ keeps the contract of all help desks."""

from __future__ import annotations

import responses

from providers.types import WebhookRequest
from providers.zoho import Zoho
from tests.providers.contract import ProviderContract, Refusal
from tests.providers.fakes import Clock
from tests.providers.zoho.double import CREDENTIALS, SETTINGS, ZohoDouble, error
from tests.providers.zoho.keys import bare, signed


class TestZohoContract(ProviderContract):
    provider = Zoho
    settings = SETTINGS
    credentials = CREDENTIALS
    state = {"webhook_id": "63380012", "keys": [{"id": "1", "key": bare()}]}
    valid_sessions = (
        {},
        {"departmentId": "633802025"},
        {"departmentId": 633802024, "waitTime": 30},
        {"customerInfo": {"Order": "4711", "Total": 12.5, "VIP": True}},
    )
    signature_header = "x-siqsignature"
    token_rejected = Refusal(*error(1008))
    rate_limited = Refusal(*error(1023), wait=60)
    server_error = Refusal(*error(1001))
    expected = {
        "operator_replied": ("agent_message",),
        "operator_replied_numbers": ("agent_message",),
        "operator_replied_file": ("ticket_changed",),
        "operator_replied_file_with_words": ("ticket_changed",),
        "operator_replied_entity_only": ("agent_message",),
        "operator_replied_without_type": ("ticket_changed",),
        "operator_replied_by_bot": (),
        "visitor_replied": (),
        "visitor_replied_entity_only": (),
        "attender_updated": ("agent_assigned",),
        "attender_updated_bot": (),
        "attender_updated_entity_only": ("agent_assigned",),
        "missed": ("ticket_closed",),
        "missed_entity_only": ("ticket_closed",),
        "completed_by_agent": ("ticket_closed",),
        "completed_by_visitor": ("ticket_closed",),
        "completed_by_system": ("ticket_closed",),
        "completed_execution": ("ticket_closed",),
        "transfer_initiated": ("ticket_transferred",),
        "transfer_accepted": ("agent_assigned",),
        "transfer_rejected": ("agent_assigned",),
        "message_deleted": ("message_redacted",),
        "message_deleted_by_visitor": (),
        "message_edited": (),
        "reopened": ("ticket_reopened",),
        "created": (),
        "rated": (),
        "participants_added": (),
        "lead_updated": (),
    }

    def make_vendor(self, mocked: responses.RequestsMock, clock: Clock) -> ZohoDouble:
        return ZohoDouble(mocked, clock)

    def signed(self, body: bytes, name: str = "") -> WebhookRequest:
        del name
        return signed(body)
