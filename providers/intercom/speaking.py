"""Speaking in an Intercom conversation: as the customer, or to the agent in notes; closing it."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.base import Connection, Journal, repeatable
from providers.errors import Gone, Misconfigured, Permanent
from providers.html import paragraph
from providers.http import Response, segment
from providers.intercom import texts
from providers.intercom.api import (
    IntercomApi,
    MissingAssignee,
    canonical_contact,
    parsed,
)
from providers.intercom.contacts import ContactBook
from providers.intercom.events import in_order
from providers.intercom.models import Conversation, Me
from providers.media import Upload, fetched
from providers.render import Piece, TextPiece, pieces, readings
from providers.types import OutgoingMessage, Person, Sent, Ticket

SKEW = timedelta(seconds=60)  # how far Intercom's clock and ours may be apart
Body = dict[str, Any]


class Speaker:
    """Messages, notes and the end; each change is a step of the delivery's journal."""

    def __init__(self, connection: Connection, api: IntercomApi) -> None:
        self._connection = connection
        self._api = api
        self._book = ContactBook(api)

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        """See `Provider.send`."""
        contact_id = str(ticket.contact.get("id", ""))
        sent: list[str] = []
        for index, piece in enumerate(pieces(message.type, message.payload, texts.TEXT_LIMIT)):
            step, known = f"piece-{index}", {*ticket.known_ids, *sent}
            if message.author == "bot":
                admin_id = self.acting_admin(ticket.state)
                body = self._as_note(piece, message.author_name)
                sent.append(self.note(ticket.remote_id, body, admin_id, journal, step, known))
            else:
                result = self._say(ticket, piece, contact_id, journal, step, known)
                contact_id = result["contact"]
                sent.append(result["part"])
        moved = contact_id != ticket.contact.get("id", "")
        return Sent(
            remote_ids=tuple(filter(None, sent)),
            contact={**ticket.contact, "id": contact_id} if moved else None,
        )

    def _say(
        self,
        ticket: Ticket,
        piece: Piece,
        contact_id: str,
        journal: Journal,
        step: str,
        known: Collection[str],
    ) -> Mapping[str, str]:
        """One piece in the customer's name; the part's id, and the contact it is from by now."""
        words = readings(piece)

        def do() -> Mapping[str, str]:
            body = self._content(piece)
            try:
                conversation, contact = self._reply(ticket, contact_id, body)
            except Permanent:
                if len(body) == 1:
                    raise
                # Intercom refuses the file (too large, not to be fetched): give the link.
                conversation, contact = self._reply(ticket, contact_id, {"body": words[-1]})
            return {"part": _own_part(conversation, words, known), "contact": contact}

        def find(since: datetime) -> Mapping[str, str] | None:
            conversation = self._api.conversation(ticket.remote_id)
            part = _own_part(conversation, words, known, since=since)
            return {"part": part, "contact": contact_id} if part else None

        return journal.once(step, do, find)

    def _reply(self, ticket: Ticket, contact_id: str, content: Body) -> tuple[Conversation, str]:
        """The conversation after the reply, and who it was from: a contact may have merged."""
        answer = self._post_reply(ticket.remote_id, contact_id, content) if contact_id else None
        if answer is None or not answer.ok:
            self._api.conversation(ticket.remote_id)  # raises Gone if that is what is unknown
            contact_id = self._current_contact(answer, contact_id, ticket.person)
            answer = self._post_reply(ticket.remote_id, contact_id, content)
        if not answer.ok:
            raise Permanent("Intercom does not take this contact's reply.", status=answer.status)
        return parsed(Conversation, answer), contact_id

    def _current_contact(self, answer: Response | None, contact_id: str, person: Person) -> str:
        if answer is None:
            return self._book.resolve(person)
        return canonical_contact(answer) or self._book.current(contact_id, person)

    def _post_reply(self, remote_id: str, contact_id: str, content: Body) -> Response:
        who = {"message_type": "comment", "type": "user", "intercom_user_id": contact_id}
        path = f"/conversations/{segment(remote_id)}/reply"
        return self._api.call("POST", path, json=who | content, allow=(404, 410))

    def _content(self, piece: Piece) -> Body:
        """The text or the file of a reply. Images by address; Intercom takes no others so."""
        if isinstance(piece, TextPiece):
            return {"body": piece.text}
        caption, link = piece.title or piece.filename, {"body": piece.fallback}
        if piece.kind == "image" and piece.is_fetchable:
            return {"body": caption, "attachment_urls": [piece.url]}
        file = fetched(self._connection, piece)
        return {"body": caption, "attachment_files": [_attachment(file)]} if file else link

    # --- as the acting teammate ---------------------------------------------------------------

    def acting_admin(self, state: Mapping[str, Any]) -> str:
        """The teammate in whose name notes are written: chosen, else whose token it is."""
        chosen = (
            self._connection.settings.get("admin_id")
            or state.get("admin_id")
            or self._connection.state.get("admin_id")
        )
        return str(chosen or self._api.read(Me, "GET", "/me").id)

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal, step: str) -> None:
        """A private note."""
        admin_id = self.acting_admin(ticket.state)
        body = {"body": paragraph(text)}
        self.note(ticket.remote_id, body, admin_id, journal, step, ticket.known_ids)

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        """See `Provider.close`. The reason is a note: a close's own text goes to the customer."""
        try:
            if note:
                self.tell_agent(ticket, note, journal, "note")
            journal.once(
                "close", lambda: self._post_close(ticket), lambda _since: self._closed(ticket)
            )
        except Gone:
            return

    def reopen(self, ticket: Ticket, journal: Journal) -> None:
        """See `Provider.reopen`."""
        if self._closed(ticket):
            journal.once("reopen", lambda: self._post_open(ticket), repeatable)

    def _post_open(self, ticket: Ticket) -> str:
        body = {"message_type": "open", "admin_id": self.acting_admin(ticket.state)}
        path = f"/conversations/{segment(ticket.remote_id)}/parts"
        try:
            self._api.call("POST", path, json=body)
        except MissingAssignee as error:
            raise _no_acting_admin(error) from None
        except Permanent:
            if self._closed(ticket):
                raise
        return "open"

    def _post_close(self, ticket: Ticket) -> str:
        body = {
            "message_type": "close",
            "type": "admin",
            "admin_id": self.acting_admin(ticket.state),
        }
        path = f"/conversations/{segment(ticket.remote_id)}/parts"
        try:
            self._api.call("POST", path, json=body)
        except MissingAssignee as error:
            raise _no_acting_admin(error) from None
        except Permanent:
            if not self._closed(ticket):
                raise
        return "closed"

    def _closed(self, ticket: Ticket) -> str | None:
        closed = self._api.conversation(ticket.remote_id).state == "closed"
        return "closed" if closed else None

    def _as_note(self, piece: Piece, author: str) -> Body:
        """The bot's words: the agent sees them as a note, they are never the customer's."""
        content = self._content(piece)
        return content | {"body": paragraph(f"{author} (bot): {content['body']}")}

    def note(
        self,
        remote_id: str,
        content: Body,
        admin_id: str,
        journal: Journal,
        step: str,
        known: Collection[str] = (),
    ) -> str:
        """The id of the note's part."""
        words = [content["body"]]
        note = {"message_type": "note", "type": "admin", "admin_id": admin_id}

        def do() -> str:
            path = f"/conversations/{segment(remote_id)}/reply"
            try:
                answer = self._api.read(Conversation, "POST", path, json=note | content)
            except MissingAssignee as error:
                raise _no_acting_admin(error) from None
            return _own_part(answer, words, known, notes=True)

        def find(since: datetime) -> str | None:
            conversation = self._api.conversation(remote_id)
            return _own_part(conversation, words, known, since=since, notes=True) or None

        return journal.once(step, do, find)


def _attachment(file: Upload) -> Mapping[str, str]:
    """The file as Intercom takes it."""
    name, content, kind = file
    return {"name": name, "content_type": kind, "data": base64.b64encode(content).decode()}


def _own_part(
    conversation: Conversation,
    words: list[str],
    known: Collection[str],
    *,
    since: datetime | None = None,
    notes: bool = False,
) -> str:
    """The id of the newest part of ours with these words; empty if there is none."""
    for part in reversed(in_order(conversation)):
        ours = part.is_note if notes else part.author.is_customer
        recent = since is None or part.created_at >= since - SKEW
        new = ours and recent and part.id not in known
        if new and any(texts.same_words(part.body, text) for text in words):
            return part.id
    return ""


def _no_acting_admin(error: MissingAssignee) -> Misconfigured:
    return Misconfigured(
        "Intercom does not know the teammate in whose name notes are written.",
        field="admin_id",
        code=error.code,
    )
