"""Who talked to whom, what was said, and what is still to be carried out."""

from conversations.models.botpress import (
    Binding,
    BotpressArrival,
    BotpressClose,
    BotpressConnection,
    BotpressSession,
    CloseState,
)
from conversations.models.conversations import (
    OPEN_STATUSES,
    WAITING_STATUSES,
    Conversation,
    ConversationStatus,
    ConversationTag,
    StopReason,
)
from conversations.models.deliveries import (
    UNFINISHED,
    Attempt,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Lane,
    LaneKind,
    Outcome,
    lane_id,
)
from conversations.models.media import MediaFile
from conversations.models.messages import (
    Author,
    Event,
    EventType,
    Message,
    MessageStatus,
)
from conversations.models.receipts import (
    IdempotentRequest,
    Receipt,
    ReceiptState,
    UnmatchedEvent,
    WorkerHeartbeat,
)
from conversations.models.users import Contact, User, UserKind, UserTag

__all__ = [
    "OPEN_STATUSES",
    "UNFINISHED",
    "WAITING_STATUSES",
    "Attempt",
    "Author",
    "Binding",
    "BotpressArrival",
    "BotpressClose",
    "BotpressConnection",
    "BotpressSession",
    "CloseState",
    "Contact",
    "Conversation",
    "ConversationStatus",
    "ConversationTag",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "Event",
    "EventType",
    "IdempotentRequest",
    "Lane",
    "LaneKind",
    "MediaFile",
    "Message",
    "MessageStatus",
    "Outcome",
    "Receipt",
    "ReceiptState",
    "StopReason",
    "UnmatchedEvent",
    "User",
    "UserKind",
    "UserTag",
    "WorkerHeartbeat",
    "lane_id",
]
