"""The Rasa example: the action in the real rasa-sdk, the channel against Rasa's documentation."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from tests.e2e.harness import PROJECT, until
from tests.examples.conftest import Run
from tests.examples.product import EXAMPLES, Agent, Product
from tests.examples.test_examples import needs
from tests.sandbox_fixture import free_port

pytestmark = needs("rasa_sdk")
FOLDER = EXAMPLES / "rasa_action"


@dataclass
class Chat:
    """The user's chat in front of Rasa: what is said there, and what comes later."""

    rasa: str  # its address
    reply_url: str = ""
    sender: str = field(default_factory=lambda: uuid.uuid4().hex)
    replies: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str) -> list[str]:
        url = f"{self.rasa}/webhooks/handoff/webhook"
        answer = requests.post(url, json={"sender": self.sender, "message": text}, timeout=30)
        assert answer.ok, answer.text
        return [one["text"] for one in answer.json()]

    def tracker(self) -> Any:
        return requests.get(f"{self.rasa}/conversations/{self.sender}/tracker", timeout=5).json()


@pytest.fixture
def chat() -> Iterator[Chat]:
    found = Chat(f"http://127.0.0.1:{free_port()}")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.replies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.reply_url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture
def rasa(run: Run, chat: Chat, product: Product) -> None:
    """The action server, and what stands in for Rasa; the bridge calls its channel."""
    actions = free_port()
    sdk = [sys.executable, "-m", "rasa_sdk", "--actions", "actions", "--port", str(actions)]
    run(sdk, cwd=FOLDER)
    credentials = {
        "bridge_url": product.url,
        "bridge_key": product.environment["BOT_KEY"],
        "callback_secret": product.environment["CALLBACK_SECRET"],
        "reply_url": chat.reply_url,
        "rasa_url": chat.rasa,
    }
    server = str(PROJECT / "tests/examples/rasa_stand_in.py")
    port = chat.rasa.rpartition(":")[2]
    actions_url = f"http://127.0.0.1:{actions}"
    path = f"{PROJECT / 'clients/python'}:{FOLDER}"
    run([sys.executable, server, port, actions_url, json.dumps(credentials)], PYTHONPATH=path)
    until(lambda: answers(f"{actions_url}/health"), "rasa-sdk's action server", within=60)
    until(lambda: answers(f"{chat.rasa}/webhooks/handoff/"), "the channel", within=60)
    product.relay.target = f"{chat.rasa}/webhooks/handoff/bridge"


@pytest.mark.usefixtures("rasa")
def test_the_action_pauses_the_bot_and_the_channel_carries_the_session(
    chat: Chat, agent: Agent
) -> None:
    assert chat.say("Where is my order?") == ["I can't answer that."]
    assert chat.say("a human please") == ["A human will be with you in a moment."]
    assert chat.tracker()["paused"]
    agent.accept()
    agent.reads("Where is my order?")
    assert chat.say("Order 1001") == []
    agent.reads("Order 1001")
    agent.reply("It is on its way.")
    told = {"recipient_id": chat.sender, "text": "It is on its way."}
    until(lambda: chat.replies == [told], "the human's answer")
    agent.close()
    until(lambda: not chat.tracker()["paused"], "the bot is resumed")
    assert chat.say("And now?") == ["I can't answer that."]
    events = [(one["event"], one.get("text")) for one in chat.tracker()["events"]]
    assert ("user", "Order 1001") not in events, "what is for the human is none of Rasa's"
    assert ("agent", "It is on its way.") in events
    forged = requests.post(
        f"{chat.rasa}/webhooks/handoff/bridge", json={"type": "hitlStopped"}, timeout=5
    )
    assert forged.status_code == 401
