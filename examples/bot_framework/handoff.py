"""The Bot Framework's handoff protocol on top of the bridge, as a middleware ("bot as a proxy").

The bot sends the event `handoff.initiate`; the middleware opens a session and is told how it goes
by the bot's `handoff.status`: `accepted` once a human has joined, `completed`, or `failed` with a
`message`. In between, the user's messages go to the human and not to the bot.

https://learn.microsoft.com/azure/bot-service/bot-service-design-pattern-handoff-human
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from botbuilder.core import BotAdapter, Middleware, TurnContext
from botbuilder.schema import (
    Activity,
    ActivityTypes,
    Attachment,
    ConversationAccount,
    ConversationReference,
)

from hitl_bridge_client import Bridge, BridgeError, Conflict, Event

INITIATE, STATUS = "handoff.initiate", "handoff.status"
Logic = Callable[[TurnContext], Awaitable[Any]]


@dataclass
class Handoff:
    """A chat that a human has, or is asked to take."""

    session: str  # the bridge's ids
    user: str
    reference: ConversationReference  # where to write to the user


class HandoffMiddleware(Middleware):  # type: ignore[misc]  # the SDK has no types
    """`bot_logic` is the bot's `on_turn`, which is told of `handoff.status`.

    Handoffs are kept in memory here: keep them in the bot's storage, so that they survive a
    restart, and hand `app_id` over where the adapter wants one.
    """

    def __init__(self, bridge: Bridge, adapter: BotAdapter, bot_logic: Logic, app_id: str = ""):
        self.bridge, self.adapter, self.bot_logic, self.app_id = bridge, adapter, bot_logic, app_id
        self.handoffs: dict[str, Handoff] = {}  # by the conversation's id
        # An event may be there before the call that caused it has returned.
        self.starting = asyncio.Lock()

    async def on_turn(self, context: TurnContext, logic: Callable[[], Awaitable[Any]]) -> None:
        """The user's messages while a human is there; all else goes to the bot."""
        handoff = self.handoffs.get(context.activity.conversation.id)
        if handoff and context.activity.type == ActivityTypes.message:
            try:
                await self._say(handoff, context.activity)
                return
            except Conflict:  # the session has just ended: the bot answers
                pass
        context.on_send_activities(self._look_for_initiate)
        await logic()

    async def _look_for_initiate(
        self, context: TurnContext, activities: list[Activity], send: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Take `handoff.initiate` out of what the bot sends: it is for us, not for the channel."""
        initiate = [one for one in activities if one.name == INITIATE]
        activities[:] = [one for one in activities if one.name != INITIATE]
        answer = await send() if activities else []
        for one in initiate:
            await self._initiate(context, one)
        return answer

    async def _initiate(self, context: TurnContext, initiate: Activity) -> None:
        activity = context.activity
        reference = TurnContext.get_conversation_reference(activity)
        routing = initiate.value if isinstance(initiate.value, dict) else {}

        def start() -> Handoff:
            user = self.bridge.create_user(
                activity.from_property.name or "User",
                external_id=f"{activity.channel_id}:{activity.from_property.id}",
            )
            started = self.bridge.start_hitl(
                user,
                message_history=transcript_of(initiate),
                bot_conversation_id=activity.conversation.id,
                tags={str(name): str(value) for name, value in routing.items()},
            )
            return Handoff(started["conversationId"], user, reference)

        try:
            async with self.starting:
                self.handoffs[activity.conversation.id] = await asyncio.to_thread(start)
        except BridgeError as error:
            await self._tell_bot(reference, "failed", str(error))

    async def _say(self, handoff: Handoff, activity: Activity) -> None:
        for attachment in activity.attachments or []:
            if attachment.content_url:
                payload = {"fileUrl": attachment.content_url, "title": attachment.name or "File"}
                await asyncio.to_thread(
                    self.bridge.send, handoff.session, "file", payload, user_id=handoff.user
                )
        if activity.text:
            await asyncio.to_thread(
                self.bridge.send_text, handoff.session, activity.text, user_id=handoff.user
            )

    async def be_told(self, event: Event) -> None:
        """An event of the bridge, from its feed or a callback whose signature was good."""
        async with self.starting:
            handoff = self.handoffs.get(event.bot_conversation_id)
        if handoff is None or handoff.session != event.conversation_id:
            return
        if event.type == "messageCreated":
            text = event.text or str(event.data["payload"])
            await self._in_turn(handoff.reference, lambda context: context.send_activity(text))
        elif event.type == "hitlAssigned":
            await self._tell_bot(handoff.reference, "accepted")
        elif event.is_last:
            del self.handoffs[event.bot_conversation_id]
            failed = event.data["reason"] == "failed"
            why = event.data.get("detail", "") if failed else ""
            await self._tell_bot(handoff.reference, "failed" if failed else "completed", why)

    async def _tell_bot(self, reference: ConversationReference, state: str, why: str = "") -> None:
        async def tell(context: TurnContext) -> None:
            context.activity = status_activity(reference, state, why)
            await self.bot_logic(context)

        await self._in_turn(reference, tell)

    async def _in_turn(self, reference: ConversationReference, logic: Logic) -> None:
        await self.adapter.continue_conversation(reference, logic, self.app_id)


def initiate_activity(context: TurnContext, routing: dict[str, Any], so_far: list[Activity]) -> Any:
    """What the bot sends to hand over; `routing` helps to find the right human."""
    transcript = {"activities": [one.serialize() for one in so_far]}
    content_type = "application/json"
    attached = Attachment(name="Transcript", content_type=content_type, content=transcript)
    activity = Activity(
        type=ActivityTypes.event, name=INITIATE, value=routing, attachments=[attached]
    )
    reference = TurnContext.get_conversation_reference(context.activity)
    return TurnContext.apply_conversation_reference(activity, reference)


def status_activity(reference: ConversationReference, state: str, why: str = "") -> Activity:
    """What the bot is told: `state` is accepted, failed or completed."""
    activity = Activity(
        type=ActivityTypes.event,
        name=STATUS,
        value={"state": state, **({"message": why} if why else {})},
    )
    TurnContext.apply_conversation_reference(activity, reference, is_incoming=True)
    activity.conversation = ConversationAccount(id=reference.conversation.id)
    return activity


def transcript_of(initiate: Activity) -> list[dict[str, Any]]:
    """The attached transcript as the bridge has it; other attachments are none of ours."""
    found = [one for one in initiate.attachments or [] if one.name == "Transcript"]
    activities = found[0].content.get("activities", []) if found else []
    return [
        {
            "source": {"type": "bot" if one.get("from", {}).get("role") == "bot" else "user"},
            "type": "text",
            "payload": {"text": one["text"]},
        }
        for one in activities
        if one.get("type") == ActivityTypes.message and one.get("text")
    ]
