"""What has been read, both ways: kept with the messages, told in passing.

See `conversations.flows.passing`: nobody's messages wait for it.
"""

from __future__ import annotations

from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from conversations.engine import local, wake
from conversations.flows import passing
from conversations.flows.locking import locked
from conversations.flows.problems import NotFound
from conversations.flows.tickets import ticket_of
from conversations.models import Author, Conversation, EventType, Message, MessageStatus
from hitl_bridge.connect import provider_for
from hitl_bridge.models import Bot
from providers import get
from providers.errors import ProviderError
from providers.types import MessagesSeen

log = structlog.get_logger(__name__)

MOST = 20  # messages that are marked at a time; agents look at the latest


# --- the agent has read -------------------------------------------------------------------------


def agent_has_read(conversation: Conversation, event: MessagesSeen) -> None:
    """Note how far the agent has read."""
    conversation = locked(conversation.id)
    if conversation.agent_read_to and conversation.agent_read_to >= event.at:
        return
    conversation.agent_read_to = event.at
    conversation.save(update_fields=["agent_read_to"])
    tell_read(conversation)


def tell_read(conversation: Conversation) -> None:
    """Mark what the agent has read, and tell the bot, which does not wait for what is on its way.

    Call it under the conversation's lock: here, and once a message has been sent, since the help
    desk may say "read" before it has answered.
    """
    if conversation.agent_read_to is None:
        return
    read = conversation.messages.filter(
        status=MessageStatus.SENT,
        read_at=None,
        deliveries__started_at__lte=conversation.agent_read_to,
    ).exclude(author=Author.AGENT)
    for message in read.order_by("-sequence")[:MOST][::-1]:
        message.read_at = conversation.agent_read_to
        message.save(update_fields=["read_at"])
        passing.tell(conversation, EventType.MESSAGE_STATUS, message=message.pk)


# --- the user has read --------------------------------------------------------------------------


def user_has_read(bot: Bot, conversation_id: str, message_id: str = "") -> None:
    """Note what the user has read, up to that message or all, and have the help desk shown it."""
    conversation = (
        Conversation.objects.filter(bot=bot, pk=conversation_id)
        .select_related("installation")
        .first()
    )
    if conversation is None:
        raise NotFound("There is no such conversation.", field="conversationId")
    rows = conversation.messages.filter(author=Author.AGENT, read_at=None)
    if message_id:
        last = conversation.messages.filter(pk=message_id).first()
        if last is None:
            raise NotFound("This conversation has no such message.", field="messageId")
        rows = rows.filter(sequence__lte=last.sequence)
    read = list(rows.order_by("sequence").values_list("pk", flat=True))
    Message.objects.filter(pk__in=read).update(read_at=timezone.now())
    can = get(conversation.installation.provider).capabilities.read_out
    if read and can and conversation.is_open:
        transaction.on_commit(partial(_hint, conversation_id, read[-MOST:]), robust=True)


def _hint(conversation_id: str, message_ids: list[str]) -> None:
    if settings.REDIS_URL:
        late = passing.STALE.total_seconds()
        wake.publish("conversations.tasks.show_read", conversation_id, message_ids, expires=late)
    else:
        local.call(show_read, conversation_id, message_ids)


def show_read(conversation_id: str, message_ids: list[str]) -> None:
    """Tell the help desk; what fails is forgotten."""
    conversation = Conversation.objects.select_related("installation__app", "user").get(
        pk=conversation_id
    )
    messages = conversation.messages.filter(pk__in=message_ids).order_by("sequence")
    keys = [key for message in messages for key in message.remote_ids]
    times = [message.remote_at for message in messages if message.remote_at]
    if not (keys and times and conversation.remote_id and conversation.installation.delivering):
        return
    try:
        provider = provider_for(conversation.installation)
        provider.mark_read(ticket_of(conversation), list(dict.fromkeys(keys)), max(times))
    except ProviderError as error:
        log.info("read_not_shown", error=type(error).__name__)
