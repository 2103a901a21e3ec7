"""Sessions that nobody ends: deadlines are indexed columns that a sweep acts on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from conversations.flows import ending
from conversations.flows.locking import locked
from conversations.models import OPEN_STATUSES, Conversation, StopReason
from hitl_bridge import options

DEADLINES = {
    "assignment_deadline": StopReason.ASSIGNMENT_TIMEOUT,
    "idle_deadline": StopReason.IDLE_TIMEOUT,
}


def deadlines(given: Mapping[str, Any], now: datetime) -> tuple[datetime | None, datetime | None]:
    """Until when somebody must take a session and somebody must write in it; None: for ever."""
    assignment, idle = (options.seconds(given, f"{name}Timeout") for name in ("assignment", "idle"))
    if not (assignment or idle):
        return None, None
    begin = options.counts_from(given, now)
    return (
        begin + timedelta(seconds=assignment) if assignment else None,
        begin + timedelta(seconds=idle) if idle else None,
    )


def run_due(limit: int = 200) -> int:
    """End the sessions whose time is over; returns how many."""
    ended = 0
    for column, reason in DEADLINES.items():
        due = Conversation.objects.filter(
            **{f"{column}__lte": timezone.now()}, status__in=OPEN_STATUSES
        ).order_by(column)
        for id_ in due.values_list("id", flat=True)[:limit]:
            with transaction.atomic():
                conversation = locked(id_)
                deadline = getattr(conversation, column)
                # Somebody wrote, or an agent came, while we waited for the lock.
                if deadline and deadline <= timezone.now():
                    ended += ending.end(conversation, reason)
    return ended
