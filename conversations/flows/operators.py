"""What people do by hand in the admin: end a stuck session, decide on a dead letter."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from conversations.engine import wake
from conversations.flows import ending
from conversations.flows.events import emit
from conversations.flows.locking import locked
from conversations.flows.problems import Conflict, FlowError
from conversations.models import (
    Conversation,
    Delivery,
    DeliveryKind,
    DeliveryState,
    EventType,
    Lane,
    Message,
    MessageStatus,
    StopReason,
)
from hitl_bridge import audit
from hitl_bridge.audit import Who
from hitl_bridge.models import AuditAction

RETRIED = "retried"  # in a delivery's payload: the bot is told if it arrives after all

# What goes to the ticket makes no sense once its session is over.
_ONLY_WHILE_OPEN = (
    DeliveryKind.OPEN,
    DeliveryKind.MESSAGE,
    DeliveryKind.TELL_AGENT,
    DeliveryKind.CATCH_UP,
)


def end_session(conversation_id: str) -> bool:
    """End it on both sides as if the bot had; False if it had ended before."""
    with transaction.atomic():
        return ending.end(locked(conversation_id), StopReason.BOT_STOPPED)


def retry_problem(delivery: Delivery, conversation: Conversation) -> str:
    """Why a dead letter can't be tried again, as a sentence; empty if it can."""
    if delivery.state != DeliveryState.DEAD:
        return "It is no dead letter any more."
    if delivery.kind in _ONLY_WHILE_OPEN and not conversation.is_open:
        return "The session has ended: this can only be dropped."
    return ""


def retry(delivery_id: int, by: Who) -> None:
    """Try a dead letter again, ahead of what came after it. Raises Conflict if that can't be.

    The attempts go on counting, since each keeps its row, but the schedule begins anew; those
    that took their worker with them are forgiven.
    """
    with transaction.atomic():
        delivery, conversation = _dead_letter(delivery_id)
        problem = retry_problem(delivery, conversation)
        if problem:
            raise Conflict(problem)
        now = timezone.now()
        # First the lane, whose row orders all that changes in it (see engine.lanes).
        Lane.objects.filter(pk=delivery.lane_id).update(due_at=now, version=F("version") + 1)
        changed = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.DEAD).update(
            state=DeliveryState.PENDING,
            next_attempt_at=now,
            crash_count=0,
            attempts_before=F("attempt_count"),
            error_kind="",
            error="",
            finished_at=None,
            payload={**delivery.payload, RETRIED: True},
        )
        if not changed:
            raise Conflict("Somebody else has decided on it already.")
        _tell_that_it_is_on_its_way(delivery, conversation)
        _record(by, AuditAction.REPLAYED, delivery)
        wake.after_commit(delivery.lane_id)


def drop(delivery_id: int, reason: str, by: Who) -> None:
    """Give a dead letter up, visibly, and tell the bot. Raises Conflict if it is none any more,
    FlowError where no reason is given."""
    why = reason.strip()[:200]
    if not why:
        raise FlowError("Give a reason for dropping it.", field="reason")
    with transaction.atomic():
        delivery, conversation = _dead_letter(delivery_id)
        changed = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.DEAD).update(
            state=DeliveryState.DROPPED, error=why, finished_at=timezone.now()
        )
        if not changed:
            raise Conflict("It is no dead letter any more.")
        if delivery.message is not None:
            _tell_that_it_is_given_up(conversation, delivery.message, why)
        _record(by, AuditAction.DROPPED, delivery, reason=why)


def _dead_letter(delivery_id: int) -> tuple[Delivery, Conversation]:
    delivery = Delivery.objects.select_related("message").get(pk=delivery_id)
    return delivery, locked(delivery.conversation_id)


def _tell_that_it_is_on_its_way(delivery: Delivery, conversation: Conversation) -> None:
    """The bot was told that the message failed, and might send it again itself."""
    message = delivery.message
    if message is None:
        return
    message.status, message.failure = MessageStatus.PENDING, ""
    message.save(update_fields=["status", "failure"])
    data = {"messageId": message.id, "status": MessageStatus.PENDING}
    key = f"retried:{message.id}:{delivery.attempt_count}"
    emit(conversation, EventType.MESSAGE_STATUS, data, key)


def _tell_that_it_is_given_up(conversation: Conversation, message: Message, why: str) -> None:
    message.status, message.failure = MessageStatus.DROPPED, why
    message.save(update_fields=["status", "failure"])
    data = {"messageId": message.id, "status": MessageStatus.DROPPED, "detail": why}
    emit(conversation, EventType.MESSAGE_STATUS, data, f"given-up:{message.id}")


def _record(by: Who, action: AuditAction, delivery: Delivery, **details: str) -> None:
    """With what is known of it before the row changed."""
    audit.record(
        by,
        action,
        delivery,
        kind=delivery.kind,
        conversation=delivery.conversation_id,
        message=delivery.message_id,
        error=delivery.error_kind,
        attempts=delivery.attempt_count,
        **details,
    )
