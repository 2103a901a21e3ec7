"""What HubSpot keeps beside messages: that the customer has read them."""

from __future__ import annotations

from providers.hubspot import HubSpot
from providers.types import Ticket
from tests.providers.fakes import START
from tests.providers.hubspot.double import HubSpotDouble


def test_each_message_that_was_read_is_marked(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket
) -> None:
    keys = [str(vendor.agent_says(ticket.remote_id, text)["id"]) for text in ("Hi", "Well?")]
    adapter.mark_read(ticket, keys, START)
    for key in keys:
        path = f"/conversations/custom-channels/2026-03/1001/messages/{key}"
        assert vendor.sent("PATCH", path) == [{"statusType": "READ"}]
