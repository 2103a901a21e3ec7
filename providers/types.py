"""The values that pass between the bridge and a help desk adapter.

Frozen dataclasses of plain types only: vendor JSON ends inside its adapter, and what comes
out of it can be stored as JSON and read back (see `dump_event` and `load_event`).
All times are aware datetimes in UTC; all ids are strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field as PydanticField
from pydantic import TypeAdapter

JsonObject: TypeAlias = dict[str, Any]

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


# --- people ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agent:
    """A human at the help desk."""

    id: str  # the vendor's id
    name: str = ""
    email: str = ""
    picture_url: str = ""
    bot: bool = False  # not a human at all, as `Provider.agent` found out


@dataclass(frozen=True, slots=True)
class Person:
    """The end user on whose behalf a ticket is opened."""

    id: str  # our user id; stable, unique over all tenants
    name: str
    email: str = ""
    phone: str = ""  # E.164 where the bot gave a number that could be parsed
    picture_url: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a connection is connected as; `id` is what webhooks are routed by."""

    id: str
    name: str
    acting_as: str = ""  # the agent or admin whose credentials these are, for the operator
    details: Mapping[str, str] = field(default_factory=dict)  # label -> value, for the operator


# --- outgoing -------------------------------------------------------------------------------


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


# --- incoming -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook as it arrived. `url` is built from PUBLIC_URL, never from the Host header."""

    method: str
    url: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookTrust:
    """What a webhook is verified with: the installation's or app's credentials and state."""

    credentials: Mapping[str, str] = field(repr=False)
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)  # what `register` returned
    account_id: str = ""  # empty for an app's address


@dataclass(frozen=True, slots=True)
class Content:
    """One thing an agent sent: a message type and its payload as the HITL interface has it."""

    type: MessageType
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMessage:
    """An agent wrote to the customer. Never a private note, a bot's reply or our own echo."""

    remote_id: str  # the ticket
    key: str  # the vendor's id of the message, unique within the ticket
    at: datetime
    agent: Agent
    contents: tuple[Content, ...]
    account_id: str = ""
    kind: Literal["agent_message"] = "agent_message"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAssigned:
    """A human took the ticket (first or instead of another)."""

    remote_id: str
    key: str
    at: datetime
    agent: Agent
    account_id: str = ""
    kind: Literal["agent_assigned"] = "agent_assigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketTransferred:
    """The ticket went to a group, team or department (nobody has it yet), or back in the queue."""

    remote_id: str
    key: str
    at: datetime
    to: str = ""  # a name or id for people to read
    queue_position: int | None = None
    account_id: str = ""
    kind: Literal["ticket_transferred"] = "ticket_transferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClosed:
    """The help desk ended the session; `reason` missed: nobody answered in time."""

    remote_id: str
    key: str
    at: datetime
    agent: Agent | None = None
    reason: Literal["agentClosed", "missed", "userEnded", "failed"] = "agentClosed"
    account_id: str = ""
    kind: Literal["ticket_closed"] = "ticket_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReopened:
    """An agent opened a closed ticket again."""

    remote_id: str
    key: str
    at: datetime
    agent: Agent | None = None
    account_id: str = ""
    kind: Literal["ticket_reopened"] = "ticket_reopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketChanged:
    """Something happened whose details are not in the webhook: ask with `catch_up`."""

    remote_id: str
    key: str
    at: datetime
    account_id: str = ""
    kind: Literal["ticket_changed"] = "ticket_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRedacted:
    """An agent's message was deleted at the help desk; our copy's content must go as well."""

    remote_id: str
    key: str
    at: datetime
    message_key: str  # the key of the AgentMessage
    account_id: str = ""
    kind: Literal["message_redacted"] = "message_redacted"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFailed:
    """The help desk says, later, that it could not take a message that we sent."""

    remote_id: str
    key: str
    at: datetime
    message_key: str  # one of Sent.remote_ids
    detail: str = ""
    account_id: str = ""
    kind: Literal["send_failed"] = "send_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTyping:
    """An agent is typing; ephemeral, never queued."""

    remote_id: str
    key: str
    at: datetime
    agent: Agent | None = None
    account_id: str = ""
    kind: Literal["agent_typing"] = "agent_typing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """The account uninstalled the app or withdrew its access."""

    key: str
    at: datetime
    detail: str = ""
    remote_id: str = ""
    account_id: str = ""
    kind: Literal["disconnected"] = "disconnected"


InboundEvent: TypeAlias = (
    AgentMessage
    | AgentAssigned
    | TicketTransferred
    | TicketClosed
    | TicketReopened
    | TicketChanged
    | MessageRedacted
    | SendFailed
    | AgentTyping
    | Disconnected
)

_EVENT: TypeAdapter[InboundEvent] = TypeAdapter(
    Annotated[InboundEvent, PydanticField(discriminator="kind")]
)


def dump_event(event: InboundEvent) -> JsonObject:
    """The event as a JSON object that `load_event` reads back."""
    dumped: JsonObject = _EVENT.dump_python(event, mode="json")
    return dumped


def load_event(data: Mapping[str, Any]) -> InboundEvent:
    """The event that `dump_event` wrote."""
    return _EVENT.validate_python(dict(data))


# --- declarations ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an operator enters; admin form, YAML file and docs are made from it."""

    name: str
    label: str
    help: str  # where to find the value, as a sentence
    secret: bool = False  # a credential: encrypted, write-only
    required: bool = False
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()  # (value, label)
    picker: bool = False  # `options(name)` lists the values that the account has
    app_level: bool = False  # may stand in an app that installations share
    link: str = ""  # the vendor's page where the value is found


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a picker."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with what was entered, said at its field."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """Something an operator must enter at the vendor by hand, since no API does it."""

    text: str
    value: str = ""  # to copy
    link: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    status: Literal["online", "offline", "unknown"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a help desk can do; what it can't is declared, not faked."""

    files: bool  # takes files as files
    transcript: Literal["note", "message", "field"]  # where the agent sees the history
    notes: bool  # takes text that agents see and the customer does not
    typing_out: bool = False
    typing_in: bool = False
    availability: bool = False
    queue_events: bool = False
    transfers: bool = False
    idempotent_send: bool = False  # the vendor takes our id and refuses a second one
    lookup: bool = True  # a doubtful send can be asked for
    oauth: bool = False
    provisions_webhooks: bool = False
    one_ticket_per_person: bool = False  # a user's second session needs the first one ended
    app_webhooks: bool = False  # one webhook address for all accounts of an app
    session_keys: tuple[str, ...] = ()  # what `hitlSession` may hold
