"""What Rasa does for the example, as its documentation has it; Rasa itself needs a licence.

`rasa_stand_in.py PORT ACTIONS_URL CREDENTIALS_JSON` serves the example's input channel (as
https://rasa.com/docs/reference/channels/custom-connectors describes it), calls the action server
(https://rasa.com/docs/reference/api/pro/action-server-api) and takes events for a tracker
(https://rasa.com/docs/reference/api/pro/http-api). One rule: who says “human” gets
`action_handoff`; a paused conversation is not answered.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import requests
from sanic import Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse


@dataclass
class UserMessage:
    """A message for Rasa."""

    text: str
    output_channel: Any
    sender_id: str
    input_channel: str


@dataclass
class CollectingOutputChannel:
    """Keeps what the bot says."""

    messages: list[dict[str, str]] = field(default_factory=list)


def stand_in() -> None:
    """Let `rasa.core.channels.channel` be importable."""
    for name in ("rasa", "rasa.core", "rasa.core.channels", "rasa.core.channels.channel"):
        sys.modules[name] = ModuleType(name)
    module: Any = sys.modules["rasa.core.channels.channel"]
    module.UserMessage, module.CollectingOutputChannel = UserMessage, CollectingOutputChannel
    module.InputChannel = object


class Rasa:
    """Trackers, and the one rule."""

    def __init__(self, actions_url: str) -> None:
        self.actions_url = actions_url
        self.trackers: dict[str, list[dict[str, Any]]] = {}

    def tracker(self, sender: str) -> list[dict[str, Any]]:
        return self.trackers.setdefault(sender, [])

    def paused(self, sender: str) -> bool:
        found = [
            one["event"] for one in self.tracker(sender) if one["event"] in ("pause", "resume")
        ]
        return found[-1:] == ["pause"]

    async def on_new_message(self, message: UserMessage) -> None:
        events = self.tracker(message.sender_id)
        events.append({"event": "user", "text": message.text})
        if self.paused(message.sender_id):
            return
        answers = [{"text": "I can't answer that."}]
        if "human" in message.text:
            answers = self.act(message.sender_id)
        for answer in answers:
            events.append({"event": "bot", "text": answer["text"]})
            told = {"recipient_id": message.sender_id, "text": answer["text"]}
            message.output_channel.messages.append(told)

    def act(self, sender: str) -> list[dict[str, str]]:
        """Have the action server run the action; what it says."""
        events = self.tracker(sender)
        tracker = {
            "sender_id": sender,
            "slots": {},
            "latest_message": {},
            "latest_event_time": 0,
            "followup_action": None,
            "paused": False,
            "events": list(events),
            "latest_input_channel": "handoff",
            "active_loop": {},
            "latest_action_name": "action_listen",
        }
        call = {
            "next_action": "action_handoff",
            "sender_id": sender,
            "tracker": tracker,
            "domain": {},
        }
        answer = requests.post(f"{self.actions_url}/webhook", json=call, timeout=30)
        answer.raise_for_status()
        events += answer.json()["events"]
        return list(answer.json()["responses"])


def main(port: int, actions_url: str, credentials: str) -> None:
    stand_in()
    from handoff_channel import HandoffInput  # noqa: PLC0415 - needs the stand-in

    app, rasa = Sanic("rasa", configure_logging=False), Rasa(actions_url)
    channel = HandoffInput.from_credentials(json.loads(credentials))
    app.blueprint(channel.blueprint(rasa.on_new_message), url_prefix=f"/webhooks/{channel.name()}")

    @app.post("/conversations/<sender>/tracker/events")
    async def add(request: Request, sender: str) -> HTTPResponse:
        rasa.tracker(sender).append(request.json)
        return response.json({"events": rasa.tracker(sender)})

    @app.get("/conversations/<sender>/tracker")
    async def show(request: Request, sender: str) -> HTTPResponse:
        return response.json({"events": rasa.tracker(sender), "paused": rasa.paused(sender)})

    app.run("127.0.0.1", port, single_process=True, motd=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
