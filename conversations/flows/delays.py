"""Telling the bot that the help desk keeps its messages waiting, and when that is over."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from conversations.flows.events import emit
from conversations.flows.locking import locked
from conversations.models import (
    UNFINISHED,
    Delivery,
    DeliveryKind,
    EventType,
    Lane,
    LaneKind,
)

# A call that fails is usually repeated within seconds: nobody needs to hear of that.
WORTH_TELLING = timedelta(seconds=30)
WHY = "The help desk can't be reached at the moment. Nothing is lost: it goes out as soon as it can"


def tell_due(limit: int = 200) -> int:
    """Tell of what has been stuck for long enough; returns how many bots' chats were told."""
    stuck = Lane.objects.filter(
        kind=LaneKind.PROVIDER,
        due_at__isnull=False,  # by this there is an index
        stuck_since__lte=timezone.now() - WORTH_TELLING,
        delay_told=False,
    ).order_by("stuck_since")
    return sum(_tell(lane) for lane in stuck[:limit])


def _tell(lane: Lane) -> bool:
    with transaction.atomic():
        conversation = locked(lane.conversation_id)
        # Another worker may have been faster, or it has got through by now.
        still = Lane.objects.filter(pk=lane.pk, stuck_since=lane.stuck_since, delay_told=False)
        if not still.update(delay_told=True):
            return False
        first = (
            Delivery.objects.filter(
                lane_id=lane.pk,
                state__in=UNFINISHED,
                kind__in=(DeliveryKind.OPEN, DeliveryKind.MESSAGE),
            )
            .order_by("id")
            .first()
        )
        if first is None or not conversation.is_open:
            return False
        data = {"status": "delayed", "detail": f"{WHY}."}
        if first.message_id:
            data["messageId"] = first.message_id
        return bool(emit(conversation, EventType.MESSAGE_STATUS, data, f"delayed:{first.pk}"))


def over(delivery: Delivery) -> None:
    """Something that was stuck has got through; in the transaction that ends it."""
    if delivery.kind not in (DeliveryKind.OPEN, DeliveryKind.MESSAGE):
        return
    conversation = locked(delivery.conversation_id)
    lane = Lane.objects.filter(pk=delivery.lane_id)
    told = lane.filter(delay_told=True).exists()
    lane.update(stuck_since=None, delay_told=False)
    # That the ticket is open is told anyway.
    if told and delivery.message_id and conversation.is_open:
        data = {"messageId": delivery.message_id, "status": "delivered"}
        emit(conversation, EventType.MESSAGE_STATUS, data, f"delivered:{delivery.message_id}")
