"""The values that pass between the bridge and a help desk adapter.

Frozen dataclasses of plain types only: vendor JSON ends inside its adapter, and what comes
out of it can be stored as JSON and read back (see `dump_event` and `load_event`).
All times are aware datetimes in UTC; all ids are strings.
"""

from providers.types.declarations import (
    Availability,
    Capabilities,
    ChecklistItem,
    Field,
    Option,
    Problem,
)
from providers.types.incoming import (
    AgentAssigned,
    AgentMessage,
    AgentTyping,
    Content,
    Disconnected,
    InboundEvent,
    JsonObject,
    MessageRedacted,
    MessagesSeen,
    SendFailed,
    TicketChanged,
    TicketClosed,
    TicketReopened,
    TicketTransferred,
    WebhookRequest,
    WebhookTrust,
    dump_event,
    load_event,
    storable,
)
from providers.types.outgoing import (
    MessageType,
    OpenedTicket,
    OpenRequest,
    OutgoingMessage,
    Sent,
    Ticket,
    TranscriptLine,
)
from providers.types.people import (
    Account,
    Agent,
    Person,
)

__all__ = [
    "Account",
    "Agent",
    "AgentAssigned",
    "AgentMessage",
    "AgentTyping",
    "Availability",
    "Capabilities",
    "ChecklistItem",
    "Content",
    "Disconnected",
    "Field",
    "InboundEvent",
    "JsonObject",
    "MessageRedacted",
    "MessageType",
    "MessagesSeen",
    "OpenRequest",
    "OpenedTicket",
    "Option",
    "OutgoingMessage",
    "Person",
    "Problem",
    "SendFailed",
    "Sent",
    "Ticket",
    "TicketChanged",
    "TicketClosed",
    "TicketReopened",
    "TicketTransferred",
    "TranscriptLine",
    "WebhookRequest",
    "WebhookTrust",
    "dump_event",
    "load_event",
    "storable",
]
