"""The admin's sidebar: what there is, and how much of it waits for somebody."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from conversations.admin.badges import dead_letters
from hitl_bridge.admin.badges import needing_help, open_alerts

# title of a group -> (title, icon, model, how many need somebody)
GROUPS: dict[str, list[tuple[str, str, str, Callable[[HttpRequest], int] | None]]] = {
    "Conversations": [
        ("Conversations", "forum", "conversations.conversation", None),
        ("Users and agents", "group", "conversations.user", None),
        ("Dead letters", "mark_email_unread", "conversations.delivery", dead_letters),
    ],
    "Connections": [
        ("Installations", "hub", "hitl_bridge.installation", needing_help),
        ("Bots", "smart_toy", "hitl_bridge.bot", None),
        ("API keys", "key", "hitl_bridge.apikey", None),
        ("Apps", "apps", "hitl_bridge.app", None),
        ("Tenants", "apartment", "hitl_bridge.tenant", None),
        ("Alerts", "notifications_active", "hitl_bridge.alert", open_alerts),
    ],
    "Records": [
        ("Messages", "chat", "conversations.message", None),
        ("Events", "campaign", "conversations.event", None),
        ("Webhooks received", "webhook", "conversations.receipt", None),
        ("Audit", "fact_check", "hitl_bridge.auditentry", None),
    ],
    "People": [
        ("Accounts", "person", "auth.user", None),
        ("Memberships", "group_add", "hitl_bridge.membership", None),
        ("Roles", "badge", "auth.group", None),
        ("Failed logins", "lock_clock", "axes.accessattempt", None),
    ],
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups with what this person may see in them; empty ones are left out."""
    groups = []
    for title, entries in GROUPS.items():
        items = [
            _item(request, label, icon, model, count)
            for label, icon, model, count in entries
            if _may_see(request, model)
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _may_see(request: HttpRequest, model: str) -> bool:
    app, _, name = model.partition(".")
    return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))


def _item(
    request: HttpRequest,
    label: str,
    icon: str,
    model: str,
    count: Callable[[HttpRequest], int] | None,
) -> dict[str, Any]:
    name = model.replace(".", "_")
    item = {"title": label, "icon": icon, "link": reverse(f"admin:{name}_changelist")}
    waiting = count(request) if count else 0
    # The theme draws a badge for an empty number as well, so there must be none.
    return item | ({"badge": str(waiting), "badge_variant": "danger"} if waiting else {})
