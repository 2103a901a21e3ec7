"""LiveChat keeps the contract of all help desks."""

from __future__ import annotations

import dataclasses
import json

import pytest
import responses

from providers.errors import BadSignature
from providers.livechat import LiveChat
from providers.types import WebhookRequest
from tests.providers.contract import ProviderContract, Refusal
from tests.providers.fakes import Clock
from tests.providers.livechat.conftest import BY_OAUTH, BY_PAT, SETTINGS, STATE, webhook
from tests.providers.livechat.double import ORG, LiveChatDouble, error


class TestLiveChatContract(ProviderContract):
    provider = LiveChat
    settings = SETTINGS
    credentials = BY_OAUTH
    account_id = ORG
    state = STATE
    valid_sessions = (
        {},
        {"groupId": "19"},
        {"groupId": 0},
        {"sessionFields": {"Order": "4711", "Total": 12.5, "VIP": True}},
    )
    token_rejected = Refusal(401, error("authentication")[1])
    rate_limited = Refusal(429, error("too_many_requests")[1], {"Retry-After": "7"}, wait=7)
    server_error = Refusal(500, error("internal")[1])
    expected = {
        "incoming_event": ("agent_message",),
        "incoming_event_file": ("agent_message",),
        "incoming_event_image": ("agent_message",),
        "incoming_event_rich_message": ("agent_message",),
        "incoming_event_quick_replies": ("agent_message",),
        "incoming_event_private_note": (),
        "incoming_event_customer": (),
        "incoming_event_bot": (),
        "incoming_event_system_message": (),
        "incoming_event_system": (),
        "incoming_event_form": (),
        "incoming_chat": (),
        "incoming_chat_assigned": ("agent_assigned", "agent_message"),
        "user_added_to_chat": ("agent_assigned",),
        "user_added_to_chat_bot": (),
        "user_added_to_chat_customer": (),
        "user_added_to_chat_supervisor": (),
        "user_removed_from_chat": ("ticket_changed",),
        "chat_transferred_agent": ("agent_assigned",),
        "chat_transferred_group": ("ticket_transferred",),
        "chat_transferred_queue": ("ticket_transferred",),
        "chat_transferred_sparse": ("ticket_transferred",),
        "chat_deactivated": ("ticket_closed",),
        "chat_deactivated_by_router": ("ticket_closed",),
        "chat_deactivated_by_customer": ("ticket_changed",),
        "thread_closed": ("ticket_closed",),
        "event_deleted": ("message_redacted",),
        "events_marked_as_seen": ("messages_seen",),
        "incoming_typing_indicator": ("agent_typing",),
        "event_updated": (),
        "agent_created": (),
    }

    def make_vendor(self, mocked: responses.RequestsMock, clock: Clock) -> LiveChatDouble:
        return LiveChatDouble(mocked, clock)

    def signed(self, body: bytes, name: str = "") -> WebhookRequest:
        del name
        return webhook(body)

    def forgeries(self, request: WebhookRequest) -> list[WebhookRequest]:
        """The secret is in the body."""
        body = json.loads(request.body)
        right = body.pop("secret_key")
        wrong = [None, "", right[:-1], right + "0", right.upper(), "é", 0, [right]]
        faked = [body, *({**body, "secret_key": value} for value in wrong)]
        bodies = [json.dumps(each).encode() for each in faked]
        return [dataclasses.replace(request, body=each) for each in [*bodies, b"", b"[]", b"\xff"]]

    def test_a_changed_body_is_refused(self) -> None:
        """LiveChat signs nothing, so of the content only the account can be held to be right."""
        body = json.loads(self.sample().body) | {"organization_id": "another"}
        with pytest.raises(BadSignature):
            self.provider.verify(webhook(json.dumps(body).encode()), self.trust())


class TestLiveChatByPersonalTokenContract(TestLiveChatContract):
    """The same with a personal access token and customers by cookies."""

    credentials = BY_PAT

    def test_a_rejected_token_is_renewed_once(self) -> None:  # type: ignore[override]
        """There is none to renew: see test_connection."""

    def test_a_second_rejection_asks_to_reconnect(self) -> None:  # type: ignore[override]
        """Likewise."""
