"""An installation as a file for `apply`: all that is set, and where each secret is to come from."""

from __future__ import annotations

import re
from typing import Any

import yaml

import providers
from hitl_bridge import options
from hitl_bridge.models import App, Installation, InstallationStatus
from hitl_bridge.options.declared import BY_NAME

INTRO = """\
# {label}, for: python manage.py apply FILE
# No secret stands here. Each is read from the environment variable that is named in its place;
# one that has not changed can be left out, with its line.
"""


def as_yaml(installation: Installation) -> str:
    """The whole file, with the tenant and the bot that the installation belongs to."""
    bot = installation.bot
    tenant: dict[str, Any] = {"slug": bot.tenant.slug}
    if installation.app:
        tenant["apps"] = [_app(installation.app)]
    tenant["bots"] = [{"slug": bot.slug, "installations": [_installation(installation)]}]
    text = yaml.safe_dump({"tenants": [tenant]}, sort_keys=False, allow_unicode=True, width=100)
    return INTRO.format(label=installation.slug) + text


def _app(app: App) -> dict[str, Any]:
    return {"slug": app.slug, "provider": app.provider, **_values(app, f"{app.slug}")}


def _installation(row: Installation) -> dict[str, Any]:
    found: dict[str, Any] = {"slug": row.slug, "provider": row.provider}
    if row.app:
        found["app"] = row.app.slug
    found |= _values(row, f"{row.bot.slug}_{row.slug}")
    if row.options:
        found["options"] = _options(row.options)
    for name in ("api_base_url", "auth_base_url"):
        if getattr(row, name):
            found[name] = getattr(row, name)
    if row.status == InstallationStatus.DISABLED:
        found["enabled"] = False
    return found


def _values(row: App | Installation, name: str) -> dict[str, Any]:
    """Settings as they are; of credentials, those that are no secret, and variables' names."""
    secret = {one.name for one in providers.get(row.provider).credential_fields if one.secret}
    credentials = {
        key: f"env:{_variable(name, key)}" if key in secret else value
        for key, value in row.credentials.items()
        if value
    }
    parts = {"settings": dict(row.settings), "credentials": credentials}
    return {key: values for key, values in parts.items() if values}


def _variable(*parts: str) -> str:
    return re.sub(r"\W+", "_", "_".join(parts)).upper()


def _options(stored: dict[str, Any]) -> dict[str, Any]:
    """As somebody would write them."""
    shown = {
        name: BY_NAME[name].kind.show(value) if isinstance(value, dict) else value
        for name, value in options.flat(stored).items()
    }
    return options.nested(shown)
