"""What bots are answered and told."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from conversations.api.payloads import MESSAGE_TYPES
from conversations.api.shapes import (
    Choice,
    Constant,
    JsonObject,
    Many,
    OneOf,
    Shape,
    Text,
    Url,
    shape,
)
from conversations.models import (
    Author,
    ConversationStatus,
    EventType,
    MessageStatus,
    StopReason,
    UserKind,
)
from hitl_bridge.options import Text as Notice

MAYBE: dict[str, Any] = {"required": False}  # left out where it is not known
NULL: dict[str, Any] = {"required": True, "allow_null": True}


class TagsOf(serializers.Field[Any, Any, Any, Any]):
    """The tag rows of a user or a conversation as one object."""

    def to_representation(self, value: Any) -> dict[str, str]:
        return {tag.name: tag.value for tag in value.all()}


UserCreated = shape("UserCreated", "The user.", userId=Text())
SessionStarted = shape(
    "SessionStarted",
    "The session; `opening` until the help desk has its ticket.",
    conversationId=Text(),
    status=Choice("ConversationStatus", ConversationStatus),
)
MessageAccepted = shape(
    "MessageAccepted",
    "The message will be delivered, after those with lower sequence numbers.",
    messageId=Text(),
    sequence=serializers.IntegerField(help_text="Its place in the conversation, from 1."),
    status=Choice("MessageStatus", MessageStatus),
)

AvailabilityBody = shape(
    "Availability",
    "Whether agents are there, as the help desk and the business hours say.",
    status=Choice("AvailabilityStatus", ["online", "offline", "unknown"]),
    detail=Text(help_text="More about it, for people.", **MAYBE),
    opensAt=Text(help_text="When the business hours begin next, while it is closed.", **MAYBE),
    installation=Text(help_text="The installation's slug."),
)

UserBody = shape(
    "User",
    "An end user of the bot, or an agent of its help desk.",
    userId=Text(source="id"),
    kind=Choice("UserKind", UserKind),
    name=Text(**MAYBE),
    email=Text(**MAYBE),
    phone=Text(**MAYBE),
    pictureUrl=Text(source="picture_url", **MAYBE),
    externalId=Text(source="external_id", **MAYBE),
    tags=TagsOf(),
    createdAt=serializers.DateTimeField(source="created_at"),
)
AgentBody = shape(
    "Agent",
    "A human at the help desk.",
    userId=Text(source="id"),
    name=Text(),
    email=Text(**MAYBE),
    pictureUrl=Text(source="picture_url", **MAYBE),
)

_SUMMARY: dict[str, serializers.Field[Any, Any, Any, Any]] = {
    "conversationId": Text(source="id"),
    "status": Choice("ConversationStatus", ConversationStatus),
    "reopenedFrom": Text(
        source="reopened_from_id",
        help_text="The ended session whose ticket an agent took up again.",
        **MAYBE,
    ),
    "stopReason": Choice("StopReason", StopReason, source="stop_reason", **MAYBE),
    "failure": Text(help_text="Why it failed, for people.", **MAYBE),
    "userId": Text(source="user_id"),
    "agent": AgentBody(**NULL),
    "botConversationId": Text(source="bot_conversation_id", **MAYBE),
    "installation": Text(source="installation.slug"),
    "provider": Text(source="installation.provider"),
    "ticketId": Text(source="remote_id", help_text="The help desk's own id.", **MAYBE),
    "ticketUrl": Text(source="remote_url", **MAYBE),
    "title": Text(**MAYBE),
    "description": Text(**MAYBE),
    "tags": TagsOf(),
    "createdAt": serializers.DateTimeField(source="created_at"),
    "queuedAt": serializers.DateTimeField(source="queued_at", **NULL),
    "assignedAt": serializers.DateTimeField(source="assigned_at", **NULL),
    "stoppedAt": serializers.DateTimeField(source="stopped_at", **NULL),
    "lastActivityAt": serializers.DateTimeField(source="last_activity_at"),
}
ConversationSummary = shape("ConversationSummary", "Where a session stands.", **_SUMMARY)
ConversationBody = shape(
    "Conversation",
    "A session with all that the bot handed over.",
    **_SUMMARY,
    history=Many(
        child=JsonObject(),
        source="transcript",
        help_text="`messageHistory` as the bot gave it.",
    ),
    hitlSession=JsonObject(source="hitl_session"),
    options=JsonObject(),
)

MessageBody = shape(
    "Message",
    "One thing that was said while a human was in charge.",
    messageId=Text(source="id"),
    sequence=serializers.IntegerField(),
    author=Choice("Author", Author),
    userId=Text(source="user_id", **NULL),
    type=Choice("MessageType", MESSAGE_TYPES),
    payload=JsonObject(help_text="Empty where the agent deleted the message."),
    additionalData=Text(source="additional_data", **MAYBE),
    status=Choice("MessageStatus", MessageStatus),
    failure=Text(help_text="Why it was not delivered, for people.", **MAYBE),
    readAt=serializers.DateTimeField(
        source="read_at", help_text="When the other side read it; null where nobody tells.", **NULL
    ),
    createdAt=serializers.DateTimeField(source="created_at"),
)

# --- events ---

_TOLD_AGENT = shape(
    "EventAgent",
    "The agent; what is not known is left out.",
    userId=Text(),
    name=Text(),
    email=Text(**MAYBE),
    pictureUrl=Url(**MAYBE),
)


def _event(
    type_: EventType, doc: str, **fields: serializers.Field[Any, Any, Any, Any]
) -> type[Shape]:
    name = f"{type_.value[0].upper()}{type_.value[1:]}"
    data = shape(
        f"{name}Data",
        f"The data of `{type_.value}`.",
        conversationId=Text(),
        botConversationId=Text(**MAYBE),
        reopenedFrom=Text(
            help_text="The ended session whose ticket an agent took up again.", **MAYBE
        ),
        tags=JsonObject(help_text="The conversation's tags."),
        **fields,
    )
    return shape(
        f"{name}Event",
        doc,
        id=Text(help_text="The same for every attempt to tell it: forget repeats by it."),
        type=Constant(type_.value),
        timestamp=serializers.DateTimeField(),
        sequence=serializers.IntegerField(
            help_text="Its place in the conversation, from 1; 0 where it is told in passing: "
            "typing, and messages that were read."
        ),
        data=data(),
    )


EVENTS: dict[str, type[Shape]] = {
    EventType.QUEUED.value: _event(
        EventType.QUEUED, "The ticket exists and waits for an agent.", ticketId=Text()
    ),
    EventType.ASSIGNED.value: _event(
        EventType.ASSIGNED,
        "A human has the ticket now, for the first time or instead of another.",
        userId=Text(help_text="The agent's user id."),
        agent=_TOLD_AGENT(),
    ),
    EventType.TRANSFERRED.value: _event(
        EventType.TRANSFERRED,
        "The ticket went to a team or back in the queue: nobody has it yet.",
        to=Text(allow_blank=True, help_text="The team's name or id, for people."),
    ),
    EventType.MESSAGE_CREATED.value: _event(
        EventType.MESSAGE_CREATED,
        "An agent wrote to the user, or the bridge did (`source` is `system`).",
        messageId=Text(),
        source=Choice("MessageSource", ["agent", "system"]),
        notice=Choice(
            "Notice", [str(text) for text in Notice], help_text="Which of its texts.", **MAYBE
        ),
        userId=Text(help_text="The agent's user id, or `system`."),
        agent=_TOLD_AGENT(),
        type=Choice("MessageType", MESSAGE_TYPES),
        payload=JsonObject(help_text="As that message type has it; empty once it was deleted."),
        late=serializers.BooleanField(
            help_text="Written when the session was over already.", **MAYBE
        ),
        redacted=serializers.BooleanField(help_text="The agent deleted it.", **MAYBE),
    ),
    EventType.MESSAGE_STATUS.value: _event(
        EventType.MESSAGE_STATUS,
        "A message could not be delivered (`failed`), its agent deleted it (`redacted`), or the "
        "agent has read it (`read`); or it waits for a help desk that is out of reach (`delayed`) "
        "and has arrived after all (`delivered`).",
        messageId=Text(help_text="Left out where it is the ticket itself that waits.", **MAYBE),
        status=Choice(
            "MessageNews",
            ["delayed", "delivered", "pending", "failed", "dropped", "redacted", "read"],
        ),
        detail=Text(**MAYBE),
    ),
    EventType.TYPING.value: _event(
        EventType.TYPING, "An agent is typing.", userId=Text(**MAYBE), agent=_TOLD_AGENT(**MAYBE)
    ),
    EventType.STOPPED.value: _event(
        EventType.STOPPED,
        "The session is over: the bot has the user back.",
        reason=Choice("StopReason", StopReason),
    ),
    EventType.FAILED.value: _event(
        EventType.FAILED,
        "The ticket could not be opened: the bot has the user back.",
        reason=Choice("StopReason", StopReason),
        detail=Text(**MAYBE),
    ),
}


def page_of(name: str, item: serializers.Field[Any, Any, Any, Any]) -> type[Shape]:
    """A cursor page's shape."""
    return shape(
        f"{name}Page",
        "One page; `nextCursor` leads to the next and is null on the last.",
        items=Many(child=item),
        nextCursor=Text(**NULL),
    )


ConversationPage = page_of("Conversation", ConversationSummary())
MessagePage = page_of("Message", MessageBody())
EventPage = shape(
    "EventPage",
    "Events in the order to handle them; pass `nextCursor` as `after` next time.",
    items=Many(child=OneOf("Event", EVENTS)),
    nextCursor=Text(),
)

ProblemError = shape(
    "ProblemError", "One thing that is wrong.", field=Text(allow_blank=True), detail=Text()
)
ProblemBody = shape(
    "Problem",
    "What went wrong (RFC 9457). Some kinds have further members.",
    type=Text(help_text="What programs go by: `urn:hitl-bridge:` and a name."),
    title=Text(),
    status=serializers.IntegerField(),
    detail=Text(help_text="What is wrong with this very request, for people."),
    field=Text(help_text="What to mend, as the request has it: `payload.imageUrl`.", **MAYBE),
    errors=Many(child=ProblemError(), **MAYBE),
)
