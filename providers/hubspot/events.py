"""What happened on a thread, from both kinds of webhook and from reading it: the same keys.

https://developers.hubspot.com/docs/api-reference/conversations-custom-channels-v3/guide
https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from providers.base import by_time
from providers.errors import BadPayload
from providers.html import to_markdown
from providers.hubspot.api import API_HOST
from providers.hubspot.declaration import actor_of
from providers.hubspot.models import (
    AGENT,
    Attachment,
    ChannelEvent,
    Message,
    SubscriptionEvent,
    Thread,
)
from providers.render import MEDIA_KEYS
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    Content,
    InboundEvent,
    JsonObject,
    MessageType,
    TicketChanged,
    TicketClosed,
    TicketReopened,
    TicketTransferred,
)

SPOKEN = "OUTGOING_CHANNEL_MESSAGE_CREATED"
FILE_MARK = "#hubspot-file-"  # behind the address of a file that only our token can read
UNSHOWN = "(The agent sent something that can't be shown here.)"
USAGES: dict[str, MessageType] = {
    "IMAGE": "image",
    "STICKER": "image",
    "AUDIO": "audio",
    "VOICE_RECORDING": "audio",
}
FAMILIES: dict[str, MessageType] = {"image": "image", "audio": "audio", "video": "video"}


def parse(body: bytes, received_at: datetime) -> list[InboundEvent]:
    """The events of one webhook. Raises BadPayload.

    An object or an array, of a channel's events or of app subscriptions'. One broken element
    does not cost the others of its batch.
    """
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        raise BadPayload("The body is not JSON.") from None
    items = decoded if isinstance(decoded, list) else [decoded]
    events: list[InboundEvent] = []
    broken = 0
    for item in items:
        try:
            events += _events_of(item, received_at)
        except (ValidationError, TypeError):
            broken += 1
    if broken and not events:
        raise BadPayload("The body is not a HubSpot webhook.")
    # A batch comes in no order and may repeat itself.
    distinct = {(event.remote_id, event.key): event for event in reversed(events)}
    return by_time([event for event in events if distinct[event.remote_id, event.key] is event])


def _events_of(item: Any, received_at: datetime) -> Iterator[InboundEvent]:
    if not isinstance(item, dict):
        raise TypeError("not an object")
    if "type" in item:
        yield from _channel_events(ChannelEvent.model_validate(item), received_at)
    else:
        yield from _subscription_events(SubscriptionEvent.model_validate(item), received_at)


def _channel_events(event: ChannelEvent, received_at: datetime) -> Iterator[InboundEvent]:
    """An agent's message. Accounts created, changed or purged show when something is sent."""
    if event.type != SPOKEN:
        return
    message = event.message
    if message is None or not message.conversations_thread_id:
        raise TypeError("no message or no thread")
    about: JsonObject = {
        "remote_id": message.conversations_thread_id,
        "at": message.created_at or event.event_timestamp or received_at,
        "account_id": event.portal_id,
    }
    yield from _message(message, about)


def _subscription_events(event: SubscriptionEvent, received_at: datetime) -> Iterator[InboundEvent]:
    kind = event.subscription_type or event.event_type
    at = event.occurred_at or received_at
    about: JsonObject = {"remote_id": event.object_id, "at": at, "account_id": event.portal_id}
    if kind == "conversation.propertyChange":
        yield from _property_change(event.property_name, event.property_value, about)
    elif kind in ("conversation.deletion", "conversation.privacyDeletion"):
        yield TicketClosed(key="deleted", reason="failed", **about)
    elif kind == "conversation.newMessage" and event.message_type == "MESSAGE":
        # It does not tell who wrote or what; reading the thread does, under the message's own id.
        yield TicketChanged(key=f"{event.message_id}:look", **about)


def _property_change(name: str, value: Any, about: JsonObject) -> Iterator[InboundEvent]:
    text = "" if value is None else str(value)
    if name == "assignedTo":
        yield from _assignment(actor_of(text), about)
    elif name == "status":
        yield from _status(text.upper(), about)
    elif name == "isArchived" and text.upper() == "TRUE":
        yield TicketClosed(key="deleted", reason="failed", **about)
    elif name == "isArchived" and text.upper() == "FALSE":
        yield TicketReopened(key=f"restored:{_stamp(about)}", **about)


def _assignment(actor: str, about: JsonObject) -> Iterator[InboundEvent]:
    """A user has it now; nobody has it; or a bot, which is no news for the customer."""
    if AGENT.fullmatch(actor):
        key = f"assigned:{actor}:{_stamp(about)}"
        yield AgentAssigned(key=key, agent=Agent(actor), **about)
    elif not actor:
        yield TicketTransferred(key=f"unassigned:{_stamp(about)}", **about)


def _status(status: str, about: JsonObject, agent: Agent | None = None) -> Iterator[InboundEvent]:
    if status == "CLOSED":
        yield TicketClosed(key=f"closed:{_stamp(about)}", agent=agent, **about)
    elif status == "OPEN":
        yield TicketReopened(key=f"opened:{_stamp(about)}", agent=agent, **about)


def _message(message: Message, about: JsonObject) -> Iterator[InboundEvent]:
    outgoing = message.type == "MESSAGE" and message.direction in ("OUTGOING", "")
    if not outgoing or not message.agent_id:
        return
    if message.truncated:
        yield TicketChanged(key=f"{message.id}:look", **about)
        return
    name = next((one.name for one in message.senders if one.actor_id == message.agent_id), "")
    agent = Agent(message.agent_id, name)
    yield AgentMessage(key=message.id, agent=agent, contents=contents_of(message), **about)


# --- reading the thread ---------------------------------------------------------------------


def thread_events(
    thread: Thread, messages: Iterable[Message], since: datetime, channel_id: str, now: datetime
) -> list[InboundEvent]:
    """All that happened since then, as the webhooks would have told it.

    Messages by other channels (an agent may go on by e-mail) reach the customer there.
    """
    history = in_order(messages)
    events: list[InboundEvent] = []
    agents = False
    for message in history:
        at = message.created_at or since
        about: JsonObject = {"remote_id": thread.id, "at": at, "account_id": ""}
        told = list(_history_events(message, channel_id, about))
        agents = agents or any(isinstance(e, AgentAssigned | AgentMessage) for e in told)
        events += [] if at < since else told
    statuses = [message for message in history if message.type == "THREAD_STATUS_CHANGE"]
    if thread.assigned_to and not agents:
        about = {"remote_id": thread.id, "at": now, "account_id": ""}
        events += _assignment(actor_of(thread.assigned_to), about)
    if thread.status == "CLOSED" and not (statuses and statuses[-1].new_status == "CLOSED"):
        at = thread.closed_at or thread.latest_message_timestamp or now
        events += _status("CLOSED", {"remote_id": thread.id, "at": at, "account_id": ""})
    return events


def in_order(messages: Iterable[Message]) -> list[Message]:
    """The messages by time; HubSpot's own order decides between equal times."""
    found = list(messages)
    times = [message.created_at for message in found if message.created_at]
    if not times:
        return found
    if times[0] > times[-1]:
        found.reverse()
    return sorted(found, key=lambda message: message.created_at or times[0])


def _history_events(message: Message, channel_id: str, about: JsonObject) -> Iterator[InboundEvent]:
    if message.type == "MESSAGE":
        if message.channel_id == channel_id or not (message.channel_id and channel_id):
            yield from _message(message, about)
    elif message.type == "ASSIGNMENT":
        yield from _assignment(actor_of(message.assigned_to), about)
    elif message.type == "THREAD_STATUS_CHANGE":
        agent = Agent(message.created_by) if AGENT.fullmatch(message.created_by) else None
        yield from _status(message.new_status, about, agent)


# --- contents -------------------------------------------------------------------------------


def contents_of(message: Message) -> tuple[Content, ...]:
    """The message's text and its files; a word where there is neither, so that none is lost."""
    markdown, images = to_markdown(message.rich_text)
    text = markdown or message.text.strip()
    found = [Content("text", {"text": text})] if text else []
    found += [Content("image", {"imageUrl": url}) for url in images]
    found += [_file(one) for one in message.attachments if one.type == "FILE" and _reachable(one)]
    return tuple(found) or (Content("text", {"text": UNSHOWN}),)


def _reachable(attachment: Attachment) -> bool:
    return bool(attachment.file_id) or attachment.url.startswith(("https://", "http://"))


def _file(attachment: Attachment) -> Content:
    """The file by its address, marked with its id: private ones need a signed address."""
    guessed, _ = mimetypes.guess_type(attachment.name or attachment.url)
    family = (guessed or "").partition("/")[0]
    kind = USAGES.get(attachment.file_usage_type) or FAMILIES.get(family, "file")
    url = attachment.url if attachment.url.startswith(("https://", "http://")) else ""
    if attachment.file_id:
        base = url or f"{API_HOST}/files/v3/files/{attachment.file_id}"
        url = base.partition("#")[0] + FILE_MARK + attachment.file_id
    payload = {MEDIA_KEYS[kind]: url}
    if attachment.name:
        payload["title"] = attachment.name
    return Content(kind, payload)


def _stamp(about: JsonObject) -> int:
    """The event's time in milliseconds: all that both ways of hearing of it have in common."""
    return int(about["at"].timestamp() * 1000)
