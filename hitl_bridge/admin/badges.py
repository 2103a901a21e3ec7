"""Numbers beside the sidebar's links."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from hitl_bridge.models import Alert, Installation, InstallationStatus

TROUBLED = (InstallationStatus.RECONNECT, InstallationStatus.CONFIG)


def needing_help(request: HttpRequest) -> int:
    """How many installations wait for an operator."""
    model_admin: Any = admin.site.get_model_admin(Installation)
    count = model_admin.get_queryset(request).filter(status__in=TROUBLED).count()
    return int(count)


def open_alerts(request: HttpRequest) -> int:
    """How many troubles go on."""
    model_admin: Any = admin.site.get_model_admin(Alert)
    return int(model_admin.get_queryset(request).filter(solved_at=None).count())
