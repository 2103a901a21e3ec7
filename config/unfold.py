"""The admin's look: title, colours (django-unfold). Its sidebar is config.navigation."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "HITL bridge",
    "SITE_HEADER": "HITL bridge",
    "SITE_SUBHEADER": "Bots and help desks",
    "SITE_SYMBOL": "support_agent",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("hitl_bridge/icon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "conversations.admin.home.dashboard",
    # Colours stand in theme.css: a policy forbids the style that the theme would make of them here.
    "BORDER_RADIUS": None,
    "ACCOUNT": {
        "navigation": [
            {"title": "Second login step", "link": lambda request: reverse("admin:second-step")},
        ],
    },
    "STYLES": [
        lambda request: static("hitl_bridge/theme.css"),
        lambda request: static("hitl_bridge/admin.css"),
    ],
    "SCRIPTS": [lambda request: static("hitl_bridge/admin.js")],
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "config.navigation.sidebar",
    },
}
