"""Calls that the demo bot owes the bridge, written down before they are made."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from sandbox.background import Runner
from sandbox.models import DemoCall, DemoChat, DemoMessage

caller = Runner("demo-bot")


def owe(
    chat: DemoChat, action: str, payload: dict[str, Any], message: DemoMessage | None = None
) -> None:
    """Write down a call; it is sent once the transaction is committed."""
    DemoCall.objects.create(
        chat=chat,
        session=chat.sessions,
        action=action,
        payload=payload,
        message=message,
        next_attempt_at=timezone.now(),
    )
    caller.wake()
