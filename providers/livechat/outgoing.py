"""What the bridge does in LiveChat, as the customer: start a chat, speak in it, close it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from providers.base import Connection, Journal, repeatable
from providers.errors import Gone, Misconfigured, Permanent
from providers.livechat import texts
from providers.livechat.api import LiveChatApi, parsed
from providers.livechat.chats import Body, Chats, Place
from providers.livechat.customers import Customer, Customers
from providers.livechat.declaration import groups_of, session_fields
from providers.livechat.errors import ChatInactive, IdentityLost, Refused
from providers.livechat.models import Chat, SentEvent, Upload
from providers.media import fetched
from providers.render import MediaPiece, Piece, TextPiece, pieces
from providers.types import OpenedTicket, OpenRequest, OutgoingMessage, Sent, Ticket

logger = logging.getLogger(__name__)
SKIPPED = "skipped"

MAX_FILE = 10 * 1024 * 1024  # bytes


class Outgoing:
    """The changes, each a step of the delivery's journal."""

    def __init__(self, connection: Connection, api: LiveChatApi) -> None:
        self._connection = connection
        self._api = api
        self._chats = Chats(connection, api)
        self._customers = Customers(connection, api)

    # --- opening ----------------------------------------------------------------------------

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        """See `Provider.open`. The briefing's first part rides on the chat's start."""
        who = self._customers.known_or_new(request.contact, journal)
        groups = groups_of(request.session, self._connection.settings)
        fields = session_fields(request)
        journal.once("details", lambda: self._describe(who, request, fields), repeatable)
        first, *rest = texts.briefing(request)
        entered = self._deliver(who, Place(), groups, first, journal, "chat")
        remote_id = entered["chat"]
        self._into_group(entered, groups, journal, "queue")
        here = Place(remote_id, True, entered["thread"])
        for index, text in enumerate(rest, start=1):
            self._deliver(who, here, groups, text, journal, f"briefing-{index}")
        return OpenedTicket(
            remote_id=remote_id,
            state={
                "threads": [entered["thread"]],
                "groups": groups,
                "fields": fields,
                "opened": request.requested_at.timestamp(),
            },
            # Whose session the chat is: a late close of an earlier one must not end this one.
            contact=who.kept_in({"conversation": request.conversation_id}),
        )

    def _describe(self, who: Customer, request: OpenRequest, fields: list[Body]) -> str:
        """Name, e-mail, picture. What LiveChat finds invalid must not cost the chat."""
        person = request.person
        known = {"name": person.name, "email": person.email, "avatar": person.picture_url}
        body = {key: value for key, value in known.items() if value}
        try:
            self._api.customer(who, "update_customer", {**body, "session_fields": fields})
        except Refused:
            logger.warning("livechat refused a customer's details; trying the name alone")
            name = {"name": person.name} if person.name else {}
            self._api.customer(who, "update_customer", {**name, "session_fields": fields})
        return "done"

    def _into_group(
        self, entered: Mapping[str, Any], groups: list[int], journal: Journal, step: str
    ) -> None:
        """Where the chat is known to be elsewhere: nobody in the group took chats."""
        chat_id, where = entered["chat"], set(entered["groups"])
        if groups and where and not set(groups) <= where:
            journal.once(step, lambda: self._queue(chat_id, groups), repeatable)

    def _queue(self, chat_id: str, groups: list[int]) -> str:
        """Move the chat to the group, in its queue if nobody is free.

        A chat that can't be moved is better seen by all than lost.
        """
        body = {
            "id": chat_id,
            "target": {"type": "group", "ids": groups},
            "ignore_agents_availability": True,
            "ignore_requester_presence": True,
        }
        try:
            self._api.agent("transfer_chat", body)
        except (Permanent, Misconfigured) as error:
            logger.warning("livechat did not move a chat to its group: %s", error.code)
            return "refused"
        return "done"

    # --- speaking ---------------------------------------------------------------------------

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        """See `Provider.send`. A chat that has been closed meanwhile is resumed."""
        who = self._customers.of(ticket.contact)
        threads = list(ticket.state.get("threads") or [])
        groups = [int(group) for group in ticket.state.get("groups") or []]
        sent = []
        for index, piece in enumerate(_pieces(message)):
            here = Place(ticket.remote_id, True, threads[-1] if threads else "")
            done = self._deliver(who, here, groups, piece, journal, f"piece-{index}")
            sent.append(str(done["event"]))
            if done["thread"] and done["thread"] not in threads:
                threads.append(done["thread"])
                fields = ticket.state.get("fields") or []
                journal.once(f"fields-{index}", lambda f=fields: self._repeat(who, f), repeatable)  # type: ignore[misc]
                self._into_group(done, groups, journal, f"queue-{index}")
        resumed = threads != list(ticket.state.get("threads") or [])
        return Sent(
            remote_ids=tuple(sent),
            contact=who.kept_in(ticket.contact) if who.changed else None,
            state={**ticket.state, "threads": threads} if resumed else None,
        )

    def _repeat(self, who: Customer, fields: list[Body]) -> str:
        """Session fields expire with the session: a resumed chat needs them again."""
        try:
            if fields:
                self._api.customer(who, "update_customer", {"session_fields": fields})
        except Permanent as error:
            logger.warning("livechat refused session fields: %s", error.code)
        return "done"

    def _deliver(
        self,
        who: Customer,
        place: Place,
        groups: list[int],
        piece: Piece | str,
        journal: Journal,
        step: str,
    ) -> Mapping[str, Any]:
        """One event; see `Delivered.as_json`. LiveChat knows it by `custom_id`, for a look-up."""
        custom_id = f"{journal.key}:{step}"

        def do() -> Body:
            known = place if place.chat_id else self._chats.find(who)
            event = {**self._content(who, piece), "custom_id": custom_id}
            return self._chats.deliver(who, known, groups, event).as_json()

        def find(since: datetime) -> Body | None:
            chat_id = place.chat_id or self._chats.find(who).chat_id
            found = self._chats.delivered(who, chat_id, custom_id, since)
            return found.as_json() if found else None

        return journal.once(step, do, find)

    def _content(self, who: Customer, piece: Piece | str) -> Body:
        """The event for a text or a file; a file that can't be had becomes a link."""
        if isinstance(piece, str):
            return {"type": "message", "text": piece}
        if isinstance(piece, TextPiece):
            return {"type": "message", "text": piece.text}
        url = self._upload(who, piece)
        if not url:
            return {"type": "message", "text": piece.fallback}
        title = {"alternative_text": piece.title} if piece.title else {}
        return {"type": "file", "url": url, **title}

    def _upload(self, who: Customer, piece: MediaPiece) -> str:
        """The uploaded file's address; empty if it can't be had, is too large or refused."""
        file = fetched(self._connection, piece, max_bytes=MAX_FILE)
        if not file:
            return ""
        try:
            return parsed(Upload, self._api.customer(who, "upload_file", files={"file": file})).url
        except Permanent:
            return ""

    # --- in passing -------------------------------------------------------------------------

    def typing(self, ticket: Ticket) -> None:
        """What agents see of a customer who types is a look at their text: dots, here."""
        who = self._customers.as_known(ticket.contact)
        body = {"chat_id": ticket.remote_id, "sneak_peek_text": "…"}
        self._api.customer(who, "send_sneak_peek", body)

    def mark_read(self, ticket: Ticket, up_to: datetime) -> None:
        """See `Provider.mark_read`."""
        who = self._customers.as_known(ticket.contact)
        body = {"chat_id": ticket.remote_id, "seen_up_to": up_to.isoformat()}
        self._api.customer(who, "mark_events_as_seen", body)

    # --- ending -----------------------------------------------------------------------------

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        """See `Provider.close`."""
        if not self._is_latest(ticket):
            return
        try:
            who = self._customers.of(ticket.contact)
            if note:
                journal.once("note", lambda: self._say_as_bot(who, ticket, note), repeatable)
            journal.once(
                "close", lambda: self._deactivate(who, ticket), lambda _: self._closed(who, ticket)
            )
        except IdentityLost:
            body = {"id": ticket.remote_id, "ignore_requester_presence": True}
            journal.once("close-as-agent", lambda: self._as_agent_close(body), repeatable)
        except Gone:
            return

    def _say_as_bot(self, who: Customer, ticket: Ticket, note: str) -> str:
        """Something for the agent, as why it ends. A chat that is closed stays closed."""
        event = {"type": "message", "text": texts.bot_line("Chatbot") + note}
        body = {"chat_id": ticket.remote_id, "event": event, "attach_to_last_thread": False}
        try:
            self._api.customer(who, "send_event", body)
        except Permanent:
            return "refused"
        return "said"

    def _deactivate(self, who: Customer, ticket: Ticket) -> str:
        """Close, and believe a refusal only if the chat is closed indeed."""
        try:
            self._api.customer(who, "deactivate_chat", {"id": ticket.remote_id})
        except ChatInactive:
            return "closed"
        except Refused:
            if not self._closed(who, ticket):
                raise
        return "closed"

    def _closed(self, who: Customer, ticket: Ticket) -> str | None:
        return None if self._chats.read(who, ticket.remote_id).thread.active else "closed"

    def _as_agent_close(self, body: Body) -> str:
        try:
            self._api.agent("deactivate_chat", body)
        except ChatInactive:
            return "closed"
        except Gone:
            return "gone"
        return "closed"

    # --- to the agent alone -----------------------------------------------------------------

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal) -> None:
        """A private note, which only an agent who is in the chat can write; else a message of the
        bridge's, which a closed chat does not take."""
        custom_id = f"{journal.key}:tell"
        noted = journal.once(
            "tell",
            lambda: self._note(ticket.remote_id, text, custom_id),
            lambda _: self._noted(ticket.remote_id, custom_id),
        )
        if noted != SKIPPED or not self._is_latest(ticket):
            return
        try:
            who = self._customers.of(ticket.contact)
            journal.once("say", lambda: self._say_as_bot(who, ticket, text), repeatable)
        except (IdentityLost, Gone):
            return

    def _is_latest(self, ticket: Ticket) -> bool:
        """Whether the customer's next session does not go on in this chat already."""
        latest = ticket.contact.get("conversation", ticket.conversation_id)
        return bool(latest == ticket.conversation_id)

    def _note(self, chat_id: str, text: str, custom_id: str) -> str:
        event = {"type": "message", "text": text, "visibility": "agents", "custom_id": custom_id}
        try:
            answer = self._api.agent("send_event", {"chat_id": chat_id, "event": event})
        except (Permanent, Misconfigured, Gone) as error:
            logger.info("livechat takes no note from outside the chat: %s", error.code)
            return SKIPPED
        return parsed(SentEvent, answer).event_id

    def _noted(self, chat_id: str, custom_id: str) -> str | None:
        chat = parsed(Chat, self._api.agent("get_chat", {"chat_id": chat_id}))
        return next((e.id for e in chat.thread.events if e.custom_id == custom_id), None)


def _pieces(message: OutgoingMessage) -> Iterator[Piece]:
    """The message's parts; a bot's words and files are marked as the bot's."""
    mark = texts.bot_line(message.author_name) if message.author == "bot" else ""
    limit = texts.limit_for(mark, repr(message.payload)) - len(mark)
    for piece in pieces(message.type, message.payload, limit):
        if not mark:
            yield piece
        elif isinstance(piece, TextPiece):
            yield TextPiece(mark + piece.text)
        else:
            yield TextPiece(mark + (piece.title or piece.filename))
            yield piece
