"""Events: what the bot is told, the same by callback, feed and stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# After these the bot has the user back.
LAST = frozenset({"hitlStopped", "hitlFailed"})


@dataclass(frozen=True)
class Event:
    """One event; `data` is as docs/bot-developers/events.md has it for each type."""

    id: str  # the same whichever way it came: forget repeats by it
    type: str
    timestamp: str  # RFC 3339
    sequence: int  # its place in the conversation, from 1; 0: told in passing
    data: dict[str, Any] = field(default_factory=dict)
    cursor: str = ""  # store it once the event is handled, and go on from there

    @property
    def conversation_id(self) -> str:
        """The session it is about."""
        return str(self.data.get("conversationId", ""))

    @property
    def bot_conversation_id(self) -> str:
        """The bot's own id of the chat; empty where it gave none."""
        return str(self.data.get("botConversationId", ""))

    @property
    def text(self) -> str:
        """What the agent wrote, for bots that show text only; empty for all else."""
        payload = self.data.get("payload") or {}
        return str(payload.get("text") or payload.get("markdown") or "")

    @property
    def is_last(self) -> bool:
        """Whether the session is over with this event."""
        return self.type in LAST


def event_of(body: Mapping[str, Any], cursor: str = "") -> Event:
    """The event of a decoded JSON object; members that are not known are left out."""
    return Event(
        id=str(body["id"]),
        type=str(body["type"]),
        timestamp=str(body["timestamp"]),
        sequence=int(body["sequence"]),
        data=dict(body["data"]),
        cursor=cursor,
    )
