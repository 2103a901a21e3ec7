"""What the bridge does on HubSpot's threads: start one, speak on it, comment, close it.

https://developers.hubspot.com/docs/api-reference/conversations-custom-channels-v3/guide
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from providers.base import Connection, Journal, repeatable
from providers.errors import Gone, Misconfigured, Permanent, Retry
from providers.html import paragraph
from providers.http import segment
from providers.hubspot import texts
from providers.hubspot.api import AlreadyThere, HubSpotApi, iso
from providers.hubspot.declaration import actor_of, inboxes_of, ticket_properties
from providers.hubspot.files import FileStore
from providers.hubspot.models import Message
from providers.hubspot.threads import Threads
from providers.render import MediaPiece, pieces, readings
from providers.texts import opening_words
from providers.types import (
    JsonObject,
    OpenedTicket,
    OpenRequest,
    OutgoingMessage,
    Person,
    Sent,
    Ticket,
)

logger = logging.getLogger(__name__)

TICKET_LAG = timedelta(seconds=60)  # how long a help desk may take to make a thread's ticket
LOOK_AGAIN = 3.0
OPAQUE = "CHANNEL_SPECIFIC_OPAQUE_ID"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message in the customer's name."""

    words: list[str]  # how it may read; the last one needs no attachment
    attachments: list[JsonObject]
    at: datetime
    key: str  # HubSpot takes a second message with it for a repeat
    known: Collection[str]  # ids of other messages


class Outgoing:
    """The changes, each a step of the delivery's journal.

    Messages carry an idempotency id, so repeating one does no harm; comments are looked up.
    """

    def __init__(self, connection: Connection, api: HubSpotApi, threads: Threads) -> None:
        self._connection = connection
        self._api = api
        self._threads = threads
        self._files = FileStore(connection, api)

    # --- opening ------------------------------------------------------------------------------

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        """See `Provider.open`. Each handoff has a thread of its own: its id is a new one."""
        place = self._place(request.session)
        started = journal.once("thread", lambda: self._start(request, place, journal), repeatable)
        thread_id = started["thread"]
        for index, note in enumerate(texts.briefing(request)):
            self._comment(thread_id, note, journal, f"note-{index}", (), [])
        self._assign(thread_id, request.session, journal)
        if properties := ticket_properties(request.session):
            journal.once(
                "ticket", lambda: self._fill_ticket(thread_id, properties, started), repeatable
            )
        kept = {key: place[key] for key in ("channel_id", "account_id", "recipient")}
        state = {
            **kept,
            "thread": request.conversation_id,
            "sender": started["sender"],
            "opening": started.get("message", ""),
        }
        return OpenedTicket(thread_id, state)

    def _place(self, session: Mapping[str, Any]) -> JsonObject:
        """The inbox and its channel account. Raises Misconfigured where none is registered."""
        inboxes = inboxes_of(self._connection.settings)
        inbox_id = str(session.get("inboxId") or (inboxes[0] if inboxes else ""))
        state = self._connection.state
        account = (state.get("accounts") or {}).get(inbox_id)
        if not account or not state.get("channel_id"):
            raise Misconfigured(
                "The channel is not registered in this inbox yet: save the installation again.",
                field="inbox_id",
            )
        return {
            "channel_id": state["channel_id"],
            "account_id": account["id"],
            "recipient": account["recipient"],
            "inbox_id": inbox_id,
        }

    def _start(self, request: OpenRequest, place: JsonObject, journal: Journal) -> JsonObject:
        """The thread. An address that HubSpot refuses becomes an opaque id: the person counts."""
        words, sender = opening_words(request, texts.TEXT_LIMIT), sender_of(request.person)
        key = f"{request.conversation_id}:{journal.key}:thread"
        try:
            return self._start_as(sender, words, key, request, place)
        except AlreadyThere:
            raise
        except Permanent:
            if sender["type"] == OPAQUE:
                raise
            sender = {"type": OPAQUE, "value": request.person.id}
            return self._start_as(sender, words, f"{key}:opaque", request, place)

    def _start_as(
        self,
        sender: JsonObject,
        words: str,
        key: str,
        request: OpenRequest,
        place: JsonObject,
    ) -> JsonObject:
        state = {**place, "thread": request.conversation_id, "sender": sender}
        body = self._message(state, request.person.name, words, key)
        try:
            message = self._publish(place["channel_id"], body, request.requested_at)
            thread_id, message_id = message.conversations_thread_id, message.id
        except AlreadyThere:
            thread_id, message_id = self._threads.opened(
                place["inbox_id"], place["account_id"], sender, words, request.requested_at
            )
        if not thread_id:
            raise Retry("Looking for the thread that HubSpot has opened.", retry_after=LOOK_AGAIN)
        now = iso(self._connection.now())
        return {"thread": thread_id, "message": message_id, "sender": sender, "at": now}

    def _assign(self, thread_id: str, session: Mapping[str, Any], journal: Journal) -> None:
        settings = self._connection.settings
        assignee = str(session.get("assigneeId") or settings.get("assignee_id", ""))
        if assignee:
            actor = actor_of(assignee)
            journal.once("assign", lambda: self._put_assignee(thread_id, actor), repeatable)

    def _put_assignee(self, thread_id: str, actor: str) -> str:
        """A user who is gone leaves the thread unassigned: better seen by all than lost."""
        path = f"/threads/{segment(thread_id)}/assignee"
        # Numbered versions have this one call where the dated ones have all of them.
        version = self._api.version("conversations")
        url = f"{self._api.base_url}/conversations/conversations/{version}{path}"
        try:
            self._api.call("PUT", "conversations", path, url=url, json={"actorId": actor})
        except (Permanent, Gone) as error:
            logger.warning("hubspot user %s was not assigned: %s", actor, error.code)
            return "unassigned"
        return "assigned"

    def _fill_ticket(
        self, thread_id: str, properties: JsonObject, started: Mapping[str, str]
    ) -> str:
        """Properties of the help desk's ticket; they stand in the comment as well.

        A plain inbox makes no ticket, and the scope `tickets` is optional: neither is worth the
        session.
        """
        associations = self._threads.thread(thread_id, association="TICKET").thread_associations
        ticket_id = associations.associated_ticket_id if associations else ""
        if not ticket_id:
            waited = self._connection.now() - datetime.fromisoformat(started["at"])
            if waited < TICKET_LAG:
                raise Retry("HubSpot has not made the ticket yet.", retry_after=LOOK_AGAIN)
            return "no ticket"
        path = f"/{segment(ticket_id)}"
        try:
            self._api.call("PATCH", "tickets", path, json={"properties": properties})
        except (Permanent, Misconfigured) as error:
            logger.warning("hubspot refused the ticket's properties: %s", error.code)
            return "refused"
        return "done"

    # --- speaking -----------------------------------------------------------------------------

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        """See `Provider.send`."""
        sent: list[str] = []
        for index, piece in enumerate(pieces(message.type, message.payload, texts.TEXT_LIMIT)):
            file = None
            if isinstance(piece, MediaPiece):
                file = self._files.upload(piece, journal, f"file-{index}")
            # The customer may say once more what the ticket was opened with.
            opening = str(ticket.state.get("opening", ""))
            known, step = {*ticket.known_ids, *sent, opening}, f"piece-{index}"
            if message.author == "bot":
                text = f"{message.author_name} (bot): {readings(piece)[-1]}"
                # The API's guide and its description disagree on comments' files: link as well.
                files = [{"type": "FILE", "fileId": file["fileId"]}] if file else []
                id_ = self._comment(ticket.remote_id, text, journal, step, known, files)
            else:
                spoken = Spoken(
                    words=readings(piece) if file else readings(piece)[-1:],
                    attachments=[file] if file else _place_of(message) if index == 0 else [],
                    # Later pieces get later times, since HubSpot sorts by them.
                    at=message.created_at + timedelta(milliseconds=index),
                    key=f"{ticket.state['thread']}:{journal.key}:{step}",
                    known=known,
                )
                id_ = self._say(ticket, spoken, journal, step)
            sent.append(id_)
        return Sent(remote_ids=tuple(filter(None, sent)))

    def _say(self, ticket: Ticket, spoken: Spoken, journal: Journal, step: str) -> str:
        """In the customer's name; the message's id."""

        def find(_since: datetime) -> str | None:
            return self._find(ticket, spoken) or None

        return journal.once(step, lambda: self._deliver(ticket, spoken), find)

    def _find(self, ticket: Ticket, spoken: Spoken) -> str:
        # HubSpot may date a message by our own time stamp, not by its arrival.
        words, since = spoken.words, spoken.at
        return self._threads.own(ticket.remote_id, words, spoken.known, since=since)

    def _deliver(self, ticket: Ticket, spoken: Spoken) -> str:
        try:
            return self._post(ticket, spoken, spoken.words[0], spoken.key, spoken.attachments)
        except Permanent:
            if not spoken.attachments:
                raise
            # HubSpot refuses the file: give the link.
            return self._post(ticket, spoken, spoken.words[-1], f"{spoken.key}:link", [])

    def _post(
        self, ticket: Ticket, spoken: Spoken, text: str, key: str, files: list[JsonObject]
    ) -> str:
        body = self._message(ticket.state, ticket.person.name, text, key)
        try:
            channel_id = str(ticket.state["channel_id"])
            made = self._publish(channel_id, {**body, "attachments": files}, spoken.at)
        except AlreadyThere:
            return self._find(ticket, spoken)
        if made.conversations_thread_id not in ("", ticket.remote_id):
            raise Gone("HubSpot has put this message on another thread: this one is gone.")
        return made.id

    def _message(self, state: Mapping[str, Any], name: str, text: str, key: str) -> JsonObject:
        """An incoming message with every field that HubSpot's description requires."""
        return {
            "messageDirection": "INCOMING",
            "channelAccountId": state["account_id"],
            "integrationThreadId": state["thread"],
            "integrationIdempotencyId": key,
            "text": text,
            "richText": paragraph(text),
            "senders": [{"name": name, "deliveryIdentifier": state["sender"]}],
            "recipients": [{"deliveryIdentifier": state["recipient"]}],
            "attachments": [],
        }

    def _publish(self, channel_id: str, body: JsonObject, at: datetime) -> Message:
        path = f"/{segment(channel_id)}/messages"
        body = {**body, "timestamp": iso(at)}
        return self._api.read(Message, "POST", "channels", path, json=body)

    def mark_read(self, ticket: Ticket, keys: Sequence[str]) -> None:
        """See `Provider.mark_read`; HubSpot keeps it with each message."""
        for key in keys:
            path = f"/{segment(str(ticket.state['channel_id']))}/messages/{segment(key)}"
            self._api.call("PATCH", "channels", path, json={"statusType": "READ"})

    # --- among agents -------------------------------------------------------------------------

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal, step: str) -> None:
        """A comment, which only agents see."""
        self._comment(ticket.remote_id, text, journal, step, ticket.known_ids, [])

    def _comment(
        self,
        thread_id: str,
        text: str,
        journal: Journal,
        step: str,
        known: Collection[str],
        attachments: list[JsonObject],
    ) -> str:
        body = {
            "type": "COMMENT",
            "text": text,
            "richText": paragraph(text),
            "attachments": attachments,
        }

        def do() -> str:
            path = f"/threads/{segment(thread_id)}/messages"
            return self._api.read(Message, "POST", "conversations", path, json=body).id

        def find(since: datetime) -> str | None:
            return self._threads.own(thread_id, [text], known, since=since, comment=True) or None

        return journal.once(step, do, find)

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        """See `Provider.close`."""
        try:
            if note:
                self.tell_agent(ticket, note, journal, "note")
            journal.once("close", lambda: self._patch_closed(ticket), repeatable)
        except Gone:
            return

    def reopen(self, ticket: Ticket, journal: Journal) -> None:
        """See `Provider.reopen`."""
        if self._threads.thread(ticket.remote_id).status == "CLOSED":
            journal.once("reopen", lambda: self._patch(ticket, "OPEN"), repeatable)

    def _patch_closed(self, ticket: Ticket) -> str:
        return self._patch(ticket, "CLOSED")

    def _patch(self, ticket: Ticket, status: str) -> str:
        path = f"/threads/{segment(ticket.remote_id)}"
        self._api.call("PATCH", "conversations", path, json={"status": status})
        return status.lower()


def sender_of(person: Person) -> JsonObject:
    """The customer's address: e-mail or phone match a contact, our own id always works."""
    if person.email:
        return {"type": "HS_EMAIL_ADDRESS", "value": person.email}
    if person.phone:
        return {"type": "HS_PHONE_NUMBER", "value": person.phone}
    return {"type": OPAQUE, "value": person.id}


def _place_of(message: OutgoingMessage) -> list[JsonObject]:
    """A location as HubSpot shows it, beside the text."""
    payload = message.payload
    latitude, longitude = payload.get("latitude"), payload.get("longitude")
    if message.type != "location" or not all(
        isinstance(value, int | float) for value in (latitude, longitude)
    ):
        return []
    named = {key: payload.get(name) for key, name in (("name", "title"), ("address", "address"))}
    place = {"type": "LOCATION", "latitude": latitude, "longitude": longitude}
    return [place | {key: str(value) for key, value in named.items() if value}]
