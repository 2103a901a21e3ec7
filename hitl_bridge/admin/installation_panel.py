"""What an installation's page shows above and below its form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.timesince import timesince

import providers
from hitl_bridge import botpress, oauth
from hitl_bridge.forms import CREDENTIAL, SETTING
from hitl_bridge.models import App, Installation, InstallationStatus
from providers.base import Provider

STATUS_STYLES = {
    InstallationStatus.NEW: "info",
    InstallationStatus.ACTIVE: "success",
    InstallationStatus.RECONNECT: "danger",
    InstallationStatus.CONFIG: "danger",
    InstallationStatus.PAUSED: "warning",
    InstallationStatus.DISABLED: "",
}


def panel(obj: Installation) -> dict[str, Any]:
    """What the page shows above the form: how it is, the addresses, what is to be entered."""
    adapter = providers.get(obj.provider)
    app: App | None = obj.app if adapter.capabilities.app_webhooks else None
    address = app.webhook_url if app else obj.webhook_url
    return {
        "label": adapter.label,
        "style": STATUS_STYLES[InstallationStatus(obj.status)],
        "awaits_login": awaits_login(obj),
        "field": _field_of(obj, adapter),
        "address": address,
        "address_is_apps": app is not None,
        "oauth_address": oauth.redirect_uri(obj.provider) if adapter.capabilities.oauth else "",
        "checklists": [one for one in _checklists(obj, adapter, address) if one["steps"]],
        "registers": adapter.capabilities.provisions_webhooks,
        "now": timezone.now(),
    }


def awaits_login(obj: Installation) -> bool:
    """Whether it was tested in vain, and only an operator can take the next step."""
    return bool(
        obj.status == InstallationStatus.NEW and obj.checked_at and obj.provision_at is None
    )


def ago(at: datetime | None) -> str:
    """How long ago, in one unit."""
    return f"{timesince(at, depth=1)} ago" if at else "never"


def _field_of(obj: Installation, adapter: type[Provider]) -> str:
    """The form's field that the status is about; empty if there is none."""
    for prefix, declared in (
        (SETTING, adapter.settings_fields),
        (CREDENTIAL, adapter.credential_fields),
    ):
        if any(item.name == obj.status_field for item in declared):
            return prefix + obj.status_field
    return ""


def _checklists(
    obj: Installation, adapter: type[Provider], address: str
) -> Iterator[dict[str, Any]]:
    """What no API of ours can enter: at the help desk, and in Botpress."""
    seen = obj.last_received_at is not None
    items = adapter.checklist(address, obj.merged_settings())
    yield {
        "id": "help-desk",
        "where": adapter.label,
        "steps": [botpress.Step(item, seen) for item in items],
        "done": seen,
        "note": "A valid webhook has arrived: this is done."
        if seen
        else "Ticks itself when the first valid webhook arrives.",
    }
    steps = botpress.steps(obj)
    yield {
        "id": "botpress",
        "where": "Botpress",
        "steps": steps,
        "done": all(step.done is not False for step in steps),
        "note": "The first steps tick themselves when Botpress calls; the last two can't be seen "
        "from here.",
    }
