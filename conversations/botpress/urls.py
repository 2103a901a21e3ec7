"""Addresses below /botpress/. The base address may end in a slash, which then comes doubled."""

from django.urls import re_path

from conversations.botpress import views

urlpatterns = [
    re_path(r"^(?P<token>[^/]+)(?P<name>(?:/.*)?)$", views.call, name="botpress"),
]
