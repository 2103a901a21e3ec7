"""The demo bot as a client of the bridge: here against a stand-in of the bridge's API."""

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from sandbox.demo.bot import answer
from tests.sandbox.conftest import Listener, Received, wait_until
from tests.sandbox_fixture import CALLBACK_SECRET, SandboxServer

AGENT = {"userId": "usr_rui", "name": "Rui"}


class Bridge:
    """A stand-in for the bridge: answers like its API, sends callbacks when told to."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.up = True
        self._numbers = itertools.count(1)
        listener.answer = self._answer

    def _answer(self, request: Received) -> tuple[int, dict[str, Any]]:
        if not self.up:
            return 503, {}
        if request.path.endswith("createUser"):
            return 200, {"userId": "usr_1"}
        if request.path.endswith("startHitl"):
            return 200, {"conversationId": "cnv_1", "status": "queued"}
        if request.path.endswith("stopHitl"):
            return 200, {}
        number = next(self._numbers)
        return 202, {"messageId": f"msg_{number}", "sequence": number, "status": "queued"}

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [post.json for post in self.listener.posts(path)]


class Browser:
    """A customer's browser on the demo page."""

    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.get(self.url(""), timeout=5)

    def url(self, path: str) -> str:
        return f"{self.server.base_url}/demo/{path}"

    def says(self, text: str, client_id: str = "") -> None:
        body = {"clientId": client_id or uuid.uuid4().hex, "text": text}
        assert self.session.post(self.url("messages"), json=body, timeout=5).ok

    def data(self) -> dict[str, Any]:
        return dict(self.session.get(self.url("data"), timeout=5).json())

    def texts(self, author: str) -> list[str]:
        return [
            content.get("html", "")
            for message in self.data()["messages"]
            if message["author"] == author
            for content in message["contents"]
        ]


@pytest.fixture
def bridge(listener: Listener) -> Bridge:
    return Bridge(listener)


@pytest.fixture
def server(bridge: Bridge, tmp_path) -> Iterator[SandboxServer]:
    environment = {"BRIDGE_URL": bridge.listener.url, "BRIDGE_API_KEY": "key"}
    server = SandboxServer(tmp_path, environment)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def browser(server: SandboxServer) -> Browser:
    return Browser(server)


@pytest.fixture
def handed_off(bridge: Bridge, browser: Browser) -> str:
    """The botConversationId of a session that has just begun."""
    browser.says("Where is my order?")
    browser.says("I want a human")
    wait_until(lambda: bridge.bodies("startHitl"))
    return str(bridge.bodies("startHitl")[0]["botConversationId"])


def send_event(
    server: SandboxServer, kind: str, sequence: int, data: dict[str, Any], **extra: Any
) -> int:
    """Send a callback as the bridge signs it; the status of the answer."""
    event = {
        "id": extra.get("event_id", f"evt_{uuid.uuid4().hex}"),
        "type": kind,
        "timestamp": datetime.now(UTC).isoformat(),
        "sequence": sequence,
        "data": {"conversationId": "cnv_1", **data},
    }
    body = json.dumps(event)
    secret = extra.get("secret", CALLBACK_SECRET)
    now = datetime.now(UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event["id"],
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(event["id"], now, body),
    }
    url = f"{server.base_url}/demo/callback"
    return requests.post(url, data=body.encode(), headers=headers, timeout=5).status_code


def said(session: str, text: str) -> dict[str, Any]:
    payload = {"text": text}
    return {"botConversationId": session, "agent": AGENT, "type": "text", "payload": payload}


@pytest.mark.parametrize(
    ("text", "handoff"),
    [
        ("When are you open?", False),
        ("Can I talk to a human?", True),
        ("I need an agent now", True),
        ("blah", False),
    ],
)
def test_the_bot_knows_when_to_give_way(text, handoff):
    assert answer(text).handoff is handoff


def test_it_hands_over_the_user_and_the_whole_chat(bridge: Bridge, handed_off):
    user, start = bridge.bodies("createUser")[0], bridge.bodies("startHitl")[0]
    assert user["name"]
    assert user["externalId"].startswith("demo-")
    assert start["userId"] == "usr_1"
    told = [(m["source"].get("userId"), m["payload"]["text"]) for m in start["messageHistory"]]
    assert told[1] == ("usr_1", "Where is my order?")
    assert told[-1] == ("usr_1", "I want a human")
    assert told[0][0] is None


def test_every_post_has_a_key_of_its_own(bridge: Bridge, handed_off):
    keys = [post.headers["Idempotency-Key"] for post in bridge.listener.posts()]
    assert len(set(keys)) == len(keys) == 2
    assert bridge.listener.posts()[0].headers["Authorization"] == "Bearer key"


def test_it_carries_messages_while_the_session_is_open(bridge, browser, server, handed_off):
    browser.says("one")
    browser.says("two")
    wait_until(lambda: len(bridge.bodies("/messages")) == 2)
    assert [b["payload"]["text"] for b in bridge.bodies("/messages")] == ["one", "two"]
    send_event(server, "hitlAssigned", 1, {"botConversationId": handed_off, "agent": AGENT})
    send_event(server, "messageCreated", 2, said(handed_off, "Hello **Ana**"))
    assert browser.data()["agent"] == "Rui"
    assert browser.texts("agent") == ["<p>Hello <b>Ana</b></p>"]
    send_event(server, "hitlStopped", 3, {"botConversationId": handed_off, "reason": "agentClosed"})
    assert browser.data()["mode"] == "bot"
    browser.says("When are you open?")
    assert "Monday" in browser.texts("bot")[-1]


def test_a_wrong_signature_changes_nothing(browser, server, handed_off):
    other = "whsec_" + "QUJD" * 8
    data = {"botConversationId": handed_off, "agent": AGENT}
    assert send_event(server, "hitlAssigned", 1, data, secret=other) == 401
    assert (
        requests.post(f"{server.base_url}/demo/callback", data=b"\xff", timeout=5).status_code
        == 401
    )
    assert browser.data()["mode"] == "queued"


def test_the_same_event_five_times_counts_once(browser, server, handed_off):
    for _ in range(5):
        assert send_event(server, "messageCreated", 1, said(handed_off, "Hi"), event_id="e1") == 204
    assert browser.texts("agent") == ["<p>Hi</p>"]


def test_events_out_of_order_are_shown_in_order(browser, server, handed_off):
    for sequence in (3, 1, 2):
        send_event(server, "messageCreated", sequence, said(handed_off, str(sequence)))
    assert browser.texts("agent") == ["<p>1</p>", "<p>2</p>", "<p>3</p>"]


def test_an_event_does_not_wait_forever_for_a_lost_one(browser, server, handed_off):
    send_event(server, "messageCreated", 5, said(handed_off, "five"))
    assert browser.texts("agent") == []
    wait_until(lambda: browser.texts("agent") == ["<p>five</p>"])


def test_the_customer_can_end_the_chat(bridge, browser, server, handed_off):
    browser.session.post(browser.url("end"), timeout=5)
    stop = wait_until(lambda: bridge.bodies("stopHitl"))[0]
    assert stop == {"conversationId": "cnv_1", "reason": "userEnded"}
    send_event(server, "messageCreated", 1, said(handed_off, "too late"))
    assert browser.texts("agent") == []
    browser.says("a human again")
    again = wait_until(
        lambda: len(bridge.bodies("startHitl")) == 2 and bridge.bodies("startHitl")[1]
    )
    assert again["botConversationId"] != handed_off


def test_a_repeated_send_of_the_browser_adds_nothing(browser):
    browser.says("hello", "c1")
    browser.says("hello", "c1")
    assert browser.texts("customer") == ["<p>hello</p>"]


def test_a_picture_goes_by_address(bridge, browser, handed_off):
    body = {"clientId": "c1", "file": {"name": "p.png", "data": "iVBORw=="}}
    browser.session.post(browser.url("messages"), json=body, timeout=5)
    sent = wait_until(lambda: bridge.bodies("/messages"))[0]
    assert sent["type"] == "image"
    assert requests.get(sent["payload"]["imageUrl"], timeout=5).content == b"\x89PNG"


def test_a_bridge_that_is_down_and_kill_9_lose_nothing(bridge, browser, server):
    bridge.up = False
    browser.says("a human please")
    browser.says("still there?")
    wait_until(lambda: bridge.listener.posts("createUser"))
    server.kill()
    server.start()
    before = time.monotonic()
    bridge.up = True
    wait_until(lambda: bridge.bodies("/messages"), within=20)
    assert time.monotonic() - before < 20
    keys = {post.headers["Idempotency-Key"] for post in bridge.listener.posts("createUser")}
    assert len(keys) == 1
    assert bridge.bodies("/messages")[0]["payload"]["text"] == "still there?"


def test_a_refused_handoff_is_said_by_the_bot(bridge, browser):
    bridge.listener.answer = lambda request: (422, {"title": "No installation"})
    browser.says("a human please")
    wait_until(lambda: browser.data()["mode"] == "bot")
    assert "no human can be reached" in browser.texts("bot")[-1]
