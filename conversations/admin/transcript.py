"""A conversation as people read it: bubbles and system lines, in the order they happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from conversations.models import (
    Author,
    Conversation,
    Delivery,
    DeliveryState,
    Event,
    EventType,
    Message,
    MessageStatus,
    StopReason,
)
from providers.render import MediaPiece, TextPiece, pieces

LONGEST_TEXT = 20_000  # characters; more of one message is not for reading
# status of a message -> (symbol, what it means)
TICKS = {
    MessageStatus.PENDING: ("schedule", "On its way"),
    MessageStatus.SENT: ("done_all", "Delivered"),
    MessageStatus.FAILED: ("error", "Could not be delivered"),
    MessageStatus.DROPPED: ("block", "Dropped"),
}
IN_FEED = ("inbox", "In the bot's feed")


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message: a text, or a file with its address."""

    text: str = ""
    kind: str = ""  # image, audio, video or file
    url: str = ""  # http(s) only; others stay text
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A bubble, or (side system) one line of text in the middle."""

    side: str  # user, bot, agent or system
    who: str
    at: datetime | None
    parts: tuple[Part, ...]
    picture_url: str = ""
    history: bool = False  # said before the hand-off
    tick: tuple[str, str] | None = None
    failure: str = ""
    redacted: bool = False
    delivery: Delivery | None = field(default=None, compare=False)


def history(conversation: Conversation) -> list[Line]:
    """What had been said before a human was asked for."""
    return [_handed_over(entry, conversation) for entry in conversation.transcript]


def lines(
    conversation: Conversation,
    messages: Iterable[Message],
    events: Iterable[Event],
    deliveries: Iterable[Delivery],
) -> list[Line]:
    """Messages and system lines by time; `deliveries` say what became of each."""
    fates = dict(_fates(deliveries))
    found = [
        _told_by_bridge(message)
        if message.author == Author.SYSTEM
        else _bubble(conversation, message, fates.get(message.pk))
        for message in messages
    ]
    found += [line for event in events for line in _system(event)]
    return sorted(found, key=lambda line: line.at or conversation.created_at)


def safe_url(url: str) -> str:
    """The address if a browser may follow it, else nothing: no javascript:, no data:."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname else ""


def _fates(deliveries: Iterable[Delivery]) -> Iterator[tuple[str, Delivery]]:
    for delivery in deliveries:
        message = delivery.message_id or delivery.payload.get("message")
        if message:
            yield str(message), delivery


def _parts(type_: str, payload: Any) -> tuple[Part, ...]:
    if not isinstance(payload, Mapping):
        return (Part(text="(a message that can't be read)"),)
    try:
        found = pieces(type_, payload, LONGEST_TEXT)
    except (AttributeError, TypeError, ValueError):
        # The bot's own history is kept as it gave it, however odd.
        return (Part(text="(a message that can't be read)"),)
    return tuple(_part(piece) for piece in found)


def _part(piece: TextPiece | MediaPiece) -> Part:
    if isinstance(piece, TextPiece):
        return Part(text=piece.text)
    url = safe_url(piece.url)
    if not url:
        return Part(text=piece.fallback)
    return Part(kind=piece.kind, url=url, label=piece.title or piece.filename)


def _handed_over(entry: Any, conversation: Conversation) -> Line:
    entry = entry if isinstance(entry, Mapping) else {}
    source = entry.get("source")
    by_user = isinstance(source, Mapping) and source.get("type") == "user"
    return Line(
        side="user" if by_user else "bot",
        who=str(conversation.user if by_user else conversation.bot),
        at=None,
        parts=_parts(str(entry.get("type", "text")), entry.get("payload") or {}),
        history=True,
    )


def _bubble(conversation: Conversation, message: Message, delivery: Delivery | None) -> Line:
    status = MessageStatus(message.status)
    tick = TICKS[status]
    if status == MessageStatus.PENDING and message.author == Author.AGENT and delivery is None:
        tick = IN_FEED
    who = conversation.bot if message.author == Author.BOT else message.user
    picture = message.user.picture_url if message.user and message.author == Author.AGENT else ""
    dead = delivery is not None and delivery.state == DeliveryState.DEAD
    return Line(
        side=message.author,
        who=str(who or message.get_author_display()),
        at=message.created_at,
        parts=_parts(message.type, message.payload),
        picture_url=safe_url(picture),
        tick=tick,
        failure=message.failure,
        redacted=message.redacted_at is not None,
        delivery=delivery if dead else None,
    )


def _told_by_bridge(message: Message) -> Line:
    """The bridge's own words to the customer, quoted."""
    said = str((message.payload or {}).get("text", ""))
    return Line(
        side="system",
        who="",
        at=message.created_at,
        parts=(Part(text=f"Told the customer: \u201c{said}\u201d"),),
        failure=message.failure,
    )


def _system(event: Event) -> Iterator[Line]:
    text = _told(event)
    if text:
        yield Line(side="system", who="", at=event.created_at, parts=(Part(text=text),))


def _told(event: Event) -> str:
    """An event in words; nothing for those that a bubble shows already."""
    agent = str((event.data.get("agent") or {}).get("name") or "an agent")
    if event.type == EventType.QUEUED:
        return "Ticket opened: waiting for an agent"
    if event.type == EventType.ASSIGNED:
        return f"Assigned to {agent}"
    if event.type == EventType.TRANSFERRED:
        to = event.data.get("to")
        return f"Transferred to {to}" if to else "Back in the queue"
    if event.type == EventType.STOPPED:
        return f"Ended: {_reason(event)}"
    if event.type == EventType.FAILED:
        return f"Failed: {event.data.get('detail') or _reason(event)}"
    return ""


def _reason(event: Event) -> str:
    reason = str(event.data.get("reason", ""))
    return str(StopReason(reason).label) if reason in StopReason.values else reason
