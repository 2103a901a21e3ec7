"""botSendsMessage: the user writes, or the bot does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from conversations.engine import lanes, wake
from conversations.flows.botpress import binding, closing, people
from conversations.flows.events import touch
from conversations.flows.locking import locked
from conversations.flows.messages import NewMessage, send_message
from conversations.flows.problems import NotFound
from conversations.models import (
    Author,
    BotpressSession,
    Conversation,
    LaneKind,
    Message,
    MessageStatus,
    User,
    lane_id,
)
from conversations.models.messages import message_id
from hitl_bridge.botpress import ENDING_NOTICE, NO_TEXT, option
from hitl_bridge.models import Installation


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message; `by_bot` only for texts that the bot itself wrote."""

    conversation_id: str
    user_id: str  # as Botpress has it; may be nobody's
    by_bot: bool
    type: str
    payload: Mapping[str, Any]
    additional_data: str = ""


def take(installation: Installation, incoming: Incoming) -> None:
    """Accept a message, in the order of arrival. Raises NotFound for an unknown conversation.

    One that comes after the end is kept, visibly not delivered: an error would change nothing,
    since Botpress does not repeat it.
    """
    with transaction.atomic():
        session = _session(installation, incoming.conversation_id)
        speaker = None if incoming.by_bot else people.known(installation.bot, incoming.user_id)
        notice = incoming.by_bot and is_ending_notice(installation, incoming)
        if notice or _says_something_new(session, speaker):
            binding.lock(installation)
            session = _session(installation, incoming.conversation_id)
        session.conversation = locked(session.pk)
        _first_message(session)
        if speaker is not None:
            binding.learn(session, speaker)
        _store(session, incoming, speaker)
        if notice:
            session.ending_notice_at = timezone.now()
            session.save(update_fields=["ending_notice_at"])
            closing.settle(installation)


def is_ending_notice(installation: Installation, incoming: Incoming) -> bool:
    """Whether this is the text that the plugin sends ahead of each stop on the bot's side."""
    wanted = option(installation.options, ENDING_NOTICE)
    said = str(incoming.payload.get("text", ""))
    return incoming.type == "text" and wanted != NO_TEXT and _bare(said) == _bare(wanted)


def _bare(text: str) -> str:
    """Without brackets, stops and blanks, which are easily lost on the way."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _session(installation: Installation, conversation_id: str) -> BotpressSession:
    session = (
        BotpressSession.objects.filter(installation=installation, pk=conversation_id)
        .select_related("conversation__user", "installation__bot")
        .first()
    )
    if session is None:
        raise NotFound(
            "There is no such conversation on this connection.", field="remoteConversationId"
        )
    return session


def _says_something_new(session: BotpressSession, speaker: User | None) -> bool:
    return session.first_message_at is None or (
        speaker is not None and session.user_id != speaker.pk
    )


def _first_message(session: BotpressSession) -> None:
    """Botpress has made its own conversation by now: what waited to be told it may go."""
    if session.first_message_at is not None:
        return
    session.first_message_at = timezone.now()
    session.save(update_fields=["first_message_at"])
    lane = lane_id(session.pk, LaneKind.BOT)
    if lanes.hurry(pk=lane):
        wake.after_commit(lane)


def _store(session: BotpressSession, incoming: Incoming, speaker: User | None) -> None:
    conversation = session.conversation
    user = speaker or session.user or conversation.user
    if not conversation.is_open:
        _keep_late(conversation, incoming, None if incoming.by_bot else user)
        return
    new = NewMessage(
        type=incoming.type,
        payload=incoming.payload,
        user_id="" if incoming.by_bot else user.pk,
        additional_data=incoming.additional_data,
    )
    send_message(conversation.bot, conversation.id, new)


def _keep_late(conversation: Conversation, incoming: Incoming, user: User | None) -> None:
    conversation.last_message_sequence += 1
    touch(conversation, "last_message_sequence")
    id_ = message_id()
    Message.objects.create(
        id=id_,
        tenant_id=conversation.tenant_id,
        conversation=conversation,
        sequence=conversation.last_message_sequence,
        author=Author.BOT if user is None else Author.USER,
        user=user,
        type=incoming.type,
        payload=dict(incoming.payload),
        additional_data=incoming.additional_data,
        effect_key=f"out:{id_}",
        status=MessageStatus.DROPPED,
        failure="It came after the session had ended.",
    )
