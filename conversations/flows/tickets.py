"""Our rows as adapters have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from conversations.flows.people import person_of
from conversations.models import (
    UNFINISHED,
    Author,
    Contact,
    Conversation,
    Delivery,
    DeliveryKind,
    Message,
)
from providers.render import MEDIA_KEYS, as_text
from providers.types import OpenRequest, OutgoingMessage, Ticket, TranscriptLine

KNOWN_IDS = 500  # of the latest messages; vendors list no more in one answer


def contact_of(conversation: Conversation) -> Mapping[str, Any]:
    """What the adapter keeps of this user in this account."""
    contact = Contact.objects.filter(
        user_id=conversation.user_id, installation_id=conversation.installation_id
    ).first()
    return contact.data if contact else {}


def save_contact(conversation: Conversation, data: Mapping[str, Any] | None) -> None:
    """Keep what the adapter learned; None: nothing new."""
    if data is None:
        return
    Contact.objects.update_or_create(
        user_id=conversation.user_id,
        installation_id=conversation.installation_id,
        defaults={"data": dict(data)},
    )


def ticket_of(conversation: Conversation, *, with_known_ids: bool = False) -> Ticket:
    """The ticket; the known ids are read only for who looks at the vendor's list."""
    known: list[str] = []
    if with_known_ids:
        rows = Message.objects.filter(conversation=conversation).order_by("-sequence")
        known = [
            id_ for ids in rows.values_list("remote_ids", flat=True)[:KNOWN_IDS] for id_ in ids
        ]
    return Ticket(
        remote_id=conversation.remote_id,
        conversation_id=conversation.id,
        person=person_of(conversation.user),
        state=conversation.remote_state,
        contact=contact_of(conversation),
        # The vendor's clock may be a little behind ours.
        opened_at=conversation.created_at - timedelta(seconds=60),
        known_ids=frozenset(known),
    )


def open_request(conversation: Conversation) -> OpenRequest:
    """What the ticket is opened with."""
    bot = conversation.bot
    return OpenRequest(
        conversation_id=conversation.id,
        person=person_of(conversation.user),
        title=conversation.title,
        description=conversation.description,
        transcript=tuple(
            _line(entry, conversation.user.name, bot.name or "Bot")
            for entry in conversation.transcript
        ),
        session=conversation.hitl_session,
        contact=contact_of(conversation),
        requested_at=conversation.created_at,
        others=_made_for_others(conversation),
    )


def _made_for_others(conversation: Conversation) -> frozenset[str]:
    """What the journals and rows of the user's other sessions at this help desk name."""
    others = Conversation.objects.filter(
        installation_id=conversation.installation_id, user_id=conversation.user_id
    ).exclude(pk=conversation.pk)
    tickets = others.exclude(remote_id="").order_by("-id").values_list("remote_id", flat=True)
    opening = Delivery.objects.filter(
        conversation__in=others, kind=DeliveryKind.OPEN, state__in=UNFINISHED
    )
    journals = opening.values_list("progress", flat=True)
    return frozenset([*tickets[:KNOWN_IDS], *_texts(list(journals))])


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def outgoing(message: Message, bot_name: str) -> OutgoingMessage:
    """A message on its way to the help desk."""
    by_bot = message.author == Author.BOT
    name = bot_name if by_bot else (message.user.name if message.user else "")
    return OutgoingMessage(
        id=message.id,
        type=message.type,  # type: ignore[arg-type]  # checked when it was accepted
        payload=message.payload,
        author="bot" if by_bot else "user",
        author_name=name,
        created_at=message.created_at,
    )


def _line(entry: Mapping[str, Any], user_name: str, bot_name: str) -> TranscriptLine:
    by_user = (entry.get("source") or {}).get("type") == "user"
    type_, payload = str(entry.get("type", "text")), entry.get("payload") or {}
    media = str(payload.get(MEDIA_KEYS.get(type_, ""), "") or "")
    return TranscriptLine(
        author="user" if by_user else "bot",
        author_name=user_name if by_user else bot_name,
        text=as_text(type_, payload),
        media_url=media,
    )
