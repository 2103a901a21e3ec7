"""Opening, speaking and closing, in detail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import responses

from providers.errors import Misconfigured, OutcomeUnknown, Permanent, RateLimited, Retry
from providers.types import Ticket
from providers.zoho import Zoho
from tests.providers.contract import persist
from tests.providers.fakes import (
    START,
    Clock,
    FakeJournal,
    FaultyHttp,
    make_line,
    make_message,
    make_open_request,
    make_person,
    make_ticket,
)
from tests.providers.zoho.double import SETTINGS, ZohoDouble, error, journal, later, make_zoho

OPEN = "/visitor/v1/conversations"
SAY = r"/visitor/v1/conversations/\d+/messages"
CLOSE = r"/v2/conversations/\d+/close"
FILE = "https://media.example.com/invoice.pdf"


def opened_body(vendor: ZohoDouble) -> dict[str, Any]:
    return dict(vendor.sent("POST", OPEN)[-1])


# --- opening ----------------------------------------------------------------------------------


def test_a_chat_is_opened_with_all_that_is_known(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    opened = adapter.open(make_open_request(), journal(clock))
    body = opened_body(vendor)
    assert body["app_id"] == SETTINGS["app_id"]
    assert body["department_id"] == SETTINGS["department_id"]
    assert body["custom_wait_time"] == 240
    assert body["question"] == (
        "Broken lamp\n\nThe lamp of order 4711 arrived broken.\n\n[conv_00000000000000000000000001]"
    )
    assert body["customer_info"] == {"bridge_ref": "conv_00000000000000000000000001"}
    assert body["visitor"] == {
        "user_id": "user_0000000000000000000000ana",
        "name": "Ana Silva",
        "email": "ana@customer.test",
        "phone": "+351912345678",
    }
    assert body["past_messages"][1] == {
        "sender_type": "bot",
        "sender_name": "Helper",
        "time": int(START.timestamp() * 1000) - 60_000,
        "text": "I can't help with that.",
    }
    chat = vendor.chats[opened.remote_id]
    assert opened.state == {
        "conversation_id": opened.remote_id,
        "visitor_conversation_id": chat["hash"],
        "wms_chat_id": chat["chat_id"],
        "chat_id": "9f1c",
        "reference_id": chat["reference_id"],
    }
    assert all(isinstance(value, str) for value in opened.state.values())


def test_ids_may_be_numbers(adapter: Zoho, vendor: ZohoDouble, clock: Clock) -> None:
    data = {"id": "d2e4", "conversation_id": 633812301, "reference_id": 151}
    vendor.reply_once("POST", OPEN, (200, {"data": data}))
    opened = adapter.open(make_open_request(transcript=()), journal(clock))
    assert opened.remote_id == "633812301"
    assert opened.state["reference_id"] == "151"
    vendor.reply_once("POST", OPEN, (200, {"data": [{"id": "633812302"}]}))
    opened = adapter.open(make_open_request(transcript=()), journal(clock))
    assert opened.remote_id == "633812302", "version 2 calls the number `id`"


def test_the_bot_chooses_department_wait_and_customer_info(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    session = {"departmentId": 633802025, "waitTime": 60, "customerInfo": {"Order": 4711}}
    adapter.open(make_open_request(session=session), journal(clock))
    body = opened_body(vendor)
    assert body["department_id"] == "633802025"
    assert body["custom_wait_time"] == 60
    assert body["customer_info"]["Order"] == "4711"


@pytest.mark.parametrize(
    ("session", "field"),
    [
        ({"departmentId": "1"}, "departmentId"),
        ({"departmentId": ["633802024"]}, "departmentId"),
        ({"waitTime": 0}, "waitTime"),
        ({"waitTime": 1000}, "waitTime"),
        ({"waitTime": True}, "waitTime"),
        ({"waitTime": "soon"}, "waitTime"),
        ({"customerInfo": []}, "customerInfo"),
        ({"customerInfo": {"a": {}}}, "customerInfo"),
        ({"priority": "high"}, "priority"),
    ],
)
def test_anything_else_in_a_session_is_a_clear_error(
    session: dict[str, Any], field: str, adapter: Zoho
) -> None:
    [problem] = adapter.validate_session(session)
    assert problem.field == f"hitlSession.{field}"
    assert problem.message


def test_without_departments_none_can_be_chosen(clock: Clock, http: FaultyHttp) -> None:
    zoho = make_zoho(http, clock, settings={"data_center": "us", "screen_name": "acme"})
    [problem] = zoho.validate_session({"departmentId": "633802024"})
    assert "none is allowed" in problem.message
    with pytest.raises(Misconfigured) as caught:
        zoho.open(make_open_request(), journal(clock))
    assert caught.value.field == "app_id"


@pytest.mark.parametrize("code", [1007, 1011, 1015])
@pytest.mark.parametrize("where", ["json_key", "param", "message"])
def test_where_history_is_refused_it_is_sent_as_a_message(
    code: int, where: str, adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    vendor.reply_once("POST", OPEN, error(code, 200, **{where: "past_messages"}))
    opened = adapter.open(make_open_request(), journal(clock))
    assert "past_messages" not in opened_body(vendor)
    shown = vendor.shown(opened.remote_id)
    assert len(shown) == 2
    assert "Ana Silva: My lamp is broken" in shown[1]
    assert "Helper: I can't help with that." in shown[1]


def test_another_refused_field_is_not_blamed_on_the_history(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    vendor.reply_once("POST", OPEN, error(1011, json_key="visitor.phone"))
    with pytest.raises(Permanent):
        adapter.open(make_open_request(), journal(clock))
    assert len(vendor.sent("POST", OPEN)) == 1


@pytest.mark.parametrize("step", ["conversation", "conversation-plain", "opening-0", "opening-1"])
def test_a_crash_on_the_way_round_still_makes_one_chat(
    step: str, adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    vendor.reply_once("POST", OPEN, error(1011, json_key="past_messages"))
    if step == "conversation":  # nothing remembered: it is refused once more
        vendor.reply_once("POST", OPEN, error(1011, json_key="past_messages"))
    request = make_open_request(transcript=(make_line("word " * 600),))
    attempt = FakeJournal(clock, crash_after=step)
    opened = persist(lambda: adapter.open(request, attempt), clock)
    assert vendor.tickets() == [opened.remote_id]
    assert (
        sum("Conversation with the chatbot" in text for text in vendor.shown(opened.remote_id)) == 1
    )
    assert len(vendor.shown(opened.remote_id)) == 3


def test_a_long_description_follows_the_question(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    words = "\n".join(f"line {number:04}" for number in range(500))
    opened = adapter.open(make_open_request(description=words), journal(clock))
    assert len(opened_body(vendor)["question"]) <= 2000
    assert "[conv_00000000000000000000000001]" in opened_body(vendor)["question"]
    said = [one["message"]["text"] for one in vendor.chats[opened.remote_id]["messages"]]
    assert all(len(text) <= 2000 for text in said)
    assert "line 0499" in said[-1]


def test_long_lines_of_the_history_are_split(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    lines = (make_line("a " * 3000), make_line("", media_url=FILE), make_line("Hi", "bot"))
    adapter.open(make_open_request(transcript=lines), journal(clock))
    past = opened_body(vendor)["past_messages"]
    assert [len(one["text"]) <= 2000 for one in past] == [True] * 5
    assert past[3]["text"] == FILE
    assert sorted(one["time"] for one in past) == [one["time"] for one in past]


def test_who_has_nothing_to_say_still_asks(adapter: Zoho, vendor: ZohoDouble, clock: Clock) -> None:
    bare = {"title": "", "description": ""}
    adapter.open(make_open_request(**bare), journal(clock, "one"))
    assert opened_body(vendor)["question"].startswith("Then a human please\n")
    adapter.open(make_open_request(**bare, transcript=()), journal(clock, "two"))
    assert opened_body(vendor)["question"].startswith("I would like to talk to someone.")
    assert "past_messages" not in opened_body(vendor)


def test_an_opening_without_an_answer_is_looked_up_by_our_reference(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock, http: FaultyHttp
) -> None:
    for number in range(150):  # others opened theirs meanwhile
        adapter.open(
            make_open_request(conversation_id=f"conv_other{number}", transcript=()),
            journal(clock, f"other{number}"),
        )
    attempt = journal(clock)
    http.lose_next_answer()
    with pytest.raises(OutcomeUnknown):
        adapter.open(make_open_request(), attempt)
    opened = persist(lambda: adapter.open(make_open_request(), attempt), clock)
    assert opened.remote_id == vendor.tickets()[-1]
    assert len(vendor.tickets()) == 151
    query = vendor.sent("GET", "/v2/conversations")[0]
    assert query["app_id"] == SETTINGS["app_id"]
    assert query["department_id"] == SETTINGS["department_id"]
    assert query["email"] == "ana@customer.test"
    assert query["limit"] == "99"


def test_an_opening_that_never_arrived_is_repeated_when_the_list_can_not_lag(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    attempt = journal(clock)
    vendor.reply_once("POST", OPEN, error(1001))
    with pytest.raises(OutcomeUnknown):
        adapter.open(make_open_request(), attempt)
    with pytest.raises(Retry):
        adapter.open(make_open_request(), attempt)
    assert vendor.tickets() == []
    later(clock, seconds=61)
    opened = adapter.open(make_open_request(), attempt)
    assert vendor.tickets() == [opened.remote_id]


def test_where_chats_may_not_be_listed_the_handoff_does_not_wait_forever(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    attempt = journal(clock)
    vendor.reply_once("POST", OPEN, error(1001))
    vendor.user_only = "/v2/conversations"
    with pytest.raises(OutcomeUnknown):
        adapter.open(make_open_request(), attempt)
    assert adapter.open(make_open_request(), attempt).remote_id


def test_a_missing_conversation_id_is_taken_from_the_list(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    vendor.answers_without_ids = True
    vendor.reply_once("GET", "/v2/conversations", (200, {"data": []}))
    attempt = journal(clock)
    with pytest.raises(Retry):
        adapter.open(make_open_request(), attempt)
    opened = adapter.open(make_open_request(), attempt)
    assert vendor.tickets() == [opened.remote_id]
    assert opened.state["wms_chat_id"] == vendor.chats[opened.remote_id]["chat_id"]
    vendor.reply_once("POST", OPEN, (200, {}))
    later(clock, hours=2)
    with pytest.raises(Permanent):
        adapter.open(make_open_request(conversation_id="conv_lost"), journal(clock, "never told"))


# --- speaking ---------------------------------------------------------------------------------


def test_a_file_goes_as_a_file_with_its_title(
    adapter: Zoho,
    vendor: ZohoDouble,
    ticket: Ticket,
    clock: Clock,
    mocked: responses.RequestsMock,
) -> None:
    mocked.add("GET", FILE, body=b"%PDF", content_type="application/pdf")
    payload = {"fileUrl": FILE, "title": "Invoice"}
    sent = adapter.send(ticket, make_message("file", payload), journal(clock, "one"))
    assert vendor.sent("POST", SAY) == [{"file": ("invoice.pdf", b"%PDF"), "comment": "Invoice"}]
    assert sent.remote_ids == (vendor.chats[ticket.remote_id]["messages"][-1]["id"],)
    message = make_message("file", {"fileUrl": FILE}, author="bot", author_name="Helper")
    adapter.send(ticket, message, journal(clock, "two"))
    assert vendor.sent("POST", SAY)[-1]["comment"] == "Helper (bot)"


def test_a_file_whose_answer_was_lost_is_found(
    adapter: Zoho,
    vendor: ZohoDouble,
    ticket: Ticket,
    clock: Clock,
    http: FaultyHttp,
    mocked: responses.RequestsMock,
) -> None:
    mocked.add("GET", FILE, body=b"%PDF")
    attempt = journal(clock)
    http.lose_next_answer()
    message = make_message("file", {"fileUrl": FILE})
    with pytest.raises(OutcomeUnknown):
        adapter.send(ticket, message, attempt)
    assert adapter.send(ticket, message, attempt).remote_ids
    assert len(vendor.sent("POST", SAY)) == 1


def test_our_own_rate_limit_makes_no_link_of_a_file(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock, http: FaultyHttp
) -> None:
    def full() -> None:
        raise RateLimited(retry_after=1)

    http._before_request = full
    with pytest.raises(RateLimited):
        adapter.send(ticket, make_message("file", {"fileUrl": FILE}), journal(clock))


def test_a_text_that_was_said_before_is_not_taken_for_this_one(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    first = adapter.send(ticket, make_message(), journal(clock, "one"))
    again = replace(ticket, known_ids=frozenset(first.remote_ids))
    attempt = journal(clock, "two")
    vendor.reply_once("POST", SAY, error(1001))
    with pytest.raises(OutcomeUnknown):
        adapter.send(again, make_message(), attempt)
    second = adapter.send(again, make_message(), attempt)
    assert set(first.remote_ids).isdisjoint(second.remote_ids)
    assert len(vendor.shown(ticket.remote_id)) == 3 + 3


def test_an_agents_words_are_never_taken_for_ours(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    attempt = journal(clock)
    vendor.reply_once("POST", SAY, error(1001))
    with pytest.raises(OutcomeUnknown):
        adapter.send(ticket, make_message(), attempt)
    vendor.say(ticket.remote_id, {"id": "633801", "name": "Pat"}, "Hello, is anybody there?")
    adapter.send(ticket, make_message(), attempt)
    assert len(vendor.sent("POST", SAY)) == 2


def test_where_messages_may_not_be_listed_a_doubtful_one_is_repeated_and_shown(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.user_only = "/v2/.*"
    attempt = journal(clock)
    vendor.reply_once("POST", SAY, error(1001))
    with pytest.raises(OutcomeUnknown):
        adapter.send(ticket, make_message(), attempt)
    assert adapter.send(ticket, make_message(), attempt).remote_ids
    assert attempt.repeated_in_doubt == attempt.searched != []


# --- closing ----------------------------------------------------------------------------------


def test_closing_says_why_and_closes(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    adapter.close(ticket, "The customer left.", journal(clock))
    assert vendor.closed(ticket.remote_id)
    assert vendor.shown(ticket.remote_id)[-1] == "Bridge (bot): The customer left."
    assert vendor.sent("PUT", CLOSE) == [{}]


def test_the_users_token_closes_where_the_organizations_may_not(
    with_user_token: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.user_only = CLOSE
    with_user_token.close(ticket, "", journal(clock))
    assert vendor.closed(ticket.remote_id)
    assert vendor.tokens[-2:] == ["token-1", "user-token-1"]


@pytest.mark.parametrize("code", [1009, 1016, 1020])
def test_a_refused_close_is_shown_and_pauses_nothing(
    code: int, adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.reply_once("PUT", CLOSE, error(code))
    with pytest.raises(Permanent, match="an agent must close it"):
        adapter.close(ticket, "", journal(clock))
    vendor.user_only = "/v2/.*"
    with pytest.raises(Permanent):
        adapter.close(ticket, "", journal(clock, "two"))


@pytest.mark.parametrize("refusal", [1015, 1016, 1018])
def test_a_chat_that_takes_no_words_is_still_closed(
    refusal: int, adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.reply_once("POST", SAY, error(refusal))
    adapter.close(ticket, "", journal(clock))
    assert vendor.closed(ticket.remote_id)
    adapter.close(ticket, "", journal(clock, "two"))
    other = make_ticket(adapter.open(make_open_request(), journal(clock, "other")))
    vendor.reply_once("PUT", CLOSE, error(1031))
    with pytest.raises(Permanent):
        adapter.close(other, "", journal(clock, "three"))


# --- the account ------------------------------------------------------------------------------


def test_the_account_is_shown_with_what_works(
    adapter: Zoho, with_user_token: Zoho, vendor: ZohoDouble
) -> None:
    account = adapter.check()
    assert account.name == "Acme (acme)"
    assert account.id == ""
    assert account.details["Department"] == "Support"
    assert account.details["Reads chats"] == "yes"
    vendor.user_only = "/v2/conversations"
    assert "user-level" in adapter.check().details["Reads chats"]
    assert with_user_token.check().details["Reads chats"] == "yes"
    vendor.reply_once("GET", "/v2/conversations", error(1001))
    assert adapter.check().details["Reads chats"].startswith("not known")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"app_id": ""}, "app_id"),
        ({"app_id": "1"}, "app_id"),
        ({"department_id": ""}, "department_id"),
        ({"department_id": "1"}, "department_id"),
        ({"allowed_departments": "1"}, "department_id"),
    ],
)
def test_a_brand_or_department_that_is_not_there_is_named(
    change: dict[str, str], field: str, vendor: ZohoDouble, clock: Clock, http: FaultyHttp
) -> None:
    with pytest.raises(Misconfigured) as caught:
        make_zoho(http, clock, settings={**SETTINGS, **change}).check()
    assert caught.value.field == field


def test_departments_that_are_not_listed_are_believed(adapter: Zoho, vendor: ZohoDouble) -> None:
    for answer in (error(1009), error(1006, 404), (404, "")):
        vendor.reply_once("GET", "/v2/departments", answer)
        assert adapter.check().details["Department"] == SETTINGS["department_id"]


def test_pickers_list_brands_and_departments(adapter: Zoho) -> None:
    assert [one.label for one in adapter.options("app_id")] == ["Acme"]
    departments = adapter.options("department_id")
    assert departments == adapter.options("allowed_departments")
    assert ("633802025", "Sales") in [(one.value, one.label) for one in departments]
    with pytest.raises(Misconfigured):
        adapter.options("nonsense")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("screen_name", "https://salesiq.zoho.com/acme"),
        ("app_id", "abc"),
        ("department_id", "Support"),
        ("allowed_departments", "1, two"),
        ("org_id", "x"),
        ("wait_time", "0"),
        ("wait_time", "1000"),
        ("data_center", "ae"),
    ],
)
def test_wrong_values_are_named(name: str, value: str) -> None:
    credentials = {"client_id": "a", "client_secret": "b"}
    [problem] = Zoho.validate({**SETTINGS, name: value}, credentials)
    assert problem.field == name
    [problem] = Zoho.validate(SETTINGS, {**credentials, "webhook_public_key": "x"})
    assert problem.field == "webhook_public_key"


def test_no_secret_and_no_text_is_logged(
    adapter: Zoho,
    vendor: ZohoDouble,
    ticket: Ticket,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", logger="providers")
    vendor.reply_once("POST", SAY, error(1027))
    with pytest.raises(Permanent):
        adapter.send(ticket, make_message(), journal(clock))
    adapter.close(ticket, "private words", journal(clock, "two"))
    told = json.dumps([record.getMessage() for record in caplog.records])
    for hidden in ("token-1", "anybody there", "private words", "s3cr3t"):
        assert hidden not in told


def test_a_person_without_anything_is_somebody_of_their_own(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    for id_ in ("user_1", "user_2"):
        person = make_person(id=id_, name="", email="", phone="")
        adapter.open(make_open_request(person=person), journal(clock, id_))
    visitors = [body["visitor"] for body in vendor.sent("POST", OPEN)]
    assert visitors == [
        {"user_id": "user_1", "name": "Customer"},
        {"user_id": "user_2", "name": "Customer"},
    ]
