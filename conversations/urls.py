"""Addresses of this app: the bot's API, the help desks' webhooks, agents' files."""

from django.urls import URLPattern, URLResolver, include, path

from conversations import media, webhooks

urlpatterns: list[URLPattern | URLResolver] = [
    path("webhooks/<str:provider>/app/<str:token>", webhooks.to_app, name="app-webhook"),
    path("webhooks/<str:provider>/<str:token>", webhooks.to_installation, name="webhook"),
    path("botpress/", include("conversations.botpress.urls")),
    path("media/<media_id>/<signature>/<filename>", media.serve, name="media"),
    path("", include("conversations.api.urls")),
]
