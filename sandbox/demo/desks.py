"""The help desks that the demo chat can hand over to: accounts that an installation stands for."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from sandbox import vendors
from sandbox.models import Account, DemoChat

Json = dict[str, Any]


def choices() -> list[Json]:
    """`{id, name, inbox}` of each; the id is the installation's slug."""
    rows = Account.objects.filter(settings__has_key="installation").order_by("id")
    return [
        {
            "id": row.settings["installation"],
            "name": vendors.of(row).name,
            "inbox": reverse("inbox", args=[row.slug]),
        }
        for row in rows
        if row.setting("installation") and row.vendor in vendors.VENDORS
    ]


def chosen(wanted: str) -> str:
    """The installation to hand over to: the wanted one, else the first; empty where there is
    none to choose from, and the bridge chooses."""
    slugs = [choice["id"] for choice in choices()]
    return wanted if wanted in slugs else next(iter(slugs), "")


def of_session(chat: DemoChat) -> str:
    """The installation that the chat's running session was handed over to."""
    start = chat.calls.filter(action="startHitl", session=chat.sessions).first()
    if chat.mode == DemoChat.BOT or start is None:
        return ""
    return str(start.payload.get("installation", ""))
