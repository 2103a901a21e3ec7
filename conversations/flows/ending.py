"""Every session ends on both sides, on every path, once, with a reason."""

from __future__ import annotations

from django.utils import timezone

from conversations.engine import lanes
from conversations.flows.events import emit
from conversations.flows.saying import say
from conversations.models import (
    UNFINISHED,
    Author,
    Conversation,
    ConversationStatus,
    Delivery,
    DeliveryKind,
    DeliveryState,
    EventType,
    LaneKind,
    Message,
    MessageStatus,
    StopReason,
    lane_id,
)
from hitl_bridge.options import Text

NOBODY_CAME = (StopReason.ASSIGNMENT_TIMEOUT, StopReason.MISSED)


def end(conversation: Conversation, reason: StopReason, *, ticket_is_closed: bool = False) -> bool:
    """End a locked conversation; False if it had ended before."""
    if not conversation.is_open:
        return False
    _close_books(conversation, ConversationStatus.STOPPED, reason)
    if ticket_is_closed:
        # Sent now, it would open the ticket again while the session is over for the bot.
        drop_waiting(conversation, "The session had ended before this could be delivered.")
    elif not _drop_unopened(conversation):
        lanes.append(conversation, DeliveryKind.CLOSE, payload={"reason": reason})
    # Ahead of the event: once the bot has the user back, it may listen no more.
    say(conversation, Text.NO_AGENT if reason in NOBODY_CAME else Text.ENDED, "end")
    emit(conversation, EventType.STOPPED, {"reason": reason}, "stopped")
    return True


def fail(conversation: Conversation, detail: str) -> bool:
    """The ticket could not be opened: end a locked conversation and tell the bot why."""
    why = "The ticket could not be opened."
    if not conversation.is_open:
        # It ended while its ticket was being opened; what was said until then waits for that.
        drop_waiting(conversation, why, said=True)
        return False
    conversation.failure = detail[:300]
    _close_books(conversation, ConversationStatus.FAILED, StopReason.FAILED)
    drop_waiting(conversation, why, said=True)
    say(conversation, Text.NO_AGENT, "end")
    emit(conversation, EventType.FAILED, {"reason": StopReason.FAILED, "detail": detail}, "stopped")
    return True


def drop_waiting(conversation: Conversation, why: str, *, said: bool = False) -> None:
    """Nothing more goes to the help desk: drop what waits, visibly.

    `said`: the customer knows or is told otherwise.
    """
    waiting = Delivery.objects.filter(
        lane_id=lane_id(conversation.id, LaneKind.PROVIDER), state=DeliveryState.PENDING
    )
    for message in Message.objects.filter(deliveries__in=waiting).order_by("sequence"):
        message.status, message.failure = MessageStatus.DROPPED, why
        message.save(update_fields=["status", "failure"])
        data = {"messageId": message.id, "status": MessageStatus.DROPPED, "detail": why}
        emit(conversation, EventType.MESSAGE_STATUS, data, f"dropped:{message.id}")
        if message.author == Author.USER and not said:
            say(conversation, Text.UNDELIVERABLE, "dropped")
    waiting.update(state=DeliveryState.DROPPED, error=why, finished_at=timezone.now())


def _close_books(
    conversation: Conversation, status: ConversationStatus, reason: StopReason
) -> None:
    conversation.status = status
    conversation.stop_reason = reason
    conversation.stopped_at = timezone.now()
    conversation.assignment_deadline = conversation.idle_deadline = None
    conversation.catch_up_at = None
    conversation.save(
        update_fields=[
            "status",
            "stop_reason",
            "stopped_at",
            "assignment_deadline",
            "idle_deadline",
            "catch_up_at",
            "failure",
        ]
    )


def _drop_unopened(conversation: Conversation) -> bool:
    """Whether the ticket had not even been tried to open; then it need not be, nor closed."""
    if conversation.remote_id:
        return False  # an agent took up an old one
    opening = Delivery.objects.filter(
        conversation=conversation, kind=DeliveryKind.OPEN, state__in=UNFINISHED
    )
    dropped = opening.filter(attempt_count=0, state=DeliveryState.PENDING).update(
        state=DeliveryState.DROPPED, error="The session ended first.", finished_at=timezone.now()
    )
    if dropped:
        why = "The session ended before its ticket was opened."
        drop_waiting(conversation, why, said=True)
    return bool(dropped)
