"""Addresses of the bot's API; without slashes at their ends, and never redirected."""

from django.urls import URLPattern, URLResolver, path, re_path

from conversations.api import actions, reading
from conversations.api.base import UnknownAddress
from conversations.api.events import Events
from conversations.api.stream import EventStream

V1 = "api/v1"
CONVERSATION = f"{V1}/conversations/<str:conversationId>"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{V1}/actions/createUser", actions.CreateUser.as_view(), name="create-user"),
    path(f"{V1}/actions/startHitl", actions.StartHitl.as_view(), name="start-hitl"),
    path(f"{V1}/actions/stopHitl", actions.StopHitl.as_view(), name="stop-hitl"),
    path(f"{V1}/conversations", reading.Conversations.as_view(), name="conversations"),
    path(CONVERSATION, reading.ConversationDetail.as_view(), name="conversation"),
    path(f"{CONVERSATION}/messages", reading.Messages.as_view(), name="messages"),
    path(f"{CONVERSATION}/typing", actions.Typing.as_view(), name="typing"),
    path(f"{CONVERSATION}/read", actions.MarkRead.as_view(), name="read"),
    path(f"{V1}/users/<str:userId>", reading.UserDetail.as_view(), name="user"),
    path(f"{V1}/availability", reading.Availability.as_view(), name="availability"),
    path(f"{V1}/events", Events.as_view(), name="events"),
    path(f"{V1}/events/stream", EventStream.as_view(), name="event-stream"),
    # Last: all else is a problem too. The two pages that people open keep their missing slash.
    re_path(r"^api/(?!docs\Z|schema\Z)", UnknownAddress.as_view(), name="unknown"),
]
