"""What goes to the help desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from providers.types.people import Person

MessageType: TypeAlias = Literal[
    "text",
    "image",
    "audio",
    "video",
    "file",
    "location",
    "card",
    "carousel",
    "choice",
    "dropdown",
    "markdown",
    "bloc",
]


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message for the help desk; `payload` is the HITL interface's payload of that type."""

    id: str
    type: MessageType
    payload: Mapping[str, Any]
    author: Literal["user", "bot"]
    author_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One message of the history that the bot handed over, already as readable text."""

    author: Literal["user", "bot"]
    author_name: str
    text: str
    media_url: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Everything a ticket is opened with."""

    conversation_id: str  # ours; unique, 31 characters
    person: Person
    title: str
    description: str
    transcript: tuple[TranscriptLine, ...]
    session: Mapping[str, Any]  # the bot's hitlSession, already validated by `validate_session`
    contact: Mapping[str, Any]  # what an earlier `open` for this user stored (see OpenedTicket)
    requested_at: datetime
    # Vendor ids of what this user's other sessions have made or are just making: who looks for a
    # ticket whose fate is unknown must not take one of these.
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OpenedTicket:
    """The remote side of a conversation.

    `state` is the adapter's own and comes back in every `Ticket`; `contact` is kept per user and
    installation (encrypted) and comes back in the user's next `OpenRequest`.
    """

    remote_id: str
    state: Mapping[str, Any] = field(default_factory=dict)
    contact: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""  # where a human sees the ticket in the help desk, if that is known


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that exists, as handed to `send`, `close`, `catch_up` and `typing`."""

    remote_id: str
    conversation_id: str
    person: Person
    state: Mapping[str, Any]
    contact: Mapping[str, Any]
    opened_at: datetime
    known_ids: frozenset[str] = frozenset()  # vendor ids of messages that we sent or received


@dataclass(frozen=True, slots=True)
class Sent:
    """The vendor's ids of what a message became; several where it was split."""

    remote_ids: tuple[str, ...] = ()
    contact: Mapping[str, Any] | None = None  # new contact state, where sending changed it
    state: Mapping[str, Any] | None = None  # new ticket state, likewise
