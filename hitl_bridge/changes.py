"""What follows from a change of configuration, whoever made it: the admin or `apply`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import models
from django.utils import timezone

from hitl_bridge.models import Installation, InstallationStatus, OAuthToken

CALLBACK_COLUMNS = {"connector", "callback_url", "callback_secret", "botpress_webhook_url"}
CONNECTION_COLUMNS = {"app", "settings", "credentials", "api_base_url", "auth_base_url"}
GRANT_CREDENTIALS = ("refresh_token", "client_id")


def unchecked(installation: Installation) -> dict[str, Any]:
    """The columns of a connection that is to be tested anew: how it was counts no more."""
    kept = installation.status in (InstallationStatus.PAUSED, InstallationStatus.DISABLED)
    return {
        "status": installation.status if kept else InstallationStatus.NEW,
        "checked_at": None,
        "provision_at": timezone.now(),
        "status_reason": "",
        "status_field": "",
        "failures": 0,
        "hold_until": None,
        "hold_reason": "",
    }


def untried() -> dict[str, Any]:
    """The columns of a bot whose changed address gets a fresh chance."""
    return {"callback_disabled_reason": "", "failures": 0, "hold_until": None}


def save_columns(row: models.Model, columns: Mapping[str, Any]) -> None:
    """Set and save these columns and no others: workers write to the same rows meanwhile."""
    for column, value in columns.items():
        setattr(row, column, value)
    row.save(update_fields=list(columns))


def forget_grant(installation: Installation, old: dict[str, str], new: dict[str, str]) -> None:
    """Drop stored tokens that were granted to other credentials than there are now.

    A pasted refresh token counts only while there is no stored one (see hitl_bridge.tokens).
    """
    if any(old.get(name, "") != new.get(name, "") for name in GRANT_CREDENTIALS):
        OAuthToken.objects.filter(installation=installation).delete()


def address_problem(address: str) -> str:
    """What is wrong with a web address, as a sentence; empty if nothing is.

    Unlike Django's own check it takes hosts without a dot, as they are in private networks.
    Whether the bridge may reach it is decided when it connects (ALLOWED_PRIVATE_TARGETS).
    """
    try:
        parts = urlsplit(address)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or any(mark.isspace() for mark in address):
        return "This must be an address that begins with https:// or http://."
    return ""
