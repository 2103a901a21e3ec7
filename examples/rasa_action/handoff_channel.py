"""A Rasa input channel whose users talk to a human while a session is open.

It is Rasa's REST channel (`{"sender", "message"}` in, `[{"recipient_id", "text"}]` out) with two
more things: during a session messages go to the human instead of Rasa, and what the human writes
is POSTed to `reply_url`, as `{"recipient_id", "text"}`. credentials.yml:

    handoff_channel.HandoffInput:
      bridge_url: http://127.0.0.1:8000
      bridge_key: hitl_…
      callback_secret: whsec_…
      reply_url: http://127.0.0.1:8080/replies   # your chat's back end
      rasa_url: http://127.0.0.1:5005            # this Rasa, started with --enable-api

The bridge calls `<rasa_url>/webhooks/handoff/bridge`: that is the bot's callback address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import requests
from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from hitl_bridge_client import Bridge, Conflict, Event, InvalidSignature, verify_callback

OPEN = ("opening", "queued", "assigned")


class HandoffInput(InputChannel):  # type: ignore[misc]
    """See the module."""

    @classmethod
    def name(cls) -> str:
        return "handoff"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> HandoffInput:
        return cls(**(credentials or {}))

    def __init__(
        self, bridge_url: str, bridge_key: str, callback_secret: str, reply_url: str, rasa_url: str
    ) -> None:
        self.bridge = Bridge(bridge_url, bridge_key)
        self.secret, self.reply_url, self.rasa_url = callback_secret, reply_url, rasa_url

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        routes = Blueprint("handoff")

        @routes.get("/")
        async def health(request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @routes.post("/webhook")
        async def receive(request: Request) -> HTTPResponse:
            """The user's message: to the human if there is one, else to Rasa."""
            sender, text = request.json["sender"], request.json["message"]
            if await asyncio.to_thread(self.pass_on, sender, text):
                return response.json([])
            collected = CollectingOutputChannel()
            await on_new_message(UserMessage(text, collected, sender, input_channel=self.name()))
            return response.json(collected.messages)

        @routes.post("/bridge")
        async def callback(request: Request) -> HTTPResponse:
            """A signed callback. What fails here is told again by the bridge, in order."""
            try:
                event = verify_callback(self.secret, dict(request.headers), request.body)
            except InvalidSignature as error:
                return response.text(str(error), status=401)
            await asyncio.to_thread(self.be_told, event)
            return response.empty()

        return routes

    def pass_on(self, sender: str, text: str) -> bool:
        """Whether there was a session to send it to."""
        newest = next(self.bridge.conversations(bot_conversation_id=sender, limit=1), None)
        if newest is None or newest["status"] not in OPEN:
            return False
        try:
            self.bridge.send_text(newest["conversationId"], text, user_id=newest["userId"])
        except Conflict:  # it has ended since
            return False
        return True

    def be_told(self, event: Event) -> None:
        """Repeats are rare, and harmless but for the reply: a chat that minds looks at event.id."""
        sender = event.bot_conversation_id
        if event.type == "messageCreated":
            text = event.text or str(event.data["payload"])
            answer = {"recipient_id": sender, "text": text}
            requests.post(self.reply_url, json=answer, timeout=10).raise_for_status()
            self.track(sender, {"event": "agent", "text": text})
        elif event.is_last:
            self.track(sender, {"event": "resume"})

    def track(self, sender: str, event: dict[str, Any]) -> None:
        """Add an event to the conversation's tracker."""
        url = f"{self.rasa_url}/conversations/{sender}/tracker/events"
        requests.post(url, json=event, timeout=10).raise_for_status()
