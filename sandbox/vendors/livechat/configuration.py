"""The Configuration API: groups, agents, bots, webhooks.

https://platform.text.com/docs/management/configuration-api
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from django.db import transaction

from sandbox.models import Agent, Team
from sandbox.vendors.livechat import hooks, shapes
from sandbox.vendors.livechat.errors import ApiError
from sandbox.vendors.livechat.http import Call, Methods, invalid

Json = dict[str, Any]
MOST = 3  # webhooks per action and client id
LONGEST_URL = 500
REGISTER, STATE = "webhooks.configuration:rw", "webhooks.state:rw"


def list_groups(call: Call) -> list[Json]:
    """All groups, with the asked `fields`."""
    fields = [str(name) for name in call.body.get("fields") or []]
    rows = Team.objects.filter(account=call.account).order_by("id")
    return [shapes.group(row, fields) for row in rows]


def list_agents(call: Call) -> list[Json]:
    """Humans; of some groups, if `filters.group_ids` says so."""
    rows = Agent.objects.filter(account=call.account, is_bot=False).order_by("id")
    wanted = call.part("filters").get("group_ids")
    if wanted is not None:
        rows = rows.filter(teams__vendor_id__in=[str(id_) for id_ in wanted]).distinct()
    return [shapes.listed_agent(row) for row in rows]


def list_bots(call: Call) -> list[Json]:
    """Bots; those of others only with `all`."""
    rows = Agent.objects.filter(account=call.account, is_bot=True).order_by("id")
    return [shapes.bot(row) for row in rows] if call.flag("all") else []


def get_group(call: Call) -> Json:
    """One group, with the asked `fields`."""
    wanted = call.body.get("id")
    row = Team.objects.filter(account=call.account, vendor_id=str(wanted)).first()
    if row is None:
        raise ApiError("group_not_found")
    return shapes.group(row, [str(name) for name in call.body.get("fields") or []])


def get_agent(call: Call) -> Json:
    """One human."""
    return shapes.listed_agent(_agent(call, is_bot=False))


def get_bot(call: Call) -> Json:
    """One bot."""
    return shapes.bot(_agent(call, is_bot=True))


def _agent(call: Call, *, is_bot: bool) -> Agent:
    rows = Agent.objects.filter(account=call.account, is_bot=is_bot)
    row = rows.filter(vendor_id=call.text("id")).first()
    if row is None:
        raise ApiError("not_found", "Agent not found")
    return row


@transaction.atomic
def register_webhook(call: Call) -> Json:
    """Up to three per action."""
    account, body = call.account, call.body
    account.refresh_from_db()
    action, url, owner = call.text("action"), call.text("url"), _owner(call)
    if action not in hooks.ACTIONS:
        raise invalid("`action` is not supported")
    if len(url) > LONGEST_URL or not url.startswith(("https://", "http://")):
        raise invalid("`url` is invalid")
    if call.text("type") not in ("license", "bot"):
        raise invalid("`type` is invalid")
    known = hooks.registered(account)
    if sum((row["action"], row["owner_client_id"]) == (action, owner) for row in known) >= MOST:
        raise ApiError("limit_reached", "Webhooks limit reached")
    row = {
        "id": secrets.token_urlsafe(18),
        "url": url,
        "description": str(body.get("description") or ""),
        "action": action,
        "secret_key": call.text("secret_key"),
        "filters": _filters(call, action),
        "additional_data": body.get("additional_data") or [],
        "owner_client_id": owner,
        "type": body["type"],
        "at": time.time(),
    }
    account.settings["webhooks"] = [*known, row]
    account.save(update_fields=["settings"])
    return {"id": row["id"]}


def _owner(call: Call) -> str:
    """The client id that webhooks are registered for: one of the account's apps."""
    owner = call.text("owner_client_id")
    if owner != call.account.credentials["client_id"]:
        raise ApiError("authorization", "Not an owner of the Client ID")
    return owner


def _filters(call: Call, action: str) -> Json:
    filters = call.part("filters")
    author = filters.get("author_type")
    if author is not None and (
        author not in ("agent", "customer") or action not in hooks.WITH_AUTHOR
    ):
        raise invalid("`filters.author_type` is invalid")
    return filters


def list_webhooks(call: Call) -> list[Json]:
    """What is registered for a client id, without the secrets."""
    owner = _owner(call)
    rows = hooks.registered(call.account)
    return [shapes.webhook(row) for row in rows if row["owner_client_id"] == owner]


@transaction.atomic
def unregister_webhook(call: Call) -> None:
    """Remove one."""
    account, wanted, owner = call.account, call.text("id"), _owner(call)
    account.refresh_from_db()
    known = hooks.registered(account)
    kept = [r for r in known if (r["id"], r["owner_client_id"]) != (wanted, owner)]
    if len(kept) == len(known):
        raise ApiError("not_found", "Webhook not found")
    account.settings["webhooks"] = kept
    account.save(update_fields=["settings"])


def list_webhook_names(call: Call) -> list[Json]:
    """The actions that there are."""
    return [{"action": action} for action in hooks.ACTIONS]


def get_license_webhooks_state(call: Call) -> Json:
    """Whether webhooks are sent at all."""
    _app(call)
    return {"license_webhooks_enabled": bool(call.account.setting("webhooks_enabled", True))}


def enable_license_webhooks(call: Call) -> None:
    """Switch them on."""
    _switch(call, on=True)


def disable_license_webhooks(call: Call) -> None:
    """Switch them off."""
    _switch(call, on=False)


@transaction.atomic
def _switch(call: Call, *, on: bool) -> None:
    _app(call)
    call.account.refresh_from_db()
    call.account.settings["webhooks_enabled"] = on
    call.account.save(update_fields=["settings"])


def _app(call: Call) -> None:
    """A personal access token belongs to no app, so the app must be named with it."""
    if call.personal or "owner_client_id" in call.body:
        _owner(call)


METHODS: Methods = {
    "list_groups": (list_groups, "groups--all:ro"),
    "list_agents": (list_agents, "agents--all:ro"),
    "list_bots": (list_bots, "agents-bot--all:ro"),
    "get_group": (get_group, "groups--all:ro"),
    "get_agent": (get_agent, "agents--all:ro"),
    "get_bot": (get_bot, "agents-bot--all:ro"),
    "register_webhook": (register_webhook, REGISTER),
    "list_webhooks": (list_webhooks, REGISTER),
    "unregister_webhook": (unregister_webhook, REGISTER),
    "list_webhook_names": (list_webhook_names, ""),
    "get_license_webhooks_state": (get_license_webhooks_state, STATE),
    "enable_license_webhooks": (enable_license_webhooks, STATE),
    "disable_license_webhooks": (disable_license_webhooks, STATE),
}
