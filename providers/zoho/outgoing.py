"""What the bridge does in SalesIQ: open a chat, speak in it as the visitor, close it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.base import Connection, Journal
from providers.errors import CannotAsk, Gone, Misconfigured, Permanent, Retry
from providers.http import Response, segment
from providers.media import fetched
from providers.render import MediaPiece, Piece, pieces
from providers.types import OpenedTicket, OpenRequest, OutgoingMessage, Sent, Ticket
from providers.zoho import texts
from providers.zoho.api import (
    NotPermitted,
    Refused,
    RefusedContent,
    ZohoApi,
    listed,
    rows_of,
)
from providers.zoho.chat import attachments
from providers.zoho.models import Entity, Message, Opened

logger = logging.getLogger(__name__)

SKEW = timedelta(seconds=10)  # how far Zoho's clock and ours may be apart
LIST_LAG = timedelta(seconds=60)  # how long a new chat may be missing from the list
RESOLVE_FOR = timedelta(hours=1)
MAX_FILE = 50 * 1024 * 1024  # bytes
FILE_TIMEOUT = 40.0  # seconds


class Outgoing:
    """The changes, each a step of the delivery's journal."""

    def __init__(self, connection: Connection, api: ZohoApi) -> None:
        self._connection = connection
        self._api = api

    # --- opening ----------------------------------------------------------------------------

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        """See `Provider.open`."""
        settings = self._connection.settings
        for name, what in (("app_id", "brand"), ("department_id", "department")):
            if not settings.get(name):
                raise Misconfigured(f"Choose the {what} that chats go to.", field=name)
        body, past = texts.opening(request, settings), texts.history(request)
        with_past = {**body, "past_messages": past} if past else body
        ids = self._start("conversation", with_past, request, journal)
        later = texts.question(request)[1:]
        if "refused" in ids:
            ids = self._start("conversation-plain", body, request, journal)
            later += texts.history_as_text(request)
        if not ids.get("conversation_id"):
            ids = self._resolved(ids, request)
        for index, text in enumerate(later):
            self._say(ids["conversation_id"], {"text": text}, journal, f"opening-{index}", set())
        return OpenedTicket(remote_id=ids["conversation_id"], state=ids)

    def _start(
        self, step: str, body: Mapping[str, Any], request: OpenRequest, journal: Journal
    ) -> dict[str, str]:
        return journal.once(
            step,
            lambda: self._post_conversation(body),
            lambda since: self._find_opened(request, since),
        )

    def _post_conversation(self, body: Mapping[str, Any]) -> dict[str, str]:
        """The new chat's ids; `refused` if Zoho takes no history."""
        try:
            answer = self._api.visitor("POST", "/conversations", json=body)
        except Refused as error:
            if "past_messages" in body and "past_messages" in error.names:
                logger.info("zoho takes no past_messages: %s", error.code)
                return {"refused": error.code}
            raise
        except Gone as error:
            raise Misconfigured(
                "Zoho does not know the brand or the department.",
                field="department_id",
                code=error.code,
                status=error.status,
            ) from None
        found = listed(Opened, answer)
        return _ids(found[0]) if found else _ids(Opened())

    def _find_opened(self, request: OpenRequest, since: datetime) -> dict[str, str] | None:
        """The chat that an attempt since then opened; Retry while the list may lag."""
        try:
            found = self._listed(request, since, "")
        except NotPermitted as error:
            # A chat too many is seen and closed by an agent; a handoff that waits forever is not.
            logger.warning("zoho does not list chats to this token: %s", error.code)
            raise CannotAsk from None
        if found:
            return found
        waited = self._connection.now() - since
        if waited < LIST_LAG:
            wait = min(max(3.0, waited.total_seconds() / 2), 20.0)
            raise Retry("Looking whether Zoho opened the chat.", retry_after=wait)
        return None

    def _resolved(self, ids: Mapping[str, str], request: OpenRequest) -> dict[str, str]:
        """The ids with the conversation's, where the answer lacked it; never opens again."""
        found = self._listed(request, request.requested_at, ids.get("wms_chat_id", ""))
        if found:
            return {**ids, **{name: value for name, value in found.items() if value}}
        if self._connection.now() - request.requested_at > RESOLVE_FOR:
            raise Permanent("Zoho opened a chat, but does not tell its id.")
        raise Retry("Zoho does not list the new chat yet.", retry_after=5)

    def _listed(self, request: OpenRequest, since: datetime, chat_id: str) -> dict[str, str] | None:
        """The chat with our reference (or that chat id) in the department's list."""
        department = texts.department(request.session, self._connection.settings)
        rows = self._api.conversations(department, request.person.email, since - SKEW)
        for row in rows:
            told = f"{row.get('question')} {row.get('customer_info')}"
            if request.conversation_id in told or (chat_id and row.get("chat_id") == chat_id):
                found = Entity.model_validate({"id": row.get("id"), "chat_id": row.get("chat_id")})
                return {"conversation_id": found.id, "wms_chat_id": found.chat_id}
        return None

    # --- speaking ---------------------------------------------------------------------------

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        """See `Provider.send`."""
        sent: list[str] = []
        for index, piece in enumerate(pieces(message.type, message.payload, texts.LIMIT - 100)):
            body = self._body(piece)
            if message.author == "bot":
                body = _by_bot(body, message.author_name)
            known = {*ticket.known_ids, *sent}
            sent.append(self._say(ticket.remote_id, body, journal, f"piece-{index}", known))
        return Sent(remote_ids=tuple(filter(None, sent)))

    def _body(self, piece: Piece) -> dict[str, Any]:
        if isinstance(piece, MediaPiece):
            return {"media": piece, "comment": piece.title or "", "text": piece.fallback}
        return {"text": piece.text}

    def _say(
        self,
        remote_id: str,
        body: Mapping[str, Any],
        journal: Journal,
        step: str,
        known: Collection[str],
    ) -> str:
        """One message in the visitor's name; Zoho's id of it, empty if it tells none."""
        return journal.once(
            step,
            lambda: self._post(remote_id, body),
            lambda since: self._find_said(remote_id, body, since, known),
        )

    def _post(self, remote_id: str, body: Mapping[str, Any]) -> str:
        path = f"/conversations/{segment(remote_id)}/messages"
        media = body.get("media")
        file = media and fetched(self._connection, media, max_bytes=MAX_FILE, timeout=FILE_TIMEOUT)
        if file and file[1]:  # of an empty file the link tells more
            form = {"comment": body["comment"]} if body.get("comment") else {}
            try:
                answer = self._api.visitor(
                    "POST", path, files={"file": file}, data=form, timeout=FILE_TIMEOUT
                )
                return _message_id(answer)
            except RefusedContent as error:
                logger.info("zoho takes no such file: %s", error.code)
        return _message_id(self._api.visitor("POST", path, json={"text": body["text"]}))

    def _find_said(
        self, remote_id: str, body: Mapping[str, Any], since: datetime, known: Collection[str]
    ) -> str | None:
        """The id of the visitor's message since then that says this, if it is there."""
        media = body.get("media")
        try:
            messages = self._api.messages(remote_id, since - SKEW)
        except NotPermitted as error:
            logger.warning("zoho does not list messages to this token: %s", error.code)
            raise CannotAsk from None
        for message in messages:
            sender = message.sender
            ours = sender and (sender.id.startswith("$") or sender.type == "visitor")
            if not ours or message.key in known:
                continue
            named = media and media.filename in {one.name for one in attachments(message)}
            if named or _same(message, body["text"]):
                return message.key
        return None

    # --- closing ----------------------------------------------------------------------------

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        """See `Provider.close`. There are no private notes: the reason is a last message."""
        try:
            note = note or "The customer has left the conversation."
            self._say_as_bridge(ticket, note, journal, "closing-text")
            journal.once(
                "close",
                lambda: self._put_close(ticket.remote_id),
                lambda _since: "closed" if self._is_closed(ticket.remote_id) else None,
            )
        except Gone:
            return

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal) -> None:
        """There are no private notes: a message of the bridge's, while the chat is open."""
        try:
            self._say_as_bridge(ticket, text, journal, "tell")
        except Gone:
            return

    def _say_as_bridge(self, ticket: Ticket, text: str, journal: Journal, step: str) -> None:
        said = texts.by_bot("Bridge", text)
        journal.once(
            step,
            lambda: self._last_words(ticket.remote_id, said),
            lambda since: self._find_said(ticket.remote_id, {"text": said}, since, ()),
        )

    def _last_words(self, remote_id: str, text: str) -> str:
        """A closed chat takes no more words; that must not keep it from counting as closed."""
        try:
            return self._post(remote_id, {"text": text})
        except (NotPermitted, Permanent) as error:
            logger.info("zoho takes no closing text: %s", error.code)
            return ""

    def _put_close(self, remote_id: str) -> str:
        try:
            self._api.v2("PUT", f"/conversations/{segment(remote_id)}/close")
        except (NotPermitted, Permanent) as error:
            if self._is_closed(remote_id):
                return "closed"
            if not isinstance(error, NotPermitted):
                raise
            # Not Misconfigured: everything else works, so the installation must not pause.
            raise Permanent(
                "Zoho does not let this connection close chats: an agent must close it. Enter a "
                "user-level refresh token to have the bridge do it.",
                code=error.code,
                status=error.status,
            ) from None
        return "closed"

    def _is_closed(self, remote_id: str) -> bool:
        try:
            return self._api.conversation(remote_id).is_closed
        except NotPermitted:
            return False


def _ids(opened: Opened) -> dict[str, str]:
    """All ids of a chat, which different parts of Zoho's API go by.

    `id` is a hash, but in version 2 it is the number that elsewhere is the conversation's id.
    """
    number = opened.conversation_id or (opened.id if opened.id.isdigit() else "")
    return {
        "conversation_id": number,
        "visitor_conversation_id": opened.id,
        "wms_chat_id": opened.wms_chat_id,
        "chat_id": opened.chat_id,
        "reference_id": opened.reference_id,
    }


def _by_bot(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    comment = body.get("comment", "")
    return {
        **body,
        "text": texts.by_bot(name, body["text"]),
        "comment": texts.by_bot(name, comment).rstrip(": "),
    }


def _message_id(answer: Response) -> str:
    rows = rows_of(answer)
    found = listed(Message, answer)
    told = rows[0].get("message_id") if rows else ""
    return (found[0].key if found else "") or (str(told) if isinstance(told, str | int) else "")


def _same(message: Message, text: str) -> bool:
    return " ".join(message.words.split()) == " ".join(text.split()) != ""
