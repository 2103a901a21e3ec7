"""The custom action `action_handoff`: opens a session with a human and pauses the bot.

    rasa run actions --actions actions      (or: python -m rasa_sdk --actions actions)

Environment: BRIDGE_URL (default http://127.0.0.1:8000), BOT_KEY.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ConversationPaused
from rasa_sdk.executor import CollectingDispatcher

from hitl_bridge_client import Bridge, BridgeError

bridge = Bridge(os.environ.get("BRIDGE_URL", "http://127.0.0.1:8000"), os.environ["BOT_KEY"])


class ActionHandoff(Action):  # type: ignore[misc]  # the SDK has no types
    """In CALM, let `pattern_human_handoff` run this action; else a rule or a story."""

    def name(self) -> str:
        return "action_handoff"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        try:
            await asyncio.to_thread(start, tracker.sender_id, tracker.events)
        except BridgeError as error:
            print(f"No session could be opened: {error}", flush=True)
            dispatcher.utter_message(text="I can't reach anybody right now.")
            return []
        dispatcher.utter_message(text="A human will be with you in a moment.")
        return [ConversationPaused()]


def start(sender: str, events: list[dict[str, Any]]) -> None:
    """Open the session, once while it is open: the sender is the bridge's botConversationId."""
    user = bridge.create_user(sender, external_id=sender)
    bridge.start_hitl(user, message_history=history(events), bot_conversation_id=sender)


def history(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was said, out of the tracker."""
    return [
        {"source": {"type": event["event"]}, "type": "text", "payload": {"text": event["text"]}}
        for event in events
        if event["event"] in ("user", "bot") and event.get("text")
    ]
