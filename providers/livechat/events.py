"""What happened in a chat, from webhooks and from reading it: the same keys for both.

A chat has a thread per session, so every key starts with the thread; see `thread_of`.
https://platform.text.com/docs/management/webhooks
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime

from providers.errors import BadPayload
from providers.livechat.contents import contents_of
from providers.livechat.models import ALL, Chat, Event, Notification, Payload, User
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    AgentTyping,
    InboundEvent,
    JsonObject,
    MessageRedacted,
    MessagesSeen,
    TicketChanged,
    TicketClosed,
    TicketTransferred,
    WebhookRequest,
    storable,
)

REPEATS = 600.0  # seconds in which an equal webhook without an id counts as the same
_CUSTOMER = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_BOT = re.compile(r"^[0-9a-f]{32}$", re.IGNORECASE)


def notification_of(body: bytes) -> Notification:
    """The envelope. Raises BadPayload."""
    try:
        return Notification.model_validate(storable(json.loads(body)))
    except (ValueError, RecursionError):  # also ValidationError, JSON and Unicode errors
        raise BadPayload("The body is not a LiveChat webhook.") from None


def parse_notification(request: WebhookRequest) -> list[InboundEvent]:
    """The events of one webhook. Raises BadPayload."""
    notification = notification_of(request.body)
    rule = _RULES.get(notification.action)
    if rule is None:
        return []
    try:
        payload = Payload.model_validate(notification.payload)
        about = _About(payload, notification.organization_id, request.received_at)
        return list(rule(payload, about))
    except (ValueError, RecursionError):
        raise BadPayload(f"The payload is not LiveChat's {notification.action}.") from None


def notification_key(request: WebhookRequest) -> str:
    """The same for repeats of one webhook. LiveChat has no id for that."""
    try:
        notification = notification_of(request.body)
        payload = Payload.model_validate(notification.payload)
    except (BadPayload, ValueError):
        return ""
    what = ""
    if notification.action == "incoming_event" and payload.event:
        what = payload.event.id
    elif notification.action == "event_deleted":
        what = payload.event_id
    elif notification.action != "chat_deactivated" or not payload.thread_id:
        # An agent may come, go and come back: an equal body means a repeat only for a while.
        digest = hashlib.sha256(request.body).hexdigest()
        return f"{digest}:{_stamp(request.received_at)}"
    place = (notification.organization_id, payload.chat_id, payload.thread_id)
    return ":".join([notification.action, *place, what])


def thread_of(key: str) -> str:
    """The thread that an event of this key belongs to; empty if LiveChat did not say."""
    return key.partition("/")[0]


def is_human_agent(id_: str) -> bool:
    """By the id's shape: customers have a UUID, bots 32 hex digits, humans an e-mail address."""
    return bool(id_) and not _CUSTOMER.match(id_) and not _BOT.match(id_)


def chat_events(chat: Chat, since: datetime, now: datetime) -> list[InboundEvent]:
    """All of a thread since then, as the webhooks would have told it."""
    about = _About(Payload(chat_id=chat.id, thread_id=chat.thread.id), "", now)
    users = {user.id: user for user in chat.users}
    events = [*_assigned_in(chat, about)]
    for event in sorted(chat.thread.events, key=lambda event: event.created_at):
        if event.created_at >= since:
            events += _message(event, about, users.get(event.author_id))
    if not chat.thread.active:
        last = max((event.created_at for event in chat.thread.events), default=now)
        events.append(TicketClosed(key=about.key("closed"), **about.at(last)))
    return events


class _About:
    """Where and when an event happened."""

    def __init__(self, payload: Payload, account_id: str, received_at: datetime) -> None:
        self.chat_id = payload.chat_id
        self.thread_id = payload.thread_id
        self.received_at = received_at
        self._account_id = account_id

    def key(self, *names: str) -> str:
        return "/".join([self.thread_id, *names])

    def at(self, time: datetime) -> JsonObject:
        if not self.chat_id:
            raise ValueError("no chat")
        return {"remote_id": self.chat_id, "at": time, "account_id": self._account_id}

    @property
    def now(self) -> JsonObject:
        """Most webhooks name no time: when they came, then."""
        return self.at(self.received_at)


# --- one rule per webhook -----------------------------------------------------------------------


def _incoming_event(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    if payload.event:
        yield from _message(payload.event, about)


def _incoming_chat(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    """A chat began or went on: who has it, and what an agent said first."""
    chat = payload.chat
    if chat is None:
        raise ValueError("no chat")
    about.chat_id, about.thread_id = chat.id, chat.thread.id
    users = {user.id: user for user in chat.users}
    yield from _assigned_in(chat, about)
    for event in chat.thread.events:
        yield from _message(event, about, users.get(event.author_id))


def _user_added(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    if payload.user and _serves(payload.user):
        yield _assigned(about, _agent(payload.user.id, payload.user))


def _user_removed(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    """Somebody else may have the chat now, or nobody: look."""
    if is_human_agent(payload.user_id):
        key = about.key("removed", payload.user_id, _stamp(about.received_at))
        yield TicketChanged(key=key, **about.now)


def _transferred(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    target = payload.transferred_to
    humans = [id_ for id_ in target.agent_ids if is_human_agent(id_)]
    if humans:
        yield _assigned(about, Agent(id=humans[0], email=_email(humans[0])))
        return
    to = ", ".join(f"group {group}" for group in target.group_ids)
    queue = payload.queue
    when = (queue and queue.queued_at) or _stamp(about.received_at)
    yield TicketTransferred(
        key=about.key("transferred", to, when),
        to=to,
        queue_position=queue.position if queue else None,
        **about.now,
    )


def _deactivated(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    """Closed by an agent, a bot, or the router (nobody named).

    A customer who closed is ourselves, since nobody else speaks for them. That may concern an
    earlier session in the same chat, so it is looked at before it ends anything.
    """
    key, who = about.key("closed"), payload.user_id
    if _CUSTOMER.match(who):
        yield TicketChanged(key=key, **about.now)
    else:
        agent = Agent(id=who, email=_email(who)) if is_human_agent(who) else None
        yield TicketClosed(key=key, agent=agent, **about.now)


def _deleted(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    if payload.event_id:
        yield _redacted(payload.event_id, about)


def _seen(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    """Who has seen what is said up to when; of us, too, whom it does not concern."""
    if payload.seen_up_to and is_human_agent(payload.user_id):
        yield MessagesSeen(
            key=about.key("seen", payload.user_id, payload.seen_up_to.isoformat()),
            agent=Agent(id=payload.user_id, email=_email(payload.user_id)),
            **about.at(payload.seen_up_to),
        )


def _typing(payload: Payload, about: _About) -> Iterator[InboundEvent]:
    """LiveChat's documents have it as a push of its socket API only; taken if it comes."""
    typing = payload.typing_indicator
    if typing.is_typing and typing.visibility == ALL and is_human_agent(typing.author_id):
        agent = Agent(id=typing.author_id, email=_email(typing.author_id))
        yield AgentTyping(key=about.key("typing", agent.id), agent=agent, **about.now)


_RULES: dict[str, Callable[[Payload, _About], Iterator[InboundEvent]]] = {
    "incoming_event": _incoming_event,
    "incoming_chat": _incoming_chat,
    "user_added_to_chat": _user_added,
    "user_removed_from_chat": _user_removed,
    "chat_transferred": _transferred,
    "chat_deactivated": _deactivated,
    "thread_closed": _deactivated,  # its name before version 3
    "event_deleted": _deleted,
    "events_marked_as_seen": _seen,
    "incoming_typing_indicator": _typing,
}


# --- what they share ----------------------------------------------------------------------------


def _message(event: Event, about: _About, user: User | None = None) -> Iterator[InboundEvent]:
    """An agent's words to the customer. No private note, no bot, no customer, no system."""
    author = event.author_id
    if not is_human_agent(author) or (user and user.type and user.type != "agent"):
        return
    if event.deleted:
        yield _redacted(event.id, about)
        return
    contents = contents_of(event) if event.visibility == ALL else ()
    if contents:
        yield AgentMessage(
            key=about.key(event.id),
            agent=_agent(author, user),
            contents=contents,
            **about.at(event.created_at),
        )


def _redacted(event_id: str, about: _About) -> MessageRedacted:
    return MessageRedacted(
        key=about.key(event_id, "deleted"), message_key=about.key(event_id), **about.now
    )


def _assigned_in(chat: Chat, about: _About) -> Iterator[InboundEvent]:
    """The one agent who has the chat; of several it can't be told who took it last."""
    serving = [user for user in chat.users if _serves(user)]
    here = [user for user in serving if user.present]
    if not here and not chat.thread.active:  # all have left a closed thread
        here = [user for user in serving if user.id in chat.thread.user_ids]
    if len(here) == 1:
        yield _assigned(about, _agent(here[0].id, here[0]))


def _serves(user: User) -> bool:
    """Whether this is a human agent who talks to the customer, not one who only looks on."""
    return user.type == "agent" and is_human_agent(user.id) and user.visibility == ALL


def _assigned(about: _About, agent: Agent) -> AgentAssigned:
    return AgentAssigned(key=about.key("assigned", agent.id), agent=agent, **about.now)


def _agent(id_: str, user: User | None) -> Agent:
    if user is None:
        return Agent(id=id_, email=_email(id_))
    return Agent(id_, user.name, user.email or _email(id_), picture(user.avatar))


def picture(address: str) -> str:
    """An avatar's address; LiveChat leaves out the scheme."""
    if not address or address.startswith(("https://", "http://")):
        return address
    return "https://" + address.removeprefix("//")


def _email(id_: str) -> str:
    return id_ if "@" in id_ else ""


def _stamp(time: datetime) -> str:
    return str(int(time.timestamp() // REPEATS))
