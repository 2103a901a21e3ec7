"""What HubSpot tells: the channel of agents' messages, the app of everything."""

import hashlib
import hmac
import json
import threading
from base64 import b64encode
from typing import Any

import pytest

from sandbox.control import file
from sandbox.vendors.hubspot.signature import signature_v1, signature_v3
from tests.sandbox.conftest import Listener, Received, wait_until
from tests.sandbox.hubspot.conftest import CV, Link, descriptions

SECRET = "hitl-test-client-secret-0001"
URL = "https://bridge.example.com/hubspot/hooks/7f3a"
BODY = (
    '{"type":"OUTGOING_CHANNEL_MESSAGE_CREATED","portalId":"4242","channelId":"1001",'
    '"message":{"id":"m-1","text":"Grüß dich ✓"}}'
).encode()


def test_signatures_are_those_of_the_published_vectors():
    stamp = "1767225600000"
    assert len(BODY) == 128
    v1 = "7c0f40e96ce42b35395e24220c86ede83180f5c6d874d62a543d0ae5eb5202c8"
    assert signature_v1(SECRET, BODY) == v1
    v3 = "Y4/KA80ppIin9iLzncDdUjUNH/ea7t7AoShrQFP8IEQ="
    assert signature_v3(SECRET, URL, BODY, stamp) == v3
    query = "?src=hs%3Aapp%2Fv3&x=%28a%29&y=a%20b%26c"
    v3 = "0/0AEKLtlZE+83O2lGP0pjgTAqYahsObZ5hWDEk78+A="
    assert signature_v3(SECRET, URL + query, b"[]", stamp) == v3


@pytest.fixture
def thread(link: Link, listener: Listener) -> str:
    link.api.account.update(webhook_url=f"{listener.url}/app")
    return str(link.say()["conversationsThreadId"])


def spoken(listener: Listener) -> list[Received]:
    return [
        post
        for post in listener.posts("/channel")
        if post.json["type"] == "OUTGOING_CHANNEL_MESSAGE_CREATED"
    ]


def events(listener: Listener) -> list[dict[str, Any]]:
    """All events that the app was told, in the order in which they happened."""
    found = [event for post in listener.posts("/app") for event in json.loads(post.body)]
    return sorted(found, key=lambda event: event["occurredAt"])


def changes(listener: Listener) -> list[tuple[str, str]]:
    return [
        (event["propertyName"], event["propertyValue"])
        for event in events(listener)
        if event["subscriptionType"] == "conversation.propertyChange"
    ]


def test_an_agents_message_goes_to_the_channel_as_one_object(
    link: Link, listener: Listener, thread: str
):
    files = [file("a.png", b"png", inline=True)]
    link.api.account.act(thread, "reply", agent="Rui", text="Hello", files=files)
    (post,) = wait_until(lambda: spoken(listener))
    told, message = post.json, post.json["message"]
    assert told["portalId"] == link.api.credentials["portal_id"]
    assert told["channelIntegrationThreadIds"] == ["conv-9"]
    assert message["conversationsThreadId"] == thread
    assert message["senders"] == [{"actorId": "A-55", "name": "Rui Costa"}]
    assert message["recipients"][0]["deliveryIdentifier"]["value"] == "bo@example.com"
    assert (message["direction"], message["status"]) == ("OUTGOING", {"statusType": "SENT"})
    assert [one["name"] for one in message["attachments"]] == ["a.png"]
    secret, stamp = (
        link.api.credentials["client_secret"],
        post.headers["X-HubSpot-Request-Timestamp"],
    )
    signed = f"POST{listener.url}/channel".encode() + post.body + stamp.encode()
    right = b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    assert post.headers["X-HubSpot-Signature-v3"] == right
    assert "X-HubSpot-Signature" not in post.headers
    known = descriptions()
    if known:
        path = f"{CV}/threads/{thread}/messages/{message['id']}"
        assert not known.answer_problems("GET", path, 200, message)


def test_the_app_is_told_in_arrays_with_both_signatures(
    link: Link, listener: Listener, thread: str
):
    link.api.account.act(thread, "accept", agent="Rui")
    wait_until(lambda: ("assignedTo", "A-55") in changes(listener))
    post = listener.posts("/app")[-1]
    secret = link.api.credentials["client_secret"].encode()
    assert isinstance(json.loads(post.body), list)
    right = hashlib.sha256(secret + post.body).hexdigest()
    assert post.headers["X-HubSpot-Signature"] == right
    assert post.headers["X-HubSpot-Signature-Version"] == "v1"
    assert post.headers["X-HubSpot-Signature-v3"]
    event = events(listener)[-1]
    assert (event["objectId"], event["attemptNumber"]) == (int(thread), 0)
    assert str(event["appId"]) == link.api.app_id
    assert str(event["portalId"]) == link.api.credentials["portal_id"]


def test_a_last_word_is_a_message_before_the_close(link: Link, listener: Listener, thread: str):
    link.api.account.act(thread, "close", agent="Rui", text="Bye")
    (post,) = wait_until(lambda: spoken(listener))
    assert post.json["message"]["text"] == "Bye"
    wait_until(lambda: changes(listener) == [("status", "CLOSED")])
    link.api.account.act(thread, "reopen", agent="Rui")
    wait_until(lambda: changes(listener)[-1:] == [("status", "OPEN")])


def test_notes_reach_the_app_as_comments_and_never_the_channel(
    link: Link, listener: Listener, thread: str
):
    link.api.account.act(thread, "note", agent="Rui", text="Secret")
    kinds = ["MESSAGE", "COMMENT"]

    def told() -> list[str]:
        return [event["messageType"] for event in events(listener) if "messageType" in event]

    wait_until(lambda: told() == kinds)
    assert spoken(listener) == []


def test_a_move_to_another_inbox_takes_the_thread_from_its_agent(
    link: Link, listener: Listener, thread: str
):
    link.api.account.act(thread, "accept", agent="Rui")
    link.api.account.act(thread, "assign_team", agent="Rui", to="Billing")
    wait_until(lambda: changes(listener) == [("assignedTo", "A-55"), ("assignedTo", "")])
    link.api.account.update(settings={"assigned_as": "user"})
    link.api.account.act(thread, "accept", agent="Maya")
    wait_until(lambda: changes(listener)[-1:] == [("assignedTo", "56")])


def test_what_waits_behind_a_slow_answer_comes_as_one_batch(
    link: Link, listener: Listener, thread: str
):
    wait_until(lambda: events(listener))
    listener.received.clear()
    go_on = threading.Event()
    listener.answer = lambda request: (200, {}) if go_on.wait(5) else (500, {})
    for number in range(5):
        link.api.account.act(thread, "note", agent="Rui", text=f"note {number}")
    go_on.set()
    wait_until(lambda: len(events(listener)) == 5)
    assert len(listener.posts("/app")) <= 2
    wait_until(lambda: all(w["state"] == "delivered" for w in link.api.account.webhooks()))


def test_only_what_is_subscribed_is_told(link: Link, listener: Listener, thread: str):
    wait_until(lambda: events(listener))
    base = f"/webhooks/2026-03/{link.api.app_id}/subscriptions"
    rows = link.api.developer("GET", base).json()["results"]
    assigned = next(row for row in rows if row.get("propertyName") == "assignedTo")
    for row in rows:
        active = {"active": row == assigned}
        assert link.api.developer("PATCH", f"{base}/{row['id']}", active).ok
    listener.received.clear()
    link.api.account.act(thread, "note", agent="Rui", text="Secret")
    link.api.account.act(thread, "accept", agent="Rui")
    wait_until(lambda: changes(listener) == [("assignedTo", "A-55")])
    assert len(events(listener)) == 1
    wrong = {"eventType": "conversation.sneeze", "active": True}
    assert link.api.developer("POST", base, wrong).status_code == 400


def test_a_webhook_can_be_lost_by_the_name_of_its_topic(
    link: Link, listener: Listener, thread: str
):
    link.api.account.fault("webhook_lost", path="propertyChange:status")
    link.api.account.act(thread, "accept", agent="Rui")
    link.api.account.act(thread, "close", agent="Rui")
    wait_until(lambda: changes(listener) == [("assignedTo", "A-55")])
