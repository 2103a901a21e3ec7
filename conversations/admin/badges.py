"""Colours and numbers that several pages share."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from conversations.models import ConversationStatus, Delivery, DeliveryState, MessageStatus

CONVERSATION_STYLES = {
    ConversationStatus.OPENING: "info",
    ConversationStatus.QUEUED: "warning",
    ConversationStatus.ASSIGNED: "success",
    ConversationStatus.STOPPED: "",
    ConversationStatus.FAILED: "danger",
}
DELIVERY_STYLES = {
    DeliveryState.PENDING: "info",
    DeliveryState.SENDING: "info",
    DeliveryState.DONE: "success",
    DeliveryState.DEAD: "danger",
    DeliveryState.DROPPED: "",
}
MESSAGE_STYLES = {
    MessageStatus.PENDING: "info",
    MessageStatus.SENT: "success",
    MessageStatus.FAILED: "danger",
    MessageStatus.DROPPED: "",
}


def dead_letters(request: HttpRequest) -> int:
    """How many wait for somebody to decide."""
    model_admin: Any = admin.site.get_model_admin(Delivery)
    count = model_admin.get_queryset(request).filter(state=DeliveryState.DEAD).count()
    return int(count)
