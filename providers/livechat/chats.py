"""Getting an event into a customer's one chat, whatever state that chat is in.

A customer has one chat per license; each session is a thread of it. Starting, resuming and
sending are told apart by the state of that chat, which an agent or the router may change at any
moment: a refusal is answered by looking again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from providers.base import Connection
from providers.errors import Retry
from providers.livechat.api import LiveChatApi, parsed
from providers.livechat.customers import Customer
from providers.livechat.errors import ChatInactive, NoAgents, Refused
from providers.livechat.models import Chat, ChatSummaries, Entered, Event, SentEvent

SKEW = timedelta(seconds=60)  # how far LiveChat's clock and ours may be apart
IN_FLIGHT = timedelta(seconds=20)  # LiveChat works on a request for 15 seconds at most
TRIES = 4
EVERYBODY = (0,)  # the group General, which all agents belong to

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A chat as it is thought to be."""

    chat_id: str = ""  # empty: there is none yet
    active: bool = False
    thread_id: str = ""
    groups: tuple[int, ...] = ()  # that see it; empty: not known


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where an event went, as the journal keeps it (see `as_json`)."""

    place: Place
    event_id: str

    def as_json(self) -> Body:
        place = self.place
        return {
            "chat": place.chat_id,
            "thread": place.thread_id,
            "groups": list(place.groups),
            "event": self.event_id,
        }


class Chats:
    """The Customer Chat API's methods for one chat."""

    def __init__(self, connection: Connection, api: LiveChatApi) -> None:
        self._connection = connection
        self._api = api

    def find(self, who: Customer) -> Place:
        """The customer's chat, if there is one."""
        answer = self._api.customer(who, "list_chats")
        for chat in parsed(ChatSummaries, answer).chats_summary:
            groups = chat.access.group_ids if chat.access else ()
            thread_id = chat.last_thread_id
            if chat.active and not thread_id:
                thread_id = self.read(who, chat.id).thread.id
            return Place(chat.id, chat.active, thread_id, groups)
        return Place()

    def read(self, who: Customer, chat_id: str) -> Chat:
        """The chat with its latest thread. Raises Gone."""
        return parsed(Chat, self._api.customer(who, "get_chat", {"chat_id": chat_id}))

    def deliver(self, who: Customer, place: Place, groups: Sequence[int], event: Body) -> Delivered:
        """Put an event into the chat: start it, resume it or send into it."""
        for _ in range(TRIES):
            try:
                return self._put(who, place, groups, event)
            except ChatInactive:
                place = replace(place, active=False)
            except Refused:
                found = self.find(who)
                if (found.chat_id, found.active) == (place.chat_id, place.active):
                    raise
                place = found
        raise Retry("LiveChat opens and closes this chat all the time.", retry_after=10)

    def delivered(
        self, who: Customer, chat_id: str, custom_id: str, since: datetime
    ) -> Delivered | None:
        """Where the event of that `custom_id` went, if it did.

        Raises Retry while LiveChat may still be working on it.
        """
        chat = self.read(who, chat_id) if chat_id else None
        event = _own(chat, custom_id, since) if chat else None
        if chat and event:
            place = Place(chat.id, chat.thread.active, chat.thread.id, chat.groups)
            return Delivered(place, event.id)
        if self._connection.now() - since < IN_FLIGHT:
            raise Retry("Looking whether LiveChat took this.", retry_after=10)
        return None

    def _put(self, who: Customer, place: Place, groups: Sequence[int], event: Body) -> Delivered:
        if place.active:
            body = {"chat_id": place.chat_id, "event": event, "attach_to_last_thread": False}
            sent = parsed(SentEvent, self._api.customer(who, "send_event", body))
            return Delivered(place, sent.event_id)
        try:
            return self._enter(who, place, groups, event)
        except NoAgents:
            if not groups:
                raise
            # Nobody there takes chats: let it in for all, the caller queues it for the group.
            return self._enter(who, place, (), event)

    def _enter(self, who: Customer, place: Place, groups: Sequence[int], event: Body) -> Delivered:
        """Start or resume. `continuous`: also while the group is offline."""
        chat: Body = {
            # Bots of the vendor stay out: the customer has left a bot already.
            "thread": {"properties": {"routing": {"ignore_bots": True}}, "events": [event]},
        }
        if groups:
            chat["access"] = {"group_ids": list(groups)}
        if place.chat_id:
            chat["id"] = place.chat_id
        method = "resume_chat" if place.chat_id else "start_chat"
        body = {"active": True, "continuous": True, "chat": chat}
        entered = parsed(Entered, self._api.customer(who, method, body))
        chat_id = place.chat_id or entered.chat_id
        now = Place(chat_id, True, entered.thread_id, tuple(groups) or EVERYBODY)
        return Delivered(now, next(iter(entered.event_ids), event["custom_id"]))


def _own(chat: Chat, custom_id: str, since: datetime) -> Event | None:
    for event in chat.thread.events:
        if event.custom_id == custom_id and event.created_at >= since - SKEW:
            return event
    return None
