"""What the bridge answers, as JSON has it. A test holds these to docs/openapi.yaml.

Later versions of the bridge may add members: ignore what you don't know.
"""

from __future__ import annotations

from typing import Any, TypedDict

Json = dict[str, Any]
Tags = dict[str, str]


class SessionStarted(TypedDict):
    """The session; `opening` until the help desk has its ticket."""

    conversationId: str
    status: str


class MessageAccepted(TypedDict):
    """The message will be delivered, after those with lower sequence numbers."""

    messageId: str
    sequence: int
    status: str


class _Availability(TypedDict):
    status: str  # online, offline or unknown
    installation: str


class Availability(_Availability, total=False):
    """Whether agents are there."""

    detail: str
    opensAt: str


class _User(TypedDict):
    userId: str
    kind: str  # user or agent
    tags: Tags
    createdAt: str


class User(_User, total=False):
    """An end user of the bot, or an agent of its help desk."""

    name: str
    email: str
    phone: str
    pictureUrl: str
    externalId: str


class _Agent(TypedDict):
    userId: str
    name: str


class Agent(_Agent, total=False):
    """A human at the help desk."""

    email: str
    pictureUrl: str


class _Message(TypedDict):
    messageId: str
    sequence: int
    author: str
    userId: str | None
    type: str
    payload: Json
    status: str
    createdAt: str
    readAt: str | None


class Message(_Message, total=False):
    """One thing that was said while a human was in charge."""

    additionalData: str
    failure: str


class _Summary(TypedDict):
    conversationId: str
    status: str
    userId: str
    agent: Agent | None
    installation: str
    provider: str
    tags: Tags
    createdAt: str
    queuedAt: str | None
    assignedAt: str | None
    stoppedAt: str | None
    lastActivityAt: str


class ConversationSummary(_Summary, total=False):
    """Where a session stands."""

    stopReason: str
    failure: str
    botConversationId: str
    ticketId: str
    ticketUrl: str
    title: str
    description: str
    reopenedFrom: str


class Conversation(ConversationSummary):
    """A session with all that the bot handed over."""

    history: list[Json]
    hitlSession: Json
    options: Json
