"""Opening an Intercom conversation: the contact, the words, the notes, the assignment."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from providers.errors import Misconfigured, OutcomeUnknown, Permanent, Retry
from providers.intercom import Intercom
from providers.types import OpenedTicket
from tests.providers.contract import persist
from tests.providers.fakes import (
    START,
    Clock,
    Crash,
    FakeJournal,
    FaultyHttp,
    make_line,
    make_open_request,
    make_person,
)
from tests.providers.intercom.conftest import connected
from tests.providers.intercom.double import IntercomDouble, error

ANA = make_person().id


def opened(adapter: Intercom, clock: Clock, **request: Any) -> OpenedTicket:
    return adapter.open(make_open_request(**request), FakeJournal(clock))


def test_every_call_says_token_and_version(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    opened(intercom, clock)
    for headers in vendor.headers:
        assert headers["Authorization"] == "Bearer token-1"
        assert headers["Intercom-Version"] == "2.16"
        assert headers["Accept"] == "application/json"


def test_a_new_contact_is_a_user_with_our_id(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    opened(intercom, clock)
    assert vendor.sent("POST", "/contacts") == [
        {
            "role": "user",
            "external_id": ANA,
            "email": "ana@customer.test",
            "name": "Ana Silva",
            "phone": "+351912345678",
            "avatar": "https://media.example.com/ana.png",
        }
    ]


def test_a_known_contact_is_found_by_external_id(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    known = vendor.add_contact(external_id=ANA)
    ticket = opened(intercom, clock)
    assert ticket.contact["id"] == known
    assert vendor.sent("POST", "/contacts") == []


def test_the_contact_of_an_earlier_session_is_not_looked_up_again(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    known = vendor.add_contact(external_id=ANA)
    opened(intercom, clock, contact={"id": known})
    assert not [path for path in vendor.paths() if "/contacts" in path]


def test_a_stranger_with_the_same_email_is_left_alone(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    stranger = vendor.add_contact(email="ana@customer.test")
    ticket = opened(intercom, clock)
    assert ticket.contact["id"] != stranger
    assert vendor.contacts[ticket.contact["id"]]["external_id"] == ANA
    assert "email" not in vendor.contacts[ticket.contact["id"]]
    assert "ana@customer.test" in "\n".join(vendor.shown(ticket.remote_id))


def test_an_archived_contact_of_ours_is_brought_back(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    archived = vendor.add_contact(external_id=ANA, archived=True)
    assert opened(intercom, clock).contact["id"] == archived
    assert not vendor.contacts[archived]["archived"]


def test_a_merged_contact_leads_to_the_one_it_became(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    kept = vendor.add_contact(external_id="other")
    merged = vendor.add_contact(external_id=ANA, merged_into=kept)
    assert opened(intercom, clock).contact["id"] == kept
    assert opened(intercom, clock, contact={"id": merged}).contact["id"] == kept


def test_a_contact_that_is_gone_is_made_again_once(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    ticket = opened(intercom, clock, contact={"id": "6762f1571bb69f9f2193dead"})
    assert vendor.contacts[ticket.contact["id"]]["external_id"] == ANA


def test_a_conflict_without_an_id_waits_for_the_search(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    conflict = error(409, "conflict", "A contact matching those details already exists")
    for _ in range(4):
        vendor.reply_once("POST", "/contacts", conflict)
    journal = FakeJournal(clock)
    with pytest.raises(Retry) as caught:
        intercom.open(make_open_request(), journal)
    assert caught.value.retry_after == 15
    known = vendor.add_contact(external_id=ANA)
    vendor.reply_once("GET", "/contacts/find_by_external_id/.+", error(404, "not_found"))
    assert intercom.open(make_open_request(), journal).contact["id"] == known


def test_a_wrong_phone_number_does_not_cost_the_session(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    vendor.reply_once("POST", "/contacts", error(422, "parameter_invalid", field="phone"))
    opened(intercom, clock)
    assert vendor.sent("POST", "/contacts")[1] == {
        "role": "user",
        "external_id": ANA,
        "name": "Ana Silva",
    }


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("POST", "/contacts", error(409, "not_restorable", "This contact has been blocked")),
        ("POST", "/conversations", error(403, "action_forbidden", "Contact has been blocked")),
    ],
)
def test_a_blocked_contact_is_permanent(
    method: str,
    path: str,
    answer: Any,
    intercom: Intercom,
    vendor: IntercomDouble,
    clock: Clock,
) -> None:
    vendor.reply_once(method, path, answer)
    with pytest.raises(Permanent):
        opened(intercom, clock)


def test_the_conversation_starts_with_the_customers_own_last_words(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    ticket = opened(intercom, clock)
    [body] = vendor.sent("POST", "/conversations")
    assert body == {
        "from": {"type": "user", "id": ticket.contact["id"]},
        "body": "Then a human please",
    }


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"transcript": ()}, "The lamp of order 4711 arrived broken."),
        ({"transcript": (), "description": ""}, "Broken lamp"),
        ({"transcript": (), "description": "", "title": ""}, "I would like to talk to a person."),
    ],
)
def test_without_own_words_it_starts_with_the_matter(
    request_: dict[str, Any],
    body: str,
    intercom: Intercom,
    vendor: IntercomDouble,
    clock: Clock,
) -> None:
    opened(intercom, clock, **request_)
    assert vendor.sent("POST", "/conversations")[0]["body"] == body


def test_the_remote_id_is_the_conversations_not_the_messages(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    ticket = opened(intercom, clock)
    assert [ticket.remote_id] == vendor.tickets()
    assert ticket.url.endswith(f"/a/apps/abc123de/conversations/{ticket.remote_id}")


def test_the_agent_reads_everything_in_a_note(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    line = make_line("See this", media_url="https://media.example.com/lamp.png")
    transcript = (*make_open_request().transcript, line)
    opened(intercom, clock, transcript=transcript)
    [note] = vendor.sent("POST", "/conversations/.+/reply")
    assert (note["message_type"], note["type"], note["admin_id"]) == ("note", "admin", "814860")
    for words in (
        "<b>Name:</b> Ana Silva",
        "<b>E-mail:</b> ana@customer.test",
        "<b>Phone:</b> +351912345678",
        "<b>Subject:</b> Broken lamp",
        "<b>Description:</b> The lamp of order 4711",
        "<b>Ana Silva (08:58 UTC):</b> My lamp is broken &lt;b&gt;!&lt;/b&gt;",
        "<b>Helper (08:59 UTC):</b> I can't help with that.",
        "https://media.example.com/lamp.png",
    ):
        assert words in note["body"]


def test_a_file_that_the_line_names_is_not_named_again(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    url = "https://media.example.com/lamp.png"
    opened(intercom, clock, transcript=(make_line(f"Image: {url}", media_url=url),))
    [note] = vendor.sent("POST", "/conversations/.+/reply")
    assert note["body"].count(url) == 1


def test_a_long_transcript_takes_several_notes_and_keeps_every_line(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    lines = tuple(make_line(f"line {n:03} " + "x" * 90) for n in range(150))
    long_line = make_line("word " * 2000)
    opened(intercom, clock, transcript=(*lines, long_line))
    notes = [one["body"] for one in vendor.sent("POST", "/conversations/.+/reply")]
    assert len(notes) > 3
    assert all(len(note) < 6000 for note in notes)
    for n in range(150):
        assert sum(f"line {n:03} " in note for note in notes) == 1
    assert sum(note.count("word") for note in notes) == 2000


def test_it_is_assigned_to_the_team_before_anything_else(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    opened(intercom, clock)
    changes = [path for path in vendor.paths() if path.startswith(("POST", "PUT"))]
    assert [path.rsplit("/", 1)[-1] for path in changes[1:3]] == ["conversations", "parts"]
    assert vendor.sent("POST", "/conversations/.+/parts") == [
        {
            "message_type": "assignment",
            "type": "team",
            "admin_id": "814860",
            "assignee_id": "814865",
        }
    ]


def test_the_bot_may_choose_another_team_and_set_attributes(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    session = {"teamId": 814866, "attributes": {"Order": "4711"}}
    opened(intercom, clock, session=session)
    [assignment] = vendor.sent("POST", "/conversations/.+/parts")
    assert assignment["assignee_id"] == "814866"
    assert vendor.sent("PUT", "/conversations/.+") == [
        {"title": "Broken lamp"},
        {"custom_attributes": {"Order": "4711"}},
    ]


def test_a_chosen_teammate_acts_and_another_gets_the_conversation(
    vendor: IntercomDouble, clock: Clock
) -> None:
    adapter = connected({"team_id": "", "admin_id": "814861", "assignee_id": "814860"}, clock=clock)
    opened(adapter, clock)
    [assignment] = vendor.sent("POST", "/conversations/.+/parts")
    assert (assignment["type"], assignment["admin_id"]) == ("admin", "814861")
    assert assignment["assignee_id"] == "814860"
    assert "GET /me" not in vendor.paths()


@pytest.mark.parametrize(
    "answer",
    [
        error(404, "team_not_found"),
        error(404, "assignee_not_found"),
        error(400, "team_unavailable"),
        error(422, "data_invalid", "Conversation is already assigned to this team"),
        error(404, "not_found"),
    ],
)
def test_an_assignment_that_fails_leaves_the_conversation_open_to_all(
    answer: Any,
    intercom: Intercom,
    vendor: IntercomDouble,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    vendor.reply_once("POST", "/conversations/.+/parts", answer)
    with caplog.at_level(logging.WARNING):
        assert opened(intercom, clock).remote_id in vendor.tickets()


def test_undefined_attributes_cost_nothing_else(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    journal = FakeJournal(clock)
    request = make_open_request(title="", session={"attributes": {"Nope": 1}})
    vendor.reply_once("PUT", "/conversations/.+", error(400, "parameter_invalid"))
    assert intercom.open(request, journal).remote_id


def test_an_unknown_acting_teammate_is_a_setting_to_mend(
    vendor: IntercomDouble, clock: Clock
) -> None:
    adapter = connected({"team_id": "", "admin_id": "1"}, clock=clock)
    with pytest.raises(Misconfigured) as caught:
        opened(adapter, clock)
    assert caught.value.field == "admin_id"
    assert vendor.tickets()


def test_a_crash_while_the_search_lags_waits_instead_of_opening_twice(
    intercom: Intercom, vendor: IntercomDouble, clock: Clock
) -> None:
    vendor.search_lag = 90
    journal = FakeJournal(clock, crash_after="conversation")
    with pytest.raises(Crash):
        intercom.open(make_open_request(), journal)
    with pytest.raises(Retry) as caught:
        intercom.open(make_open_request(), journal)
    assert caught.value.retry_after == 3
    ticket = persist(lambda: intercom.open(make_open_request(), journal), clock)
    assert [ticket.remote_id] == vendor.tickets()
    assert (clock() - START).total_seconds() >= 90


def test_an_opening_that_never_arrived_is_repeated_when_the_search_can_be_trusted(
    intercom: Intercom, vendor: IntercomDouble, http: FaultyHttp, clock: Clock
) -> None:
    known = vendor.add_contact(external_id=ANA)
    journal = FakeJournal(clock)
    http.answer_next(502, only="change")
    request = make_open_request(contact={"id": known})
    with pytest.raises(OutcomeUnknown):
        intercom.open(request, journal)
    persist(lambda: intercom.open(request, journal), clock)
    assert len(vendor.tickets()) == 1
    assert 120 <= (clock() - START).total_seconds() <= 180


def test_an_earlier_conversation_with_the_same_words_is_not_taken_for_the_new_one(
    intercom: Intercom, vendor: IntercomDouble, http: FaultyHttp, clock: Clock
) -> None:
    first = opened(intercom, clock)
    clock.advance(10)
    journal = FakeJournal(clock)
    request = make_open_request(contact=first.contact)
    http.answer_next(502, only="change")
    with pytest.raises(OutcomeUnknown):
        intercom.open(request, journal)
    second = persist(lambda: intercom.open(request, journal), clock)
    assert second.remote_id != first.remote_id
    assert len(vendor.tickets()) == 2
