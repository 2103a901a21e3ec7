"""Webhooks: made by API, signed, retried, and those that failed."""

import base64
import time
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from sandbox.control import file
from tests.sandbox.conftest import Listener, Received, wait_until
from tests.sandbox.zoho.conftest import Siq, code


def verified(request: Received, key: Any) -> bool:
    signature = base64.b64decode(request.headers["x-siqsignature"])
    try:
        key.verify(signature, request.body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def make_key(siq: Siq, hook: str) -> Any:
    answer = siq.v2("POST", f"/webhooks/{hook}/keys").json()["data"]
    return load_der_public_key(base64.b64decode(answer["public_keys"][-1]["key"]))


@pytest.fixture
def hook(siq: Siq, listener: Listener) -> str:
    answer = siq.webhook(f"{listener.url}/hook").json()
    return str(answer["data"]["id"])


@pytest.fixture
def ticket(siq: Siq, hook: str) -> str:
    return str(siq.open()["conversation_id"])


def events(listener: Listener) -> list[str]:
    return [post.json["event"].removeprefix("conversation.") for post in listener.posts()]


def test_making_one_asks_the_address_with_head(siq: Siq, hook, listener: Listener):
    assert [r.method for r in listener.received] == ["HEAD"]
    (listed,) = siq.get("/webhooks")
    assert (listed["id"], listed["url"]) == (hook, f"{listener.url}/hook")


def test_an_address_that_does_not_answer_with_200_is_refused(siq: Siq, listener: Listener):
    listener.answer = lambda request: (204, {})
    assert code(siq.webhook(f"{listener.url}/hook")) == (200, 1031)
    assert siq.get("/webhooks") == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"url": "http://bridge.example.test/"}, "url"),
        ({"url": "https://bridge.example.test:8443/"}, "url"),
        ({"type": "else"}, "type"),
        ({"events": ["conversation.ended"]}, "events"),
        ({"app_ids": ["1"]}, "app_ids"),
        ({"expiry_time_for_executions_data": 1000}, "expiry_time_for_executions_data"),
    ],
)
def test_a_wrong_field_is_named(siq: Siq, listener: Listener, change, key):
    answer = siq.webhook(**{"url": listener.url, **change})
    assert code(answer) == (200, 1011)
    assert answer.json()["error"]["json_key"] == key


def test_it_signs_once_there_is_a_key(siq: Siq, hook, ticket, listener: Listener):
    siq.account.act(ticket, "accept", agent="Rui")
    wait_until(listener.posts)
    assert "x-siqsignature" not in listener.posts()[0].headers
    key = make_key(siq, hook)
    siq.account.act(ticket, "reply", agent="Rui", text="Olá 👋")
    wait_until(lambda: len(listener.posts()) == 2)
    assert verified(listener.posts()[1], key)


def test_the_oldest_of_two_keys_signs(siq: Siq, hook, ticket, listener: Listener):
    old, new = make_key(siq, hook), make_key(siq, hook)
    assert code(siq.v2("POST", f"/webhooks/{hook}/keys")) == (200, 1054)
    siq.account.act(ticket, "accept", agent="Rui")
    wait_until(listener.posts)
    assert verified(listener.posts()[0], old)
    first = siq.get(f"/webhooks/{hook}")["public_keys"][0]
    assert first["key"] == ""  # told only once
    siq.v2("DELETE", f"/webhooks/{hook}/keys/{first['id']}")
    siq.account.act(ticket, "close", agent="Rui")
    wait_until(lambda: len(listener.posts()) == 2)
    assert verified(listener.posts()[1], new)


def test_a_key_may_come_as_pem(siq: Siq, hook):
    siq.account.update(settings={"key_format": "pem"})
    answer = siq.v2("POST", f"/webhooks/{hook}/keys").json()["data"]
    load_pem_public_key(answer["public_keys"][0]["key"].encode())


def test_the_envelope_is_as_documented(siq: Siq, hook, ticket, listener: Listener):
    siq.account.act(ticket, "accept", agent="Rui")
    body = wait_until(listener.posts)[0].json
    assert (
        body
        | {
            "webhook": {"id": hook},
            "org_id": siq.own["org_id"],
            "app_id": siq.own["app_id"],
            "entity_type": "conversation",
            "event": "conversation.attender.updated",
            "entity_id": ticket,
            "attempt": 1,
            "version": 1,
        }
        == body
    )
    assert len(body["event_time"]) == 13
    entity = body["entity"]
    assert entity["owner"] == {
        "id": "633800003801",
        "name": "Rui Costa",
        "type": "operator",
        "email_id": "rui@acme.test",
        "email": "rui@acme.test",
    }
    assert entity["visitor"]["email_id"] == "ana@x.test"
    read = siq.get(f"/conversations/{ticket}")
    assert read["attended_time"] == body["event_time"]


def test_each_action_has_its_events(siq: Siq, ticket, listener: Listener):
    act = siq.account.act
    act(ticket, "bot_reply", text="I am Zobot")
    act(ticket, "reply", agent="Rui", text="Hi")  # who answers picks the chat up
    act(ticket, "note", agent="Rui", text="psst")
    act(ticket, "customer_reply", text="echo")  # not subscribed
    act(ticket, "assign_team", agent="Rui", to="Billing")
    act(ticket, "accept", agent="Maya")
    act(ticket, "assign", agent="Maya", to="Tom")
    act(ticket, "close", agent="Tom", text="Bye")
    expected = [
        "operator.replied",
        "attender.updated",
        "operator.replied",
        "transfer.initiated",
        "transfer.accepted",
        "attender.updated",
        "transfer.initiated",
        "transfer.accepted",
        "attender.updated",
        "operator.replied",
        "completed",
    ]
    wait_until(lambda: len(listener.posts()) == len(expected))
    assert events(listener) == expected
    bodies = [post.json["entity"] for post in listener.posts()]
    assert [b["message"]["sender"]["type"] for b in bodies if "message" in b] == [
        "bot",
        "operator",
        "operator",
    ]
    assert bodies[3]["transfer"]["to"]["department"]["name"] == "Billing"
    assert bodies[4]["accepted_by"]["name"] == "Maya Lindqvist"
    assert (bodies[-1]["ended_by"], bodies[-2]["message"]["text"]) == ("agent", "Bye")


def test_messages_have_the_ids_of_the_transcript_and_files_no_text(
    siq: Siq, ticket, listener: Listener
):
    paper = file("a.pdf", b"%PDF-")
    siq.account.act(ticket, "reply", agent="Rui", text="See", files=[paper])
    wait_until(lambda: len(listener.posts()) == 3)
    told = [p.json["entity"]["message"] for p in listener.posts()[1:]]
    listed = siq.get(f"/conversations/{ticket}/messages")[1:]
    assert [m["msgid"] for m in told] == [m["id"] for m in listed]
    assert ["text" in m for m in told] == [True, False]


def test_a_deleted_message_is_told(siq: Siq, ticket, listener: Listener):
    said = siq.account.act(ticket, "reply", agent="Rui", text="Oops")
    siq.account.act(ticket, "redact", part=said["id"])
    wait_until(lambda: len(listener.posts()) == 3)
    last = listener.posts()[-1].json
    assert last["event"] == "conversation.message.deleted"
    assert last["entity"]["message"]["msgid"] == said["id"]
    assert siq.get(f"/conversations/{ticket}/messages")[-1]["is_deleted"] is True


def test_a_missed_chat_is_told(siq: Siq, hook, listener: Listener):
    siq.open(custom_wait_time=1)
    post = wait_until(listener.posts)[0].json
    assert post["event"] == "conversation.missed"
    assert post["entity"]["missed_time"] == post["event_time"]


def test_it_is_tried_four_times_and_then_listed_as_failed(
    siq: Siq, hook, ticket, listener: Listener
):
    listener.answer = lambda request: (302, {})
    siq.account.act(ticket, "reply", agent="Rui", text="Hi")
    path = f"/webhooks/{hook}/executions"
    failed = wait_until(lambda: siq.get(path) if len(siq.get(path)) == 2 else None)
    told = [post.json for post in listener.posts()]
    assert sorted(t["attempt"] for t in told) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert failed[1]["event"] == "conversation.operator.replied"
    payload = failed[1]["payload"]
    assert payload["message"]["sender"] == {"id": "633800003801", "name": "Rui Costa"}
    assert (payload["id"], len(payload["event_time"])) == (ticket, 13)
    only = siq.get(path, events="conversation.attender.updated")
    assert [e["id"] for e in only] == [failed[0]["id"]]
    assert code(siq.v2("GET", f"{path}?limit=3")) == (200, 1010)


def test_a_failed_one_is_sent_once_more_on_request(siq: Siq, hook, ticket, listener: Listener):
    siq.account.update(settings={"retry_delays": []})
    listener.answer = lambda request: (500, {})
    siq.account.act(ticket, "accept", agent="Rui")
    path = f"/webhooks/{hook}/executions"
    (failed,) = wait_until(lambda: siq.get(path))
    listener.answer = lambda request: (200, {})
    assert siq.v2("POST", path, {"ids": [failed["id"]]}).json()["data"] == {"skipped": []}
    wait_until(lambda: len(listener.posts()) == 2)
    wait_until(lambda: siq.get(path) == [])


def test_a_lost_one_was_never_tried_so_it_is_not_listed(siq: Siq, hook, ticket):
    siq.account.fault("webhook_lost", path="attender", count=1)
    siq.account.act(ticket, "accept", agent="Rui")
    assert siq.get(f"/webhooks/{hook}/executions") == []


def test_nothing_is_sent_to_a_deleted_one(siq: Siq, hook, ticket, listener: Listener):
    assert "data" in siq.v2("DELETE", f"/webhooks/{hook}").json()
    siq.account.act(ticket, "accept", agent="Rui")
    time.sleep(0.5)
    assert not listener.posts()
    assert code(siq.v2("DELETE", f"/webhooks/{hook}")) == (200, 1019)


def test_one_that_was_made_by_hand_has_its_key_in_the_credentials(siq: Siq, listener: Listener):
    siq.account.update(webhook_url=f"{listener.url}/by-hand")
    siq.open()
    key = load_der_public_key(base64.b64decode(siq.own["webhook_public_key"]))
    post = wait_until(listener.posts)[0]
    assert post.json["event"] == "conversation.created"
    assert verified(post, key)


def test_resetting_keeps_the_webhook(siq: Siq, hook):
    siq.account.reset()
    assert len(siq.get("/webhooks")) == 1
