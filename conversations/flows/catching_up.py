"""When to ask the help desk what its webhooks may have failed to tell."""

from __future__ import annotations

import random
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from conversations.engine import lanes
from conversations.flows.locking import locked
from conversations.models import OPEN_STATUSES, Conversation, DeliveryKind, DeliveryState

JUST_ASKED = timedelta(seconds=5)
SILENCE = timedelta(minutes=10)  # an open conversation is asked about at least this often


def plan(conversation: Conversation) -> None:
    """Set when to ask next (the caller saves)."""
    conversation.catch_up_at = timezone.now() + SILENCE * random.uniform(0.9, 1.1)  # noqa: S311


def start_due(limit: int = 200) -> int:
    """Queue the questions that are due; returns how many."""
    due = Conversation.objects.filter(
        catch_up_at__lte=timezone.now(), status__in=OPEN_STATUSES
    ).order_by("catch_up_at")
    started = 0
    for id_ in due.values_list("id", flat=True)[:limit]:
        with transaction.atomic():
            conversation = locked(id_)
            if conversation.catch_up_at is None or conversation.catch_up_at > timezone.now():
                continue  # another worker was faster
            start(conversation)
            started += 1
    return started


def start(conversation: Conversation) -> None:
    """Queue the question about a locked conversation; what is told next waits behind it."""
    plan(conversation)
    conversation.save(update_fields=["catch_up_at"])
    asked = conversation.deliveries.filter(
        kind=DeliveryKind.CATCH_UP, state=DeliveryState.PENDING, attempt_count=0
    )
    # One that has not been put yet asks the same; under load they would pile up.
    if not asked.exists():
        lanes.append(conversation, DeliveryKind.CATCH_UP)


def after_down_time() -> int:
    """We were away: ask about every open conversation now; returns how many.

    The sweep takes them in batches, so this is no stampede; who has just been asked about is
    left in peace, so a rolling restart of many processes is none either.
    """
    now = timezone.now()
    return (
        Conversation.objects.filter(status__in=OPEN_STATUSES, catch_up_at__gt=now)
        .filter(Q(caught_up_to=None) | Q(caught_up_to__lt=now - JUST_ASKED))
        .update(catch_up_at=now)
    )
