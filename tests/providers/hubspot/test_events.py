"""What HubSpot tells, by both kinds of webhook and by reading the thread."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.errors import BadPayload, Gone
from providers.hubspot import HubSpot
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    Content,
    InboundEvent,
    Ticket,
    TicketChanged,
    TicketClosed,
    TicketTransferred,
    WebhookRequest,
)
from tests.providers.fakes import START, Clock, FakeJournal, make_open_request
from tests.providers.hubspot.double import HubSpotDouble

PAYLOADS = Path(__file__).parent.parent / "payloads" / "hubspot"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def parse(document: Any) -> list[InboundEvent]:
    body = json.dumps(document).encode()
    return HubSpot.parse(WebhookRequest("POST", "", {}, body, START))


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def test_an_agents_message_has_the_agent_the_text_and_the_account() -> None:
    assert parse(payload("agent_message")) == [
        AgentMessage(
            remote_id="9001",
            key="m-1",
            at=AT + timedelta(seconds=1),
            agent=Agent("A-55", "Ada"),
            contents=(Content("text", {"text": "Hello **Bo**"}),),
            account_id="4242",
        )
    ]


def test_an_agents_files_come_with_kind_name_and_a_mark_for_our_token() -> None:
    [message] = parse(payload("agent_message_files"))
    assert isinstance(message, AgentMessage)
    assert [(content.type, dict(content.payload)) for content in message.contents] == [
        ("image", {"imageUrl": "https://x.example.com/a.png#hubspot-file-123", "title": "a.png"}),
        (
            "video",
            {
                "videoUrl": "https://api.hubapi.com/files/v3/files/124#hubspot-file-124",
                "title": "clip.mp4",
            },
        ),
        (
            "audio",
            {"audioUrl": "https://x.example.com/note.ogg#hubspot-file-125", "title": "note.ogg"},
        ),
        (
            "file",
            {"fileUrl": "https://x.example.com/bill.pdf#hubspot-file-126", "title": "bill.pdf"},
        ),
    ]


def test_what_can_not_be_shown_is_said_and_not_dropped() -> None:
    document = payload("agent_message")
    document["message"] |= {"text": "", "richText": "", "attachments": [{"type": "STAR_MAP"}]}
    [message] = parse(document)
    assert isinstance(message, AgentMessage)
    assert "can't be shown" in message.contents[0].payload["text"]


def test_the_assignee_is_the_agent_never_the_visitor() -> None:
    for name in ("assigned", "assigned_user_id", "event_type"):
        [event] = parse(payload(name))
        assert isinstance(event, AgentAssigned)
        assert event.agent == Agent("A-55")
        assert event.remote_id == "9001"
        assert event.at == AT
    visitor = payload("assigned")
    visitor[0]["propertyValue"] = "V-501"
    assert parse(visitor) == []


def test_a_batch_is_put_in_order_and_repeats_are_dropped() -> None:
    events = parse(payload("batch"))
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert [type(event) for event in events] == [
        AgentAssigned,
        TicketTransferred,
        AgentAssigned,
        TicketClosed,
    ]


def test_a_repeat_in_another_batch_has_the_same_key() -> None:
    first, again = payload("assigned"), payload("assigned")
    again[0] |= {"attemptNumber": 3, "eventId": 99}
    assert parse(first) == parse(again)


def test_taking_a_ticket_twice_is_two_events() -> None:
    later = payload("assigned")
    later[0]["occurredAt"] += 5
    assert parse(payload("assigned"))[0].key != parse(later)[0].key


def test_each_portal_of_a_batch_keeps_its_name() -> None:
    other = payload("assigned")[0] | {"portalId": 555}
    assert {event.account_id for event in parse([*payload("closed"), other])} == {"4242", "555"}


def test_one_broken_element_does_not_cost_the_others() -> None:
    broken: list[Any] = [None, {"subscriptionType": "conversation.deletion"}, 7]
    assert len(parse([*broken, *payload("closed")])) == 1
    with pytest.raises(BadPayload):
        parse(broken)


@pytest.mark.parametrize("name", ["deleted", "privacy_deleted", "archived"])
def test_a_thread_that_is_deleted_ends_as_failed(name: str) -> None:
    [event] = parse(payload(name))
    assert isinstance(event, TicketClosed)
    assert event.reason == "failed"


def test_the_misnamed_event_of_an_earlier_guide_is_nothing() -> None:
    document = payload("assigned")
    document[0]["subscriptionType"] = "conversations.propertyChange"
    assert parse(document) == []


# --- reading the thread ---------------------------------------------------------------------


def test_a_message_has_one_key_however_it_becomes_known(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    clock.advance(30)
    said = vendor.agent_says(ticket.remote_id, "Hello")
    [told] = parse(json.loads(vendor.channel_webhook(said)))
    [seen] = [e for e in adapter.catch_up(ticket, START) if isinstance(e, AgentMessage)]
    assert isinstance(told, AgentMessage)
    assert (seen.key, seen.contents, seen.agent) == (told.key, told.contents, told.agent)


def test_a_truncated_message_is_fetched_whole(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    clock.advance(30)
    said = vendor.agent_says(ticket.remote_id, "Once upon", truncationStatus="TRUNCATED")
    vendor.full_texts[said["id"]] = "Once upon a time"
    [told] = parse(json.loads(vendor.channel_webhook(said)))
    assert isinstance(told, TicketChanged)
    [seen] = [e for e in adapter.catch_up(ticket, START) if isinstance(e, AgentMessage)]
    assert seen.contents[0].payload == {"text": "Once upon a time"}
    assert seen.key == said["id"]


def test_all_pages_of_a_thread_are_read_oldest_first(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket, clock: Clock
) -> None:
    for number in range(7):
        clock.advance(1)
        vendor.agent_says(ticket.remote_id, str(number))
    vendor.history[ticket.remote_id].reverse()
    vendor.page = 3
    texts = [
        event.contents[0].payload["text"]
        for event in adapter.catch_up(ticket, START)
        if isinstance(event, AgentMessage)
    ]
    assert texts == list("0123456")


def test_an_answer_by_another_channel_is_not_repeated_in_the_chat(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket
) -> None:
    vendor.agent_says(ticket.remote_id, "by e-mail", channelId="1002")
    assert not [e for e in adapter.catch_up(ticket, START) if e.kind == "agent_message"]


def test_a_thread_without_a_history_still_tells_its_agent_and_its_end(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket
) -> None:
    closed = "2026-11-21T10:00:00Z"
    state = {"assignedTo": "A-55", "status": "CLOSED", "closedAt": closed}
    vendor.threads[ticket.remote_id] |= state
    kinds = [event.kind for event in adapter.catch_up(ticket, START)]
    assert kinds == ["agent_assigned", "ticket_closed"]


def test_a_thread_in_the_trash_is_gone(
    adapter: HubSpot, vendor: HubSpotDouble, ticket: Ticket
) -> None:
    vendor.threads[ticket.remote_id]["archived"] = True
    with pytest.raises(Gone):
        adapter.catch_up(ticket, START)


def test_an_agent_has_a_name_an_address_and_a_picture(adapter: HubSpot) -> None:
    assert adapter.agent("A-55") == Agent(
        "A-55", "Ada", "ada@acme.test", "https://media.example.com/ada.png"
    )
    assert adapter.agent("A-99") is None


def test_a_bot_is_no_agent(adapter: HubSpot, vendor: HubSpotDouble) -> None:
    path = "/conversations/conversations/2026-09/actors/A-7"
    vendor.reply_once("GET", path, (200, {"id": "A-7", "type": "BOT", "name": "Bot"}))
    assert adapter.agent("A-7") is None


def test_a_thread_has_an_address_for_people(adapter: HubSpot) -> None:
    opened = adapter.open(make_open_request(conversation_id="conv_2"), FakeJournal(Clock()))
    assert opened.url.endswith(f"/live-messages/4242/inbox/{opened.remote_id}")
