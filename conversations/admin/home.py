"""The admin's first page: what needs somebody, and how much there is of everything."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from conversations.admin import attention, figures
from conversations.models import Conversation
from hitl_bridge.models import Bot, Installation


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Called by the theme for its index page; see templates/admin/index.html."""
    choice = figures.Choice(request)
    conversations: Any = admin.site.get_model_admin(Conversation)
    sees = conversations.has_view_permission(request)
    context |= {
        "title": "Home",
        "concerns": attention.concerns(request),
        "first_steps": _first_steps(request),
        "choice": choice,
        "charts": figures.charts(request, choice) if sees else [],
    }
    return context


def _first_steps(request: HttpRequest) -> list[tuple[str, str, bool]]:
    """(what, where, whether it is done) for who has no help desk connected yet."""
    installations: Any = admin.site.get_model_admin(Installation)
    if not installations.has_add_permission(request):
        return []
    connected = attention.rows_of(request, Installation)
    if connected[:1]:
        return []
    bots = attention.rows_of(request, Bot).exists()
    return [
        ("Add a bot, and issue a key for it", attention.list_of(Bot), bots),
        ("Connect a help desk", attention.list_of(Installation) + "add/", False),
    ]
