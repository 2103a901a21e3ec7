"""Speaking in an Intercom conversation and closing it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests
import responses

from providers.errors import Misconfigured, OutcomeUnknown, Permanent
from providers.intercom import Intercom
from providers.types import Ticket
from tests.providers.contract import MEDIA_BYTES
from tests.providers.fakes import (
    Clock,
    FakeJournal,
    FaultyHttp,
    make_message,
    make_open_request,
    make_ticket,
)
from tests.providers.intercom.double import IntercomDouble, error

REPLY = "/conversations/.+/reply"


@pytest.fixture
def ticket(intercom: Intercom, vendor: IntercomDouble, clock: Clock) -> Ticket:
    made = make_ticket(intercom.open(make_open_request(), FakeJournal(clock)))
    vendor.requests.clear()
    return made


def test_a_reply_is_the_contacts_and_its_part_is_remembered(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    sent = intercom.send(ticket, make_message(), FakeJournal(clock))
    assert vendor.sent("POST", REPLY) == [
        {
            "message_type": "comment",
            "type": "user",
            "intercom_user_id": ticket.contact["id"],
            "body": "Hello, is anybody there?",
        }
    ]
    parts = vendor.conversations[ticket.remote_id]["conversation_parts"]["conversation_parts"]
    assert sent.remote_ids == (parts[-1]["id"],)
    assert len(vendor.requests) == 1


def test_text_is_sent_as_it_is(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    text = "1 < 2 && <b>not bold</b>\n\nOlá 👋"
    sent = intercom.send(ticket, make_message(payload={"text": text}), FakeJournal(clock))
    assert vendor.sent("POST", REPLY)[0]["body"] == text
    assert sent.remote_ids


def test_images_go_by_address_and_files_whole(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    image = make_message("image", {"imageUrl": "https://media.example.com/lamp.png"})
    file = make_message("file", {"fileUrl": "https://media.example.com/a.pdf", "title": "Bill"})
    intercom.send(ticket, image, FakeJournal(clock))
    intercom.send(ticket, file, FakeJournal(clock))
    first, second = vendor.sent("POST", REPLY)
    assert first["attachment_urls"] == ["https://media.example.com/lamp.png"]
    assert first["body"] == "lamp.png"
    assert second["body"] == "Bill"
    assert second["attachment_files"] == [
        {
            "name": "a.pdf",
            "content_type": "application/pdf",
            "data": base64.b64encode(MEDIA_BYTES).decode(),
        }
    ]


def test_a_file_that_intercom_refuses_becomes_a_link(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.reply_once("POST", REPLY, error(422, "data_invalid", field="attachment_urls"))
    image = make_message("image", {"imageUrl": "https://media.example.com/lamp.png"})
    sent = intercom.send(ticket, image, FakeJournal(clock))
    assert vendor.sent("POST", REPLY)[1]["body"] == "Image: https://media.example.com/lamp.png"
    assert sent.remote_ids


def test_a_file_whose_answer_was_lost_is_found_by_its_caption(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, http: FaultyHttp, clock: Clock
) -> None:
    file = make_message("file", {"fileUrl": "https://media.example.com/a.pdf"})
    journal = FakeJournal(clock)
    http.lose_next_answer()
    with pytest.raises(OutcomeUnknown):
        intercom.send(ticket, file, journal)
    assert intercom.send(ticket, file, journal).remote_ids
    assert len(vendor.sent("POST", REPLY)) == 1


def test_equal_words_that_were_sent_before_are_not_taken_for_the_lost_ones(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, http: FaultyHttp, clock: Clock
) -> None:
    first = intercom.send(ticket, make_message(), FakeJournal(clock))
    known = make_ticket(
        intercom.open(make_open_request(), FakeJournal(clock)),
        remote_id=ticket.remote_id,
        known_ids=frozenset(first.remote_ids),
    )
    journal = FakeJournal(clock)
    http.answer_next(500, only="change")
    with pytest.raises(OutcomeUnknown):
        intercom.send(known, make_message(), journal)
    second = intercom.send(known, make_message(), journal)
    assert second.remote_ids != first.remote_ids
    assert "\n".join(vendor.shown(ticket.remote_id)).count("is anybody there?") == 2


def test_a_crash_between_the_pieces_repeats_none(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, http: FaultyHttp, clock: Clock
) -> None:
    items = [{"type": "text", "payload": {"text": "same"}}] * 3
    journal = FakeJournal(clock)
    intercom_sends = make_message("bloc", {"items": items})
    http.lose_next_answer()
    with pytest.raises(OutcomeUnknown):
        intercom.send(ticket, intercom_sends, journal)
    sent = intercom.send(ticket, intercom_sends, journal)
    assert len(set(sent.remote_ids)) == 3
    assert vendor.shown(ticket.remote_id).count("<p>same</p>") == 3


def test_a_contact_that_merged_meanwhile_speaks_on_under_the_new_id(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    kept = vendor.add_contact(external_id="other")
    vendor.contacts[ticket.contact["id"]]["merged_into"] = kept
    sent = intercom.send(ticket, make_message(), FakeJournal(clock))
    assert sent.contact == {"id": kept, "conversation": ticket.remote_id}
    assert vendor.sent("POST", REPLY)[-1]["intercom_user_id"] == kept


def test_a_contact_whose_replies_are_refused_is_permanent(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    for _ in range(2):
        vendor.reply_once("POST", REPLY, error(404, "not_found", "User Not Found"))
    with pytest.raises(Permanent):
        intercom.send(ticket, make_message(), FakeJournal(clock))


def test_the_bots_words_and_the_bridges_are_notes(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    message = make_message(payload={"text": "<hi>"}, author="bot", author_name="Helper")
    intercom.send(ticket, message, FakeJournal(clock))
    intercom.tell_agent(ticket, "A message could not be delivered.", FakeJournal(clock))
    first, second = vendor.sent("POST", REPLY)
    assert first["body"] == "<p>Helper (bot): &lt;hi&gt;</p>"
    assert second["body"] == "<p>A message could not be delivered.</p>"
    assert {first["message_type"], second["message_type"]} == {"note"}


def test_close_tells_the_agent_why_and_the_customer_nothing(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    intercom.close(ticket, "The customer left.", FakeJournal(clock))
    assert vendor.sent("POST", REPLY)[0]["message_type"] == "note"
    assert vendor.sent("POST", "/conversations/.+/parts") == [
        {"message_type": "close", "type": "admin", "admin_id": "814860"}
    ]


@pytest.mark.parametrize("state", ["closed", "open"])
def test_a_refused_close_counts_only_if_it_is_closed(
    state: str, intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.conversations[ticket.remote_id]["state"] = state
    vendor.reply_once("POST", "/conversations/.+/parts", error(422, "data_invalid"))
    if state == "open":
        with pytest.raises(Permanent):
            intercom.close(ticket, "", FakeJournal(clock))
    else:
        intercom.close(ticket, "", FakeJournal(clock))


def test_a_lost_answer_to_close_is_looked_up(
    intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, http: FaultyHttp, clock: Clock
) -> None:
    journal = FakeJournal(clock)
    http.lose_next_answer()
    with pytest.raises(OutcomeUnknown):
        intercom.close(ticket, "", journal)
    intercom.close(ticket, "", journal)
    assert len(vendor.sent("POST", "/conversations/.+/parts")) == 1


@pytest.mark.parametrize("path", [REPLY, "/conversations/.+/parts"])
def test_a_teammate_who_left_can_not_act(
    path: str, intercom: Intercom, vendor: IntercomDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.reply_once("POST", path, error(404, "admin_not_found"))
    note: dict[str, Any] = {REPLY: "Bye"}
    with pytest.raises(Misconfigured) as caught:
        intercom.close(ticket, note.get(path, ""), FakeJournal(clock))
    assert caught.value.field == "admin_id"


@pytest.mark.parametrize(
    "url", ["https://down.example.com/a.pdf", "https://gone.example.com/a.pdf", "data:,x"]
)
def test_a_file_that_can_not_be_had_does_not_stop_the_message(
    url: str,
    intercom: Intercom,
    vendor: IntercomDouble,
    ticket: Ticket,
    clock: Clock,
    mocked: responses.RequestsMock,
) -> None:
    down = requests.exceptions.ConnectTimeout("down")
    mocked.add(responses.GET, "https://down.example.com/a.pdf", body=down)
    mocked.add(responses.GET, "https://gone.example.com/a.pdf", status=404)
    intercom.send(ticket, make_message("file", {"fileUrl": url}), FakeJournal(clock))
    assert vendor.sent("POST", REPLY)[0]["body"] == f"File: {url}"
