"""Addresses of connecting; webhooks and the API are in conversations.urls."""

from django.urls import URLPattern, URLResolver, path

from hitl_bridge import oauth

urlpatterns: list[URLPattern | URLResolver] = [
    path("oauth/<slug:provider>/callback", oauth.callback, name="oauth-callback"),
]
