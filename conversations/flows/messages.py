"""What the bot's side says to the agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from conversations.engine import lanes
from conversations.flows import ending
from conversations.flows.events import touch
from conversations.flows.locking import locked
from conversations.flows.problems import Conflict, NotFound
from conversations.models import (
    Author,
    Conversation,
    DeliveryKind,
    Message,
    MessageStatus,
    StopReason,
    User,
    UserKind,
)
from conversations.models.messages import message_id
from hitl_bridge.models import Bot
from hitl_bridge.options import close_commands

COMMAND = "A close command: it ended the session and was not sent to the agent."


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message of one of the interface's types; without `user_id` the bot itself speaks."""

    type: str
    payload: Mapping[str, Any]
    user_id: str = ""
    additional_data: str = ""


def send_message(bot: Bot, conversation_id: str, new: NewMessage) -> Message:
    """Accept a message for the help desk; it is delivered in the order of acceptance.

    A close command of the user's ends the session instead.
    """
    with transaction.atomic():
        # Ahead of the lock: another bot's conversation is not even touched.
        if not Conversation.objects.filter(bot=bot, pk=conversation_id).exists():
            raise NotFound("There is no such conversation.", field="conversationId")
        conversation = locked(conversation_id)
        if not conversation.is_open:
            raise Conflict(
                f"The session has ended ({conversation.stop_reason}): start a new one.",
                field="conversationId",
                conversationStatus=conversation.status,
            )
        author, user = _author(conversation, new.user_id)
        conversation.last_message_sequence += 1
        touch(conversation, "last_message_sequence")
        id_ = message_id()
        message = Message.objects.create(
            id=id_,
            tenant_id=conversation.tenant_id,
            conversation=conversation,
            sequence=conversation.last_message_sequence,
            author=author,
            user=user,
            type=new.type,
            payload=dict(new.payload),
            additional_data=new.additional_data,
            effect_key=f"out:{id_}",
        )
        if _is_close_command(message):
            message.status, message.failure = MessageStatus.DROPPED, COMMAND
            message.save(update_fields=["status", "failure"])
            ending.end(conversation, StopReason.USER_ENDED)
        else:
            lanes.append(conversation, DeliveryKind.MESSAGE, message=message)
    return message


def _is_close_command(message: Message) -> bool:
    if message.author != Author.USER or message.type != "text":
        return False
    said = str(message.payload.get("text", "")).strip().lower()
    return said in close_commands(message.conversation.options)


def _author(conversation: Conversation, user_id: str) -> tuple[Author, User | None]:
    if not user_id:
        return Author.BOT, None
    if user_id == conversation.user_id:
        return Author.USER, conversation.user
    user = User.objects.filter(
        pk=user_id, bot_id=conversation.bot_id, kind=UserKind.END_USER
    ).first()
    if user is None:
        raise NotFound("This bot has no such user.", field="userId")
    return Author.USER, user
