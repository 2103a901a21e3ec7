"""All that is stored of a person, as plain values for JSON."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from django.db import models

from conversations.flows import media
from conversations.flows.privacy import traces
from conversations.flows.privacy.finding import (
    conversations_of,
    tickets_of,
    traces_of,
    words_elsewhere,
)
from conversations.flows.privacy.places import OF_CONVERSATION, OF_USER
from conversations.models import Conversation, MediaFile, User
from hitl_bridge import audit
from hitl_bridge.audit import Who
from hitl_bridge.models import AuditAction

FORMAT = 1


def export(user: User, by: Who, *, files: bool = False) -> dict[str, Any]:
    """The person's data, table by table; `files` puts the contents of files in, as Base64."""
    rows = conversations_of(user).order_by("pk")
    document: dict[str, Any] = {
        "format": FORMAT,
        "user": _row(user),
        **{_name(model): _rows(model, way, user.pk) for model, way in OF_USER},
        "conversations": [_conversation(row, files=files) for row in rows.iterator(100)],
        "messagesInOthersConversations": [_row(row) for row in words_elsewhere(user)],
        "webhooks": _webhooks(user),
        "ticketsAtHelpDesks": [
            {"provider": one.provider, "installation": one.installation, "id": one.remote_id,
             "url": one.url}
            for one in tickets_of(rows)
        ],
    }  # fmt: skip
    audit.record(by, AuditAction.EXPORTED, user, conversations=len(document["conversations"]))
    return document


def _conversation(conversation: Conversation, *, files: bool) -> dict[str, Any]:
    found = _row(conversation)
    for model, way in OF_CONVERSATION:
        found[_name(model)] = _rows(model, way, conversation.pk)
    for entry, kept in zip(
        found[_name(MediaFile)], conversation.media.order_by("pk"), strict=False
    ):
        entry["address"] = media.address(kept)
        if files:
            entry["base64"] = _content(kept)
    return found


def _content(kept: MediaFile) -> str | None:
    try:
        with kept.file.open() as file:
            return base64.b64encode(file.read()).decode()
    except (FileNotFoundError, ValueError):  # never written, or gone
        return None


def _webhooks(user: User) -> list[dict[str, Any]]:
    known = traces_of(user)
    pattern = known.pattern()
    if pattern is None:
        return []

    def speaks(text: str) -> bool:
        return bool(pattern.search(text))

    since = user.created_at - traces.EARLIER
    return [_row(one) for one in traces.receipts_about(user, speaks, known.tickets, since)]


def _rows(model: type[models.Model], way: str, pk: str) -> list[dict[str, Any]]:
    rows = model._base_manager.filter(**{way: pk}).order_by("pk")
    return [_row(row) for row in rows.iterator(1000)]


def _name(model: type[models.Model]) -> str:
    """What the table is called in the document: `ConversationTag` is conversationTags."""
    name = model.__name__[0].lower() + model.__name__[1:]
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _row(row: models.Model) -> dict[str, Any]:
    """Every column that says something, under its own name."""
    values = {one.attname: _plain(getattr(row, one.attname)) for one in row._meta.concrete_fields}
    return {name: value for name, value in values.items() if value not in (None, "", {}, [])}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, models.fields.files.FieldFile):
        return str(value)
    return value
