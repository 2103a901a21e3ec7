"""The bridge's signed callbacks: verified, kept, and applied once and in order."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from standardwebhooks import Webhook

from sandbox.demo.chat import apply
from sandbox.environment import CALLBACK_SECRET
from sandbox.models import DemoChat, DemoEvent

# How long an event waits for the one before it, which may have been lost for good.
HOLD = timedelta(seconds=2)
OURS = re.compile(r"^demo-(.+)-(\d+)$")


def verified(request: HttpRequest) -> dict[str, Any] | None:
    """The event, or None if the signature (Standard Webhooks) is not the bridge's."""
    if not CALLBACK_SECRET:
        return None
    try:
        body = Webhook(CALLBACK_SECRET).verify(request.body, dict(request.headers))
    except Exception:  # noqa: BLE001  # it raises many kinds for malformed input; all mean no
        return None
    return body if isinstance(body, dict) else None


def receive(event: dict[str, Any]) -> None:
    """Keep an event (the same id twice is one event) and apply what is next in line."""
    data = event.get("data") or {}
    match = OURS.match(str(data.get("botConversationId") or ""))
    chat = DemoChat.objects.filter(token=match[1]).first() if match else None
    _, new = DemoEvent.objects.get_or_create(
        event_id=str(event["id"]),
        defaults={
            "chat": chat,
            "session": int(match[2]) if match else 0,
            "sequence": int(event.get("sequence") or 0),
            "type": str(event.get("type")),
            "data": data,
            "applied": chat is None,
        },
    )
    if chat and new:
        settle(chat.pk)


@transaction.atomic
def settle(chat_pk: int) -> None:
    """Apply the events that are next in line, or have waited for a lost one long enough."""
    chat = DemoChat.objects.get(pk=chat_pk)
    late = timezone.now() - HOLD
    for row in DemoEvent.objects.filter(chat=chat, applied=False).order_by("session", "sequence"):
        gap = row.session == chat.sessions and row.sequence > chat.last_sequence + 1
        if gap and row.received_at > late:
            break
        apply(chat, row)
        row.applied = True
        row.save(update_fields=["applied"])


def overdue_chats() -> list[int]:
    """Chats with an event that has waited long enough."""
    rows = DemoEvent.objects.filter(applied=False, received_at__lte=timezone.now() - HOLD)
    return list(rows.values_list("chat_id", flat=True).distinct())
