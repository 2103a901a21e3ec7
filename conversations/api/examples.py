"""Examples of the OpenAPI file; a test holds them to the shapes."""

from __future__ import annotations

import json
from typing import Any

USER, AGENT = "user_01JD8X4T1Q9Z0V6W3N5B7C2D4E", "user_01JD8X6Y7H2K4M8P0R3S5T9V1W"
CONVERSATION = "conv_01JD8X5A6B7C8D9E0F1G2H3J4K"
MESSAGE, EVENT = "msg_01JD8X5V8Q2R4S6T8V0W2X4Y6Z", "evt_01JD8X6Z1A3B5C7D9E1F3G5H7J"

CREATE_USER = {
    "name": "Ana Silva",
    "email": "ana@example.com",
    "externalId": "customer-42",
    "tags": {"plan": "pro"},
}
START_HITL = {
    "userId": USER,
    "title": "Refund for order 1001",
    "messageHistory": [
        {
            "source": {"type": "user", "userId": USER},
            "type": "text",
            "payload": {"text": "Where is my order?"},
        },
        {
            "source": {"type": "bot"},
            "type": "choice",
            "payload": {
                "text": "What is it about?",
                "options": [{"label": "Delivery", "value": "delivery"}],
            },
        },
    ],
    "botConversationId": "chat-7",
    "tags": {"order": "1001"},
    "options": {"assignmentTimeout": 600},
}
STOP_HITL = {"conversationId": CONVERSATION, "reason": "userEnded"}
TEXT_MESSAGE = {"type": "text", "payload": {"text": "It is order 1001."}, "userId": USER}
IMAGE_MESSAGE = {
    "type": "image",
    "payload": {"imageUrl": "https://example.com/parcel.png", "title": "The parcel"},
    "userId": USER,
}
BLOC_MESSAGE = {
    "type": "bloc",
    "payload": {
        "items": [
            {"type": "text", "payload": {"text": "Here is where I live:"}},
            {"type": "location", "payload": {"latitude": 38.72, "longitude": -9.14}},
        ]
    },
}

USER_CREATED = {"userId": USER}
SESSION_STARTED = {"conversationId": CONVERSATION, "status": "opening"}
MESSAGE_ACCEPTED = {"messageId": MESSAGE, "sequence": 1, "status": "pending"}
AVAILABILITY = {"status": "online", "installation": "support"}
USER_BODY = {
    "userId": USER,
    "kind": "user",
    "name": "Ana Silva",
    "email": "ana@example.com",
    "externalId": "customer-42",
    "tags": {"plan": "pro"},
    "createdAt": "2026-11-21T09:00:00Z",
}
_AGENT = {"userId": AGENT, "name": "Rui", "email": "rui@acme.example"}
SUMMARY = {
    "conversationId": CONVERSATION,
    "status": "assigned",
    "userId": USER,
    "agent": _AGENT,
    "botConversationId": "chat-7",
    "installation": "support",
    "provider": "intercom",
    "ticketId": "2150",
    "title": "Refund for order 1001",
    "tags": {"order": "1001"},
    "createdAt": "2026-11-21T09:00:01Z",
    "queuedAt": "2026-11-21T09:00:02Z",
    "assignedAt": "2026-11-21T09:01:00Z",
    "stoppedAt": None,
    "lastActivityAt": "2026-11-21T09:01:00Z",
}
CONVERSATION_BODY = {
    **SUMMARY,
    "history": START_HITL["messageHistory"],
    "hitlSession": {},
    "options": {"assignmentTimeout": 600},
}
MESSAGE_BODY = {
    "messageId": MESSAGE,
    "sequence": 1,
    "author": "user",
    "userId": USER,
    "type": "text",
    "payload": {"text": "It is order 1001."},
    "status": "sent",
    "readAt": None,
    "createdAt": "2026-11-21T09:00:30Z",
}
CONVERSATION_PAGE = {"items": [SUMMARY], "nextCursor": None}
MESSAGE_PAGE = {"items": [MESSAGE_BODY], "nextCursor": None}


def event(type_: str, **data: Any) -> dict[str, Any]:
    """An event of that type."""
    about = {"conversationId": CONVERSATION, "botConversationId": "chat-7"}
    return {
        "id": EVENT,
        "type": type_,
        "timestamp": "2026-11-21T09:01:00.120000Z",
        "sequence": 2,
        "data": {**about, "tags": {"order": "1001"}, **data},
    }


EVENTS = {
    "hitlQueued": event("hitlQueued", ticketId="2150"),
    "hitlAssigned": event("hitlAssigned", userId=AGENT, agent=_AGENT),
    "hitlTransferred": event("hitlTransferred", to="Billing"),
    "messageCreated": event(
        "messageCreated",
        messageId=MESSAGE,
        source="agent",
        userId=AGENT,
        agent=_AGENT,
        type="text",
        payload={"text": "Hi Ana, I am looking into it."},
    ),
    "messageStatus": event(
        "messageStatus", messageId=MESSAGE, status="failed", detail="The file is too large."
    ),
    "typing": {**event("typing", userId=AGENT, agent=_AGENT), "sequence": 0},
    "hitlStopped": event("hitlStopped", reason="agentClosed"),
    "hitlFailed": event("hitlFailed", reason="failed", detail="The inbox no longer exists."),
}
EVENT_PAGE = {"items": [EVENTS["hitlAssigned"]], "nextCursor": "17"}
STREAM = (
    "retry: 2000\n\n"
    f"id: 17\nevent: hitlAssigned\ndata: {json.dumps(EVENTS['hitlAssigned'])}\n\n"
    ": keep-alive\n\n"
)
MARK_READ = {"messageId": MESSAGE}

# Status -> (detail, further members): what the problems of the OpenAPI file show.
PROBLEMS: dict[int, tuple[str, dict[str, Any]]] = {
    400: (
        "payload.imageUrl: This field is required.",
        {
            "field": "payload.imageUrl",
            "errors": [{"field": "payload.imageUrl", "detail": "This field is required."}],
        },
    ),
    401: ("The API key is unknown, expired or revoked.", {}),
    403: ("This key lacks the scope actions.", {"scope": "actions"}),
    404: ("There is no such conversation.", {"field": "conversationId"}),
    409: (
        "The session has ended (agentClosed): start a new one.",
        {"field": "conversationId", "conversationStatus": "stopped"},
    ),
    413: ("The body has more than 1048576 bytes.", {}),
    415: ('Unsupported media type "text/plain" in request.', {}),
    429: ("Request was throttled. Expected available in 7 seconds.", {}),
    500: ("Something went wrong on our side; it has been logged.", {}),
    503: ("The database is out of reach: try again.", {}),
}
