"""What happened in a chat, read from Zoho: the same events, by the same keys, as from webhooks."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers.render import MEDIA_KEYS
from providers.types import (
    AgentAssigned,
    AgentMessage,
    Content,
    InboundEvent,
    JsonObject,
    MessageType,
)
from providers.zoho.events import agent_of, assignment_key, closing, redaction
from providers.zoho.models import Entity, Message, Party

# Kinds of entries in a chat that the customer does not see; Zoho has no list of them.
INSIDE = re.compile(r"note|info|system|event|whisper|private|internal|log|status", re.IGNORECASE)
DELETED = re.compile(r"delet", re.IGNORECASE)
MEDIA_KINDS: dict[str, MessageType] = {"image": "image", "audio": "audio", "video": "video"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message, as far as the message tells."""

    id: str = ""
    name: str = ""
    kind: str = ""  # MIME type
    url: str = ""


def chat_events(
    remote_id: str,
    entity: Entity,
    messages: list[Message],
    since: datetime,
    attachment_url: Callable[[str], str],
) -> list[InboundEvent]:
    """All that happened since then, as the webhooks would have told it."""
    events: list[InboundEvent] = []
    at = entity.attended_time or entity.last_modified_time or since
    owner = None if entity.is_waiting else entity.owner or entity.attender
    if owner and owner.id and owner.is_operator is not False and at >= since:
        agent = agent_of(owner, entity)
        events.append(
            AgentAssigned(remote_id=remote_id, at=at, key=assignment_key(owner.id, at), agent=agent)
        )
    for message in messages:
        about = {"remote_id": remote_id, "at": message.time or since}
        events += _message_events(message, entity, about, attachment_url)
    if entity.is_closed:
        at = entity.missed_time or entity.end_time or entity.last_modified_time or since
        events.append(closing(entity, {"remote_id": remote_id, "at": at}))
    return sorted(events, key=lambda event: (event.at, event.kind == "ticket_closed"))


def _message_events(
    message: Message, entity: Entity, about: JsonObject, attachment_url: Callable[[str], str]
) -> Iterator[InboundEvent]:
    sender = message.sender or Party()
    if not sender.id or sender.is_operator is False:
        return
    if message.is_deleted or DELETED.search(message.type):
        yield redaction(message.key, about)
        return
    if INSIDE.search(message.type):
        return
    contents = [Content("text", {"text": message.words})] if message.words else []
    contents += [_media(one, attachment_url) for one in attachments(message)]
    if not contents:
        # Better a sign that there is something than silence.
        contents = [Content("text", {"text": "[file]"})]
    agent = agent_of(sender, entity)
    yield AgentMessage(key=message.key, agent=agent, contents=tuple(contents), **about)


def attachments(message: Message) -> list[Attachment]:
    """The files of a message that can be fetched."""
    found: dict[str, Attachment] = {}
    for described in message.files:
        one = _attachment(described)
        found.setdefault(one.id or one.url, one)
    found.pop("", None)
    return list(found.values())


def _attachment(value: Mapping[str, Any]) -> Attachment:
    def first(*names: str) -> str:
        texts = (value.get(name) for name in names)
        return next((str(one) for one in texts if isinstance(one, str | int) and one), "")

    url = first("url", "download_url", "link")
    return Attachment(
        id=first("attachment_id", "file_id", "id"),
        name=Party(name=first("name", "file_name", "filename", "title")).name,
        kind=first("content_type", "mime_type", "type"),
        url=url if url.startswith(("https://", "http://")) else "",
    )


def _media(attachment: Attachment, attachment_url: Callable[[str], str]) -> Content:
    guessed = mimetypes.guess_type(attachment.name)[0] or attachment.kind
    kind = MEDIA_KINDS.get(guessed.partition("/")[0], "file")
    url = attachment_url(attachment.id) if attachment.id else attachment.url
    title = {"title": attachment.name} if attachment.name else {}
    return Content(kind, {MEDIA_KEYS[kind]: url, **title})
