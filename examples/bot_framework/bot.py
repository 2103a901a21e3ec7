"""A bot of the Bot Framework that hands over, in a terminal.

    BOT_KEY=… python examples/bot_framework/bot.py

Environment: BRIDGE_URL (default http://127.0.0.1:8000), BOT_KEY. For real channels put
CloudAdapter (botbuilder-integration-aiohttp) in the place of the terminal's adapter.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import uuid
from typing import Any

from botbuilder.core import ActivityHandler, BotAdapter, TurnContext
from botbuilder.schema import (
    Activity,
    ActivityTypes,
    ChannelAccount,
    ConversationAccount,
    ResourceResponse,
    RoleTypes,
)
from handoff import STATUS, HandoffMiddleware, initiate_activity

from hitl_bridge_client import Bridge


class Bot(ActivityHandler):  # type: ignore[misc]  # the SDK has no types
    """Knows nothing of the bridge, only the handoff protocol."""

    def __init__(self) -> None:
        self.said: list[Activity] = []  # of this one chat; a real bot has a transcript store

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        self.said.append(turn_context.activity)
        if "human" in turn_context.activity.text.lower():
            await self.answer(turn_context, "A human will be with you in a moment.")
            routing = {"skill": "billing"}
            await turn_context.send_activity(initiate_activity(turn_context, routing, self.said))
        else:
            await self.answer(turn_context, "I can't answer that. Say “human” to talk to one.")

    async def on_event_activity(self, turn_context: TurnContext) -> None:
        if turn_context.activity.name == STATUS:
            text = f"handoff.status {json.dumps(turn_context.activity.value)}"
            await turn_context.send_activity(text)

    async def answer(self, turn_context: TurnContext, text: str) -> None:
        sender = ChannelAccount(id="bot", role=RoleTypes.bot)
        self.said.append(Activity(type=ActivityTypes.message, text=text, from_property=sender))
        await turn_context.send_activity(text)


class TerminalAdapter(BotAdapter):  # type: ignore[misc]
    """One user at one terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.chat = uuid.uuid4().hex

    async def hear(self, text: str, logic: Any) -> None:
        activity = Activity(
            type=ActivityTypes.message,
            id=uuid.uuid4().hex,
            text=text,
            channel_id="terminal",
            from_property=ChannelAccount(id=self.chat, name="Ana", role=RoleTypes.user),
            recipient=ChannelAccount(id="bot", name="Bot", role=RoleTypes.bot),
            conversation=ConversationAccount(id=self.chat),
        )
        await self.run_pipeline(TurnContext(self, activity), logic)

    async def send_activities(
        self, context: TurnContext, activities: list[Activity]
    ) -> list[ResourceResponse]:
        for activity in activities:
            print(f"to user: {activity.text}", flush=True)
        return [ResourceResponse(id=uuid.uuid4().hex) for _ in activities]

    async def update_activity(self, context: TurnContext, activity: Activity) -> None:
        """A terminal's lines stay as they are."""

    async def delete_activity(self, context: TurnContext, reference: Any) -> None:
        """A terminal's lines stay as they are."""


async def main() -> None:
    url = os.environ.get("BRIDGE_URL", "http://127.0.0.1:8000")
    bridge = Bridge(url, os.environ["BOT_KEY"])
    bot, adapter = Bot(), TerminalAdapter()
    handoff = HandoffMiddleware(bridge, adapter, bot.on_turn)
    adapter.use(handoff)
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for event in bridge.events():  # a real bot stores event.cursor, or takes callbacks
            asyncio.run_coroutine_threadsafe(handoff.be_told(event), loop).result()

    threading.Thread(target=listen, daemon=True).start()
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            await adapter.hear(line.strip(), bot.on_turn)


if __name__ == "__main__":
    asyncio.run(main())
