"""What LiveChat shows beside messages: a customer who types, and what they have read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from providers.errors import Gone, Permanent
from providers.livechat import LiveChat
from providers.types import Ticket
from tests.providers.fakes import START, Clock, FakeJournal, make_open_request, make_ticket
from tests.providers.livechat.double import LiveChatDouble


@pytest.fixture
def ticket(livechat: LiveChat, clock: Clock) -> Ticket:
    return make_ticket(livechat.open(make_open_request(), FakeJournal(clock, key="hitl-1")))


def test_a_customer_who_types_is_seen_as_dots(
    livechat: LiveChat, vendor: LiveChatDouble, ticket: Ticket
) -> None:
    livechat.typing(ticket)
    assert vendor.sent("customer/send_sneak_peek") == [
        {"chat_id": ticket.remote_id, "sneak_peek_text": "…"}
    ]


def test_what_the_customer_has_read_is_marked_by_its_time(
    livechat: LiveChat, vendor: LiveChatDouble, ticket: Ticket
) -> None:
    livechat.mark_read(ticket, ["K1/K1_3"], START + timedelta(seconds=5))
    assert vendor.sent("customer/mark_events_as_seen") == [
        {"chat_id": ticket.remote_id, "seen_up_to": "2026-11-21T09:00:05+00:00"}
    ]


def test_typing_does_not_open_a_closed_chat(
    livechat: LiveChat, vendor: LiveChatDouble, ticket: Ticket
) -> None:
    vendor.end(ticket.remote_id)
    with pytest.raises(Permanent):
        livechat.typing(ticket)
    assert vendor.closed(ticket.remote_id)


def test_a_token_that_is_old_is_not_renewed_for_it(
    livechat: LiveChat, vendor: LiveChatDouble, ticket: Ticket, clock: Clock
) -> None:
    """The new cookies would be lost, and the customer's identity with them."""
    asked = len(vendor.sent("customer/token"))
    clock.advance(28800)
    with pytest.raises(Gone):
        livechat.typing(ticket)
    assert len(vendor.sent("customer/token")) == asked
