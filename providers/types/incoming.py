"""What comes from the help desk: webhooks, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field as PydanticField
from pydantic import TypeAdapter

from providers.types.outgoing import MessageType
from providers.types.people import Agent

JsonObject: TypeAlias = dict[str, Any]


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
class MessagesSeen:
    """An agent has seen what was said up to `at`; ephemeral, never queued."""

    remote_id: str
    key: str
    at: datetime
    agent: Agent | None = None
    account_id: str = ""
    kind: Literal["messages_seen"] = "messages_seen"


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
    | MessagesSeen
    | Disconnected
)

_EVENT: TypeAdapter[InboundEvent] = TypeAdapter(
    Annotated[InboundEvent, PydanticField(discriminator="kind")]
)


def storable(value: Any) -> Any:
    """A JSON value without what a database refuses in a text: NUL, halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def dump_event(event: InboundEvent) -> JsonObject:
    """The event as a JSON object that `load_event` reads back (`storable`, before it is stored)."""
    dumped: JsonObject = _EVENT.dump_python(event, mode="json")
    return dumped


def load_event(data: Mapping[str, Any]) -> InboundEvent:
    """The event that `dump_event` wrote."""
    return _EVENT.validate_python(dict(data))
