"""What a bot looks up: conversations, what was said in them, users, availability."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api import describe, outputs
from conversations.api.actions import SendMessage
from conversations.api.base import ApiView, known_id
from conversations.api.paging import page, parameters
from conversations.flows import availability
from conversations.flows.problems import NotFound
from conversations.flows.sessions import choose_installation
from conversations.models import Conversation, ConversationStatus, ConversationTag, User
from hitl_bridge.models import Bot

TAG = "tag."
COLUMNS = {"botConversationId": "bot_conversation_id", "userId": "user_id"}
PAGE = ("limit", "cursor")


class Conversations(ApiView):
    """The bot's sessions, newest first."""

    http_method_names = ["get"]

    @describe.list_conversations
    def get(self, request: Request) -> Response:
        given = parameters(request.query_params, "status", *COLUMNS, TAG, *PAGE)
        rows = _filtered(_conversations(self.bot_of(request)), self.bot_of(request), given)
        return Response(page(rows, given, "-id", shape=outputs.ConversationSummary))


class ConversationDetail(ApiView):
    """One session."""

    http_method_names = ["get"]

    @describe.get_conversation
    def get(self, request: Request, **ids: str) -> Response:
        parameters(request.query_params)
        found = _conversation(self.bot_of(request), ids["conversationId"])
        return Response(outputs.ConversationBody(found).data)


class Messages(SendMessage):
    """What was said in a session, in order; and saying more."""

    http_method_names = ["get", "post"]

    @describe.list_messages
    def get(self, request: Request, **ids: str) -> Response:
        given = parameters(request.query_params, *PAGE)
        rows = _conversation(self.bot_of(request), ids["conversationId"]).messages.all()
        return Response(page(rows, given, "sequence", read=int, shape=outputs.MessageBody))


class UserDetail(ApiView):
    """One user."""

    http_method_names = ["get"]

    @describe.get_user
    def get(self, request: Request, **ids: str) -> Response:
        parameters(request.query_params)
        rows = User.objects.filter(bot=self.bot_of(request)).prefetch_related("tags")
        found = rows.filter(pk=known_id(ids["userId"])).first()
        if found is None:
            raise NotFound("There is no such user.")
        return Response(outputs.UserBody(found).data)


class Availability(ApiView):
    """Whether agents are there."""

    http_method_names = ["get"]

    @describe.get_availability
    def get(self, request: Request) -> Response:
        wanted = parameters(request.query_params, "installation").get("installation", "")
        installation = choose_installation(self.bot_of(request), wanted)
        found = availability.look(installation, installation.options)
        told = {**found.body(), "installation": installation.slug}
        return Response(outputs.AvailabilityBody(told).data)


def _conversations(bot: Bot) -> QuerySet[Conversation]:
    rows = Conversation.objects.filter(bot=bot)
    return rows.select_related("installation", "agent").prefetch_related("tags")


def _conversation(bot: Bot, id_: str) -> Conversation:
    found = _conversations(bot).filter(pk=known_id(id_)).first()
    if found is None:
        raise NotFound("There is no such conversation.")
    return found


def _filtered(
    rows: QuerySet[Conversation], bot: Bot, given: Mapping[str, str]
) -> QuerySet[Conversation]:
    """Narrow the rows to what is asked for. Raises ValidationError."""
    for name, value in given.items():
        if name.startswith(TAG):
            tagged = ConversationTag.objects.filter(bot=bot, name=name[len(TAG) :], value=value)
            rows = rows.filter(pk__in=tagged.values("conversation"))
        elif name == "status":
            if value not in ConversationStatus.values:
                known = ", ".join(ConversationStatus.values)
                raise ValidationError({name: [f"This must be one of {known}."]})
            rows = rows.filter(status=value)
        elif name in COLUMNS:
            rows = rows.filter(**{COLUMNS[name]: value})
    return rows
