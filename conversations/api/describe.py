"""How each operation stands in the OpenAPI file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    OpenApiWebhook,
    extend_schema,
)

from conversations.api import examples, inputs, outputs
from conversations.api.paging import DEFAULT_LIMIT, MAX_LIMIT
from conversations.api.payloads import MESSAGES
from conversations.api.problems import CONTENT_TYPE, PROBLEMS
from conversations.api.schema import one_of
from conversations.api.shapes import Shape
from conversations.models import ConversationStatus

Decorator = Callable[[Any], Any]
POST = (400, 401, 403, 409, 413, 415, 429, 500, 503)
GET = (400, 401, 403, 429, 500, 503)


def _problem(status: int) -> OpenApiResponse:
    kind = PROBLEMS[status]
    detail, more = examples.PROBLEMS[status]
    value = {"type": kind.type, "title": kind.title, "status": status, "detail": detail, **more}
    shown = OpenApiExample(kind.title, value, response_only=True, status_codes=[str(status)])
    return OpenApiResponse(outputs.ProblemBody, kind.title, [shown])


NOTHING = {"type": "object", "description": "There is nothing to say."}


def _answers(
    status: int, body: type[Shape] | dict[str, Any], example: Any, *problems: int
) -> dict[Any, Any]:
    shown = OpenApiExample("Answer", example, response_only=True, status_codes=[str(status)])
    about = body["description"] if isinstance(body, dict) else body.__doc__
    good = OpenApiResponse(body, about or "", [shown])
    bad = {(code, CONTENT_TYPE): _problem(code) for code in sorted(problems)}
    return {(status, "application/json"): good, **bad}


def _request(body: Any, **shown: Any) -> OpenApiRequest:
    return OpenApiRequest(
        body,
        examples=[OpenApiExample(name, value, request_only=True) for name, value in shown.items()],
    )


def _id(name: str, example: str) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "string", "pattern": "^[A-Za-z0-9_]{1,32}$"},
        OpenApiParameter.PATH,
        description=f"The id of the {name.removesuffix('Id')}.",
        examples=[OpenApiExample("An id", example, parameter_only=(name, "path"))],
    )


def _query(name: str, description: str, schema: dict[str, Any] | None = None) -> OpenApiParameter:
    return OpenApiParameter(name, schema or {"type": "string"}, description=description)


CONVERSATION_ID = _id("conversationId", examples.CONVERSATION)
INSTALLATION = _query("installation", inputs.INSTALLATION_HELP)
PAGE = [
    _query(
        "cursor",
        "`nextCursor` of the page before.",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
    ),
    _query(
        "limit",
        "How many on a page.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
]
PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`wait=N`: answer once the ticket exists or has failed, after N seconds (at most "
    "30) at the latest; `Preference-Applied` says that this was done.",
    examples=[OpenApiExample("Wait", "wait=10", parameter_only=("Prefer", "header"))],
)

create_user: Decorator = extend_schema(
    operation_id="createUser",
    summary="Create the end user, or bring one up to date",
    request=_request(inputs.CreateUser, User=examples.CREATE_USER),
    responses=_answers(200, outputs.UserCreated, examples.USER_CREATED, *POST, 404),
)
start_hitl: Decorator = extend_schema(
    operation_id="startHitl",
    summary="Hand a chat over to a human",
    description="Answers with the open session of that `botConversationId` if there is one. "
    "The help desk's ticket is opened right after; events tell how it goes.",
    parameters=[PREFER],
    request=_request(inputs.StartHitl, Session=examples.START_HITL),
    responses=_answers(200, outputs.SessionStarted, examples.SESSION_STARTED, *POST, 404),
)
stop_hitl: Decorator = extend_schema(
    operation_id="stopHitl",
    summary="End a session",
    description="The ticket is closed after what was sent before. The reason is told to the "
    "agent; left out, it is `botStopped`.",
    request=_request(inputs.StopHitl, Stop=examples.STOP_HITL),
    responses=_answers(200, NOTHING, {}, *POST, 404),
)
send_message: Decorator = extend_schema(
    operation_id="sendMessage",
    summary="Say something to the agent",
    description="Messages of a session are delivered in the order in which they were accepted.",
    parameters=[CONVERSATION_ID],
    request=_request(
        one_of("NewMessage", MESSAGES),
        Text=examples.TEXT_MESSAGE,
        Image=examples.IMAGE_MESSAGE,
        Bloc=examples.BLOC_MESSAGE,
    ),
    responses=_answers(202, outputs.MessageAccepted, examples.MESSAGE_ACCEPTED, *POST, 404),
)
typing: Decorator = extend_schema(
    operation_id="typing",
    summary="Show the agent that the user is typing",
    description="Never queued; does nothing where the help desk can't show it.",
    parameters=[CONVERSATION_ID],
    request=_request({"type": "object"}, Typing={}),
    responses=_answers(202, NOTHING, {}, *POST, 404),
)
mark_read: Decorator = extend_schema(
    operation_id="markRead",
    summary="Show the agent that the user has read",
    description="Up to and with the message `messageId`, or all so far. Never queued; the help "
    "desk is told where it can show it.",
    parameters=[CONVERSATION_ID],
    request=_request(inputs.MarkRead, Everything={}, Up_to=examples.MARK_READ),
    responses=_answers(202, NOTHING, {}, *POST, 404),
)
list_conversations: Decorator = extend_schema(
    operation_id="listConversations",
    summary="List sessions, newest first",
    parameters=[
        _query(
            "status", "Only those.", {"type": "string", "enum": list(ConversationStatus.values)}
        ),
        _query("botConversationId", "Only those of this chat."),
        _query("userId", "Only those of this user."),
        OpenApiParameter(
            "tags",
            {
                "type": "object",
                "patternProperties": {"^tag\\..+$": {"type": "string"}},
                "additionalProperties": False,
            },
            description="`tag.<name>=<value>`: only those with this tag; several: with all.",
            style="form",
            explode=True,
        ),
        *PAGE,
    ],
    responses=_answers(200, outputs.ConversationPage, examples.CONVERSATION_PAGE, *GET),
)
get_conversation: Decorator = extend_schema(
    operation_id="getConversation",
    summary="Look a session up",
    parameters=[CONVERSATION_ID],
    responses=_answers(200, outputs.ConversationBody, examples.CONVERSATION_BODY, *GET, 404),
)
list_messages: Decorator = extend_schema(
    operation_id="listMessages",
    summary="Read what was said in a session",
    description="What was handed over with it is `history` of the session itself.",
    parameters=[CONVERSATION_ID, *PAGE],
    responses=_answers(200, outputs.MessagePage, examples.MESSAGE_PAGE, *GET, 404),
)
get_user: Decorator = extend_schema(
    operation_id="getUser",
    summary="Look a user or an agent up",
    parameters=[_id("userId", examples.USER)],
    responses=_answers(200, outputs.UserBody, examples.USER_BODY, *GET, 404),
)
get_availability: Decorator = extend_schema(
    operation_id="getAvailability",
    summary="Ask whether agents are there",
    description="At most 15 seconds old; `unknown` where the help desk does not say.",
    parameters=[INSTALLATION],
    responses=_answers(200, outputs.AvailabilityBody, examples.AVAILABILITY, *GET, 404, 409),
)
list_events: Decorator = extend_schema(
    operation_id="listEvents",
    summary="Read the events feed",
    description="The same events as the callbacks have, in the order to handle them. With `wait` "
    "an empty page is held back until something happens or the time is over.",
    parameters=[
        _query(
            "after",
            "`nextCursor` of the page before; left out: from the beginning.",
            {"type": "string", "pattern": "^[0-9]{0,18}$"},
        ),
        _query(
            "wait",
            "Seconds; more than 50 count as 50.",
            {"type": "integer", "minimum": 0, "maximum": 3600},
        ),
        PAGE[1],
    ],
    responses=_answers(200, outputs.EventPage, examples.EVENT_PAGE, *GET),
)

stream_events: Decorator = extend_schema(
    operation_id="streamEvents",
    summary="Follow the events as a stream",
    description="Server-sent events: `id` is the cursor of the feed, `event` the type, `data` the "
    "event as callbacks and feed have it. Who comes back with `Last-Event-ID` misses nothing and "
    "gets nothing twice. `typing` and read messages come without an `id`. A comment every 15 "
    "seconds keeps the connection; when the bridge restarts or the key is revoked, it ends.",
    parameters=[
        _query(
            "after",
            "A cursor of the feed to begin after; left out: from the beginning.",
            {"type": "string", "pattern": "^[0-9]{0,18}$"},
        ),
        OpenApiParameter(
            "Last-Event-ID",
            {"type": "string", "pattern": "^[0-9]{0,18}$"},
            OpenApiParameter.HEADER,
            description="The last `id` that was handled; counts more than `after`.",
        ),
    ],
    responses={
        (200, "text/event-stream"): OpenApiResponse(
            {"type": "string"},
            "The stream; it has no end of its own.",
            [OpenApiExample("Answer", examples.STREAM, response_only=True, status_codes=["200"])],
        ),
        **{(code, CONTENT_TYPE): _problem(code) for code in GET},
    },
)

# For SPECTACULAR_SETTINGS: what a bot's own address is sent.
CALLBACKS = OpenApiWebhook(
    "event",
    extend_schema(
        operation_id="event",
        summary="Tell the bot what happened",
        description="Signed as Standard Webhooks: `webhook-id` (the event's id), "
        "`webhook-timestamp`, `webhook-signature`. Answer 2xx within 15 seconds; all else is "
        "tried again for days, in order per session. 410 switches callbacks off.",
        request={"application/json": one_of("Event", outputs.EVENTS)},
        responses={200: OpenApiResponse(description="Taken.")},
        examples=[
            OpenApiExample(name, value, response_only=True, request_only=False)
            for name, value in examples.EVENTS.items()
        ],
    ),
)
