"""What happened in a conversation, from webhooks and from reading it: the same keys for both.

https://developers.intercom.com/docs/references/webhooks/webhook-models
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from providers.errors import BadPayload
from providers.html import to_markdown
from providers.intercom.models import (
    Conversation,
    DeletedItem,
    Notification,
    Part,
    RedactedItem,
)
from providers.render import MEDIA_KEYS
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    Content,
    InboundEvent,
    JsonObject,
    MessageRedacted,
    MessageType,
    TicketChanged,
    TicketClosed,
    TicketReopened,
    TicketTransferred,
)

REPLIED = "conversation.admin.replied"
# The kinds of part whose body the customer sees. Replying while assigning, closing or opening
# makes no comment part: the words ride on the other. An assignment's body is a reply only where
# Intercom calls it one; elsewhere it may be a note, so it stays inside.
SPOKEN = frozenset({"comment", "close", "open", "assign_and_reopen", "quick_reply"})
MEDIA_KINDS: dict[str, MessageType] = {"image": "image", "audio": "audio", "video": "video"}
# Bodies come as plain text from API version 2.15 on, with this where an image was.
IMAGE_PLACEHOLDER = re.compile(r"\[Image\b[^\]]*\]")


def parse_notification(body: bytes) -> list[InboundEvent]:
    """The events of one webhook. Raises BadPayload."""
    try:
        notification = Notification.model_validate(json.loads(body))
        return _events_of(notification)
    except (ValueError, RecursionError):  # also ValidationError, JSON and Unicode errors
        raise BadPayload("The body is not an Intercom notification.") from None


def notification_id(body: bytes) -> str:
    """Intercom's id of the webhook, the same when it is sent again; empty if there is none."""
    try:
        return Notification.model_validate(json.loads(body)).id
    except (ValueError, RecursionError):
        return ""


def _events_of(notification: Notification) -> list[InboundEvent]:
    topic, item, account = notification.topic, notification.item, notification.app_id
    if topic == "conversation.deleted":
        return _deleted(notification)
    if topic == "conversation_part.redacted" and item.get("type") == "conversation_part":
        return _redacted_alone(notification)
    if not topic.startswith(("conversation.", "conversation_part.")):
        return []
    if topic == "conversation.admin.noted":
        return []
    conversation = Conversation.model_validate(item)
    events: list[InboundEvent] = []
    for part in in_order(conversation):
        events += part_events(part, conversation.id, account, replied=topic == REPLIED)
    return [*events, *_to_be_looked_up(notification, conversation, events)]


def _to_be_looked_up(
    notification: Notification, conversation: Conversation, events: list[InboundEvent]
) -> Iterator[InboundEvent]:
    """Asks for a look at the conversation where the webhook does not tell all.

    The item is built when the webhook is sent, not when the thing happened: its state may be
    that of a later part, whose own webhook may be lost or late. Reading the whole conversation
    gives everything in order.
    """
    telling = {"conversation.admin.closed", "conversation.admin.assigned", REPLIED}
    told = {event.kind for event in events}
    mute = notification.topic in telling and not conversation.parts
    closed = conversation.state == "closed" and "ticket_closed" not in told
    by_agent = notification.topic.startswith(("conversation.admin.", "conversation.operator."))
    if mute or (closed and by_agent and "ticket_changed" not in told):
        parts = conversation.parts
        at = parts[-1].created_at if parts else notification.created_at or conversation.updated_at
        if at is None:
            raise ValueError("no time")
        name = parts[-1].id if parts else notification.id or notification.topic
        yield TicketChanged(
            remote_id=conversation.id, key=f"{name}:look", at=at, account_id=notification.app_id
        )


def _deleted(notification: Notification) -> list[InboundEvent]:
    item = DeletedItem.model_validate(notification.item)
    remote_id = item.conversation_id or item.id
    if not remote_id or not notification.created_at:
        raise ValueError("no conversation or no time")
    return [
        TicketClosed(
            remote_id=remote_id,
            key=f"{remote_id}:deleted",
            at=notification.created_at,
            reason="failed",  # nobody said that the matter is settled
            account_id=notification.app_id,
        )
    ]


def _redacted_alone(notification: Notification) -> list[InboundEvent]:
    place = RedactedItem.model_validate(notification.item)
    remote_id = place.conversation_id or (place.conversation.id if place.conversation else "")
    if not remote_id:
        return []
    part = Part.model_validate({**notification.item, "redacted": True})
    return list(part_events(part, remote_id, notification.app_id))


def conversation_events(conversation: Conversation, since: datetime) -> list[InboundEvent]:
    """All that happened since then, as the webhooks would have told it."""
    since = since.replace(microsecond=0)  # Intercom counts in seconds
    events: list[InboundEvent] = []
    for part in in_order(conversation):
        if part.created_at >= since:
            events += part_events(part, conversation.id)
    changes = [e for e in events if isinstance(e, TicketClosed | TicketReopened)]
    if conversation.state == "closed" and not (changes and changes[-1].kind == "ticket_closed"):
        events.append(
            TicketClosed(
                remote_id=conversation.id,
                key=f"{conversation.id}:closed",
                at=conversation.updated_at or since,
            )
        )
    return [event for event in events if event.kind != "ticket_changed"]


def in_order(conversation: Conversation) -> list[Part]:
    """The parts by time; those of one second stay in Intercom's order."""
    return sorted(conversation.parts, key=lambda part: part.created_at)


def part_events(
    part: Part, remote_id: str, account_id: str = "", *, replied: bool = False
) -> Iterator[InboundEvent]:
    """The events of one part; `replied`: it came under the topic of agents' replies."""
    author = part.author
    agent = Agent(author.id, author.name, author.email) if author.is_human_agent else None
    about: JsonObject = {"remote_id": remote_id, "at": part.created_at, "account_id": account_id}
    if part.redacted:
        if agent and not part.is_note:
            yield MessageRedacted(key=f"{part.id}:redacted", message_key=part.id, **about)
        return
    yield from _assignment(part, agent, about)
    if agent and part.part_type in ("open", "assign_and_reopen"):
        yield TicketReopened(key=f"{part.id}:open", agent=agent, **about)
    if agent and (part.part_type in SPOKEN or (replied and part.part_type == "assignment")):
        yield from _message(part, agent, about)
    if part.part_type == "close":
        reason: Literal["userEnded", "agentClosed"] = (
            "userEnded" if author.is_customer else "agentClosed"
        )
        yield TicketClosed(key=f"{part.id}:close", agent=agent, reason=reason, **about)


def _message(part: Part, agent: Agent, about: JsonObject) -> Iterator[InboundEvent]:
    contents = contents_of(part)
    lost_image = IMAGE_PLACEHOLDER.search(part.body) and not any(
        content.type == "image" for content in contents
    )
    if contents and not lost_image:
        yield AgentMessage(key=part.id, agent=agent, contents=contents, **about)
    elif part.part_type == "comment":
        yield TicketChanged(key=f"{part.id}:look", **about)


def _assignment(part: Part, agent: Agent | None, about: JsonObject) -> Iterator[InboundEvent]:
    """Who has the conversation now; `assigned_to` is null where that did not change."""
    to = part.assigned_to
    if to is None:
        return
    if to.type == "admin" and to.id:
        known = agent if agent and agent.id == to.id else Agent(to.id)
        yield AgentAssigned(key=f"{part.id}:assigned", agent=known, **about)
        return
    went_elsewhere = (to.type == "team" and to.id) or "assign" in part.part_type
    if went_elsewhere and not part.app_package_code:  # by API: our own, of the new conversation
        yield TicketTransferred(key=f"{part.id}:transferred", to=to.id, **about)


def contents_of(part: Part) -> tuple[Content, ...]:
    """The part's text, its inline images and its attachments."""
    text, images = to_markdown(part.body)
    found = [Content("text", {"text": text})] if text else []
    seen = set(images)
    found += [Content("image", {"imageUrl": url}) for url in images]
    for attachment in part.attachments:
        if attachment.url in seen or not attachment.url.startswith(("https://", "http://")):
            continue
        seen.add(attachment.url)
        family = attachment.content_type.partition("/")[0]
        kind = MEDIA_KINDS.get(family, "file")
        payload = {MEDIA_KEYS[kind]: attachment.url}
        if attachment.name:
            payload["title"] = attachment.name
        found.append(Content(kind, payload))
    return tuple(found)
