"""Starting an Intercom conversation: who, with what words, for whom, and what the agent reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from providers.base import Connection, Journal, repeatable
from providers.errors import Gone, Permanent, Retry
from providers.http import Response, segment
from providers.intercom import texts
from providers.intercom.api import (
    IntercomApi,
    canonical_contact,
    parsed,
)
from providers.intercom.contacts import ContactBook
from providers.intercom.models import Conversation, Conversations, Message
from providers.intercom.speaking import SKEW, Speaker
from providers.texts import opening_words
from providers.types import OpenedTicket, OpenRequest

logger = logging.getLogger(__name__)

EARLIER = 50  # conversations of a contact that are remembered, besides the latest
SEARCH_LAG = timedelta(seconds=120)  # how long a new conversation may be missing from the search


class Opener:
    """Opens conversations; each change is a step of the delivery's journal."""

    def __init__(self, connection: Connection, api: IntercomApi, speaker: Speaker) -> None:
        self._connection = connection
        self._api = api
        self._speaker = speaker
        self._book = ContactBook(api)

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        """See `Provider.open`. Assigned first, lest a workflow or Fin takes the conversation."""
        contact_id = request.contact.get("id") or journal.once(
            "contact",
            lambda: self._book.resolve(request.person),
            lambda _since: self._book.find(request.person.id) or None,
        )
        started = journal.once(
            "conversation",
            lambda: self._start(request, contact_id),
            lambda since: self._find_started(request, contact_id, since),
        )
        remote_id = started["conversation"]
        admin_id = self._speaker.acting_admin({})
        self._assign(remote_id, admin_id, request.session, journal)
        for index, text in enumerate(texts.briefing(request)):
            self._speaker.note(remote_id, {"body": text}, admin_id, journal, f"note-{index}")
        self._describe(remote_id, request, journal)
        return OpenedTicket(
            remote_id=remote_id,
            state={"admin_id": admin_id},
            contact=_with_conversation(request.contact, started["contact"], remote_id),
        )

    def _start(self, request: OpenRequest, contact_id: str) -> Mapping[str, str]:
        answer = self._post_conversation(request, contact_id)
        if not answer.ok:
            contact_id = canonical_contact(answer) or self._book.current(contact_id, request.person)
            answer = self._post_conversation(request, contact_id)
        if not answer.ok:
            raise Retry("Intercom does not know the new contact yet.", status=answer.status)
        return {"conversation": parsed(Message, answer).conversation_id, "contact": contact_id}

    def _post_conversation(self, request: OpenRequest, contact_id: str) -> Response:
        sender = {"type": "user", "id": contact_id}
        body = {"from": sender, "body": opening_words(request, texts.TEXT_LIMIT)}
        return self._api.call("POST", "/conversations", json=body, allow=(404, 410))

    def _find_started(
        self, request: OpenRequest, contact_id: str, since: datetime
    ) -> Mapping[str, str] | None:
        """The conversation that an attempt since then made; Retry while the search may lag."""
        words = opening_words(request, texts.TEXT_LIMIT)
        others = {*_conversations(request.contact), *request.others}
        for one in filter(None, dict.fromkeys([contact_id, self._book.find(request.person.id)])):
            for found in self._search(one, since - SKEW):
                body = found.source.body if found.source else ""
                if found.id not in others and texts.same_words(body, words):
                    return {"conversation": found.id, "contact": one}
        waited = self._connection.now() - since
        if waited < SEARCH_LAG:
            # Often at first, since what was carried out usually shows within seconds.
            wait = min(max(3.0, waited.total_seconds() / 2), 30.0)
            raise Retry("Looking whether Intercom opened the conversation.", retry_after=wait)
        return None

    def _search(self, contact_id: str, since: datetime) -> list[Conversation]:
        """The contact's conversations since then, oldest first."""
        filters = [
            {"field": "contact_ids", "operator": "=", "value": contact_id},
            {"field": "created_at", "operator": ">", "value": int(since.timestamp())},
        ]
        found = self._api.read(
            Conversations,
            "POST",
            "/conversations/search",
            json={"query": {"operator": "AND", "value": filters}},
            safe=True,
        ).conversations
        dated = [(c.created_at, c) for c in found if c.created_at and c.created_at >= since]
        return [c for _, c in sorted(dated, key=lambda pair: pair[0])]

    def _assign(
        self, remote_id: str, admin_id: str, session: Mapping[str, Any], journal: Journal
    ) -> None:
        settings = self._connection.settings
        team_id = str(session.get("teamId") or settings.get("team_id", ""))
        for kind, assignee in (("team", team_id), ("admin", settings.get("assignee_id", ""))):
            if assignee:
                journal.once(
                    f"assign-{kind}",
                    partial(self._post_assignment, remote_id, admin_id, kind, assignee),
                    repeatable,
                )

    def _post_assignment(self, remote_id: str, admin_id: str, kind: str, assignee: str) -> str:
        """A team that is gone leaves the conversation unassigned: better seen by all than lost."""
        body = {
            "message_type": "assignment",
            "type": kind,
            "admin_id": admin_id,
            "assignee_id": assignee,
        }
        path = f"/conversations/{segment(remote_id)}/parts"
        try:
            # 422 also says that it is assigned so already.
            answer = self._api.call("POST", path, json=body, allow=(422,))
        except (Permanent, Gone) as error:
            logger.warning("intercom %s %s was not assigned: %s", kind, assignee, error.code)
            return "unassigned"
        return "assigned" if answer.ok else "refused"

    def _describe(self, remote_id: str, request: OpenRequest, journal: Journal) -> None:
        """Title and attributes. Undefined attributes are refused, and cost nothing else."""
        attributes = request.session.get("attributes")
        changes = {"title": request.title, "custom_attributes": attributes}
        for name, value in changes.items():
            if value:
                journal.once(
                    name,
                    partial(self._put, remote_id, {name: value}),
                    repeatable,
                )

    def _put(self, remote_id: str, change: Mapping[str, Any]) -> str:
        try:
            self._api.call("PUT", f"/conversations/{segment(remote_id)}", json=change)
        except Permanent as error:
            logger.warning("intercom refused %s: %s", "/".join(change), error.code)
            return "refused"
        return "done"


def _conversations(contact: Mapping[str, Any]) -> list[str]:
    """The contact's conversations that other sessions had made; some may be open still."""
    latest = contact.get("conversation")
    return [*contact.get("earlier", ()), *([latest] if latest else [])]


def _with_conversation(
    contact: Mapping[str, Any], contact_id: str, remote_id: str
) -> dict[str, Any]:
    """What is kept of the contact once the conversation is made."""
    kept: dict[str, Any] = {"id": contact_id, "conversation": remote_id}
    earlier = [id_ for id_ in _conversations(contact) if id_ != remote_id]
    if earlier:
        kept["earlier"] = earlier[-EARLIER:]
    return kept
