"""Opening, speaking, reading, closing."""

import time

import pytest

from sandbox.control import file
from tests.sandbox.conftest import wait_until
from tests.sandbox.zoho.conftest import Siq, code


def test_opening_answers_with_all_ids_as_texts(siq: Siq):
    opened = siq.open()
    assert opened["conversation_id"].isdigit()
    assert not opened["id"].isdigit()
    assert opened["wms_chat_id"].startswith("LD_")
    assert opened["chat_status"] | {"state_key": "waiting", "state": 1} == opened["chat_status"]
    assert opened["visitor"]["user_id"] == "t7:wa:5519"
    read = siq.get(f"/conversations/{opened['conversation_id']}")
    assert (read["id"], read["chat_id"]) == (opened["conversation_id"], opened["wms_chat_id"])


@pytest.mark.parametrize(
    ("change", "expected", "key"),
    [
        ({"app_id": ""}, 1011, "app_id"),
        ({"app_id": "1"}, 1019, "app_id"),
        ({"department_id": "1"}, 1025, "department_id"),
        ({"question": ""}, 1011, "question"),
        ({"visitor": {"name": "Ana"}}, 1011, "visitor.user_id"),
        ({"custom_wait_time": 1000}, 1011, "custom_wait_time"),
        ({"past_messages": [{"text": "x"}]}, 1011, "past_messages"),
    ],
)
def test_a_field_that_is_wrong_is_named(siq: Siq, change, expected, key):
    answer = siq.visitor("/conversations", siq.opening(**change))
    assert code(answer) == (200, expected)
    assert answer.json()["error"]["json_key"] == key


def test_the_agent_sees_what_was_said_before(siq: Siq):
    past = [
        {"sender_type": "visitor", "sender_name": "Ana", "time": 1764000000000, "text": "Hi"},
        {"sender_type": "bot", "sender_name": "Pixel", "time": 1764000001000, "text": "Hello"},
    ]
    opened = siq.open(past_messages=past)
    parts = siq.account.ticket(opened["conversation_id"])["parts"]
    assert [(p["author"]["kind"], p["text"]) for p in parts] == [
        ("contact", "Hi"),
        ("bot", "Hello"),
        ("contact", "Need help"),
    ]


def test_an_account_may_not_know_past_messages(siq: Siq):
    siq.account.update(settings={"past_messages": False})
    answer = siq.visitor("/conversations", siq.opening(past_messages=[]))
    assert code(answer) == (200, 1015)
    assert answer.json()["error"]["json_key"] == "past_messages"


def test_the_second_opening_of_a_visitor_is_another_conversation(siq: Siq):
    assert siq.open()["conversation_id"] != siq.open()["conversation_id"]
    assert len(siq.account.contacts()) == 1


def test_a_visitor_speaks_with_text_and_file(siq: Siq):
    chat = f"/conversations/{siq.open()['conversation_id']}"
    assert "error" not in siq.visitor(f"{chat}/messages", {"text": "One more"}).json()
    upload = {"file": ("a.pdf", b"%PDF-", "application/pdf")}
    siq.visitor(f"{chat}/messages", files=upload, data={"comment": "The bill"})
    first, text, paper = siq.get(f"{chat}/messages")
    assert (first["message"]["text"], first["sender"]["id"][0]) == ("Need help", "$")
    assert text["message"] == {"text": "One more"}
    assert paper["message"]["text"] == "The bill"
    number = paper["message"]["attachment"]["id"]
    got = siq.v2("GET", f"{chat}/attachments/{number}")
    assert (got.content, got.headers["Content-Type"]) == (b"%PDF-", "application/pdf")
    assert code(siq.v2("GET", f"{chat}/attachments/1")) == (200, 1019)
    assert code(siq.visitor(f"{chat}/messages", {"text": " "})) == (200, 1018)


def test_a_file_of_more_than_50_mb_is_too_big(siq: Siq):
    chat = f"/conversations/{siq.open()['conversation_id']}"
    big = {"file": ("a.bin", b"0" * (50 * 1024 * 1024 + 1), "application/octet-stream")}
    assert code(siq.visitor(f"{chat}/messages", files=big)) == (200, 1027)


def test_messages_come_by_time_and_newest_first_with_to_time_alone(siq: Siq):
    number = siq.open()["conversation_id"]
    for index in range(22):
        siq.account.act(number, "reply", agent="Rui", text=str(index))
        time.sleep(0.002)
    path = f"/conversations/{number}/messages"
    assert len(siq.get(path)) == 20
    assert siq.get(path, limit=99)[-1]["message"]["text"] == "21"
    newest = siq.get(path, to_time=int(time.time() * 1000), limit=2)
    assert [m["message"]["text"] for m in newest] == ["21", "20"]
    older = siq.get(path, to_time=int(newest[1]["time"]) - 1, limit=1)
    assert older[0]["message"]["text"] == "19"
    assert len(siq.get(path, from_time=newest[1]["time"])) == 2
    assert len({m["id"] for m in siq.get(path, limit=99)}) == 23


def test_an_operators_file_is_a_message_of_its_own_and_a_note_is_none(siq: Siq):
    number = siq.open()["conversation_id"]
    picture = file("p.png", b"\x89PNG", inline=True)
    siq.account.act(number, "reply", agent="Rui", text="See", files=[picture])
    siq.account.act(number, "note", agent="Rui", text="psst")
    _, words, paper = siq.get(f"/conversations/{number}/messages")
    assert words["message"] == {"text": "See"}
    assert set(paper["message"]) == {"attachment"}
    assert paper["sender"] == {"id": "633800003801", "name": "Rui Costa"}


def test_the_list_is_searched_by_department_email_and_time(siq: Siq):
    number = siq.open()["conversation_id"]
    assert [c["id"] for c in siq.get("/conversations", email="ana@x.test")] == [number]
    assert siq.get("/conversations", email="else@x.test") == []
    assert siq.get("/conversations", department_id="633800002025") == []
    assert siq.get("/conversations", from_time=int(time.time() * 1000) + 1000) == []
    assert siq.get("/conversations", page=2) == []
    assert code(siq.v2("GET", "/conversations?limit=100")) == (200, 1010)
    siq.account.update(settings={"search_lag": 60})
    assert siq.get("/conversations") == []


def test_a_chat_is_picked_up_transferred_and_closed(siq: Siq):
    number = siq.open()["conversation_id"]
    siq.account.act(number, "accept", agent="Rui")
    read = siq.get(f"/conversations/{number}")
    assert (read["chat_status"]["state_key"], read["owner"]["name"]) == ("connected", "Rui Costa")
    path = f"/conversations/{number}/transfer"
    assert code(siq.v2("PUT", path, {"department_id": "1"})) == (200, 1025)
    to = {"department_id": "633800002025", "operator_id": "633800003802", "note": "x"}
    moved = siq.v2("PUT", path, to).json()["data"]
    assert (moved["owner"]["name"], moved["department"]["name"]) == ("Maya Lindqvist", "Billing")
    assert code(siq.v2("POST", f"/conversations/{number}/close")) == (200, 1004)
    closed = siq.v2("PUT", f"/conversations/{number}/close").json()["data"]["chat_status"]
    assert (closed["state"], closed["status_code"]) == (4, 2)
    assert code(siq.visitor(f"/conversations/{number}/messages", {"text": "x"})) == (200, 1019)


def test_a_visitor_leaves_by_the_hash(siq: Siq):
    opened = siq.open()
    path = f"/visitor/v2/{{s}}/conversations/{opened['id']}/close"
    assert "data" in siq.call("PUT", path).json()
    read = siq.get(f"/conversations/{opened['conversation_id']}")
    assert (read["ended_by"], read["chat_status"]["state"]) == ("visitor", 4)


def test_a_chat_that_nobody_answers_is_missed(siq: Siq):
    number = siq.open(custom_wait_time=1)["conversation_id"]
    attended = siq.open(custom_wait_time=1)["conversation_id"]
    siq.account.act(attended, "accept", agent="Rui")
    read = wait_until(lambda: _missed(siq, number))
    assert read["missed_time"]
    assert siq.get(f"/conversations/{attended}")["chat_status"]["state_key"] == "connected"


def _missed(siq: Siq, number: str):
    read = siq.get(f"/conversations/{number}")
    return read if read["chat_status"]["state_key"] == "missed" else None


def test_brands_departments_and_operators_are_listed(siq: Siq):
    (brand,) = siq.get("/apps")
    assert (brand["id"], brand["waiting_time"]) == (siq.own["app_id"], "60")
    assert [d["name"] for d in siq.get("/departments")] == ["Support", "Billing"]
    siq.account.agent("633800003802", away=True)
    assert [o["status_code"] for o in siq.get("/operators")] == [1, 3, 1]
    assert siq.get("/operators/633800003801")["email_id"] == "rui@acme.test"
    assert siq.get("/departments/633800002024")["name"] == "Support"
    assert siq.get(f"/apps/{brand['id']}") == brand
