"""/me, /admins, /teams, /tags and the definitions of custom attributes."""

from __future__ import annotations

import time
from typing import Any

from django.db import transaction

from sandbox.models import Account, Agent, Tag, Team
from sandbox.vendors.intercom import shapes
from sandbox.vendors.intercom.http import ApiError, Call

Json = dict[str, Any]
CONTACT_TYPES = ("string", "integer", "float", "boolean", "date")
CONVERSATION_TYPES = ("string", "integer", "decimal", "boolean", "datetime", "list")


def me(call: Call) -> Json:
    """GET /me: the admin who made the token."""
    return shapes.me(call.account.agents.filter(is_bot=False).order_by("id")[0])


def admins(call: Call) -> Json:
    """GET /admins."""
    rows = Agent.objects.filter(account=call.account).order_by("id")
    return {"type": "admin.list", "admins": [shapes.admin(row) for row in rows]}


def admin(call: Call, admin_id: str) -> Json:
    """GET /admins/{id}; the vendor's bot is one of them."""
    row = Agent.objects.filter(account=call.account, vendor_id=admin_id).first()
    if row is None:
        raise ApiError(404, "admin_not_found", "Admin not found")
    return shapes.admin(row)


def teams(call: Call) -> Json:
    """GET /teams."""
    rows = Team.objects.filter(account=call.account).order_by("id")
    return {"type": "team.list", "teams": [shapes.team(row) for row in rows]}


def team(call: Call, team_id: str) -> Json:
    """GET /teams/{id}."""
    row = Team.objects.filter(account=call.account, vendor_id=team_id).first()
    if row is None:
        raise ApiError(404, "team_not_found", "Team not found")
    return shapes.team(row)


def tags(call: Call) -> Json:
    """GET /tags."""
    rows = Tag.objects.filter(account=call.account).order_by("id")
    return {"type": "list", "data": [shapes.tag(row) for row in rows]}


def create_tag(call: Call) -> Json:
    """POST /tags `{"name"}`: creates or finds; with `id` it renames."""
    if not call.body.get("name"):
        raise ApiError(400, "parameter_invalid", "invalid tag parameters")
    name, tag_id = call.text("name"), call.text("id", required=False)
    rows = Tag.objects.filter(account=call.account)
    if tag_id:
        if not rows.filter(vendor_id=tag_id).update(name=name):
            raise ApiError(404, "tag_not_found", "Tag not found")
        return shapes.tag(rows.get(vendor_id=tag_id))
    with transaction.atomic():
        found = rows.filter(name__iexact=name).first()
        row = found or rows.create(
            account=call.account, name=name, vendor_id=str(call.account.next_number())
        )
    return shapes.tag(row)


def data_attributes(call: Call) -> Json:
    """GET /data_attributes: of contacts."""
    return {"type": "list", "data": call.account.setting("contact_attributes", [])}


def create_data_attribute(call: Call) -> Json:
    """POST /data_attributes `{"name", "model": "contact", "data_type"}`."""
    name, kind = call.text("name"), call.text("data_type")
    if kind not in CONTACT_TYPES:
        raise ApiError(400, "parameter_invalid", f"data_type '{kind}' is not valid")
    number, now = call.account.next_number(), int(time.time())
    attribute = {
        "type": "data_attribute",
        "id": number,
        "model": call.text("model"),
        "name": name,
        "full_name": f"custom_attributes.{name}",
        "label": name,
        "description": call.text("description", required=False),
        "data_type": kind,
        "api_writable": True,
        "messenger_writable": False,
        "ui_writable": True,
        "custom": True,
        "archived": False,
        "created_at": now,
        "updated_at": now,
        "admin_id": "814860",
    }
    _define(call.account, "contact_attributes", attribute)
    return attribute


def conversation_attributes(call: Call) -> Json:
    """GET /conversations/attributes."""
    return {"type": "list", "data": call.account.setting("conversation_attributes", [])}


def create_conversation_attribute(call: Call) -> Json:
    """POST /conversations/attributes `{"name", "data_type"}`."""
    kind = call.text("data_type")
    if kind not in CONVERSATION_TYPES:
        allowed = ", ".join(CONVERSATION_TYPES)
        message = f"data_type '{kind}' is not valid. Allowed types: {allowed}"
        raise ApiError(422, "parameter_invalid", message)
    now = int(time.time())
    attribute: Json = {
        "type": "conversation_attribute",
        "id": call.account.next_number(),
        "name": call.text("name"),
        "description": call.text("description", required=False),
        "data_type": kind,
        "required": False,
        "visible_to_team_ids": [],
        "archived": False,
        "created_at": now,
        "updated_at": now,
        "admin_id": "814860",
    }
    if kind == "string":
        attribute["multiline"] = False
    _define(call.account, "conversation_attributes", attribute)
    return attribute


@transaction.atomic
def _define(account: Account, where: str, attribute: Json) -> None:
    account.refresh_from_db()
    known = account.setting(where, [])
    if any(a["name"] == attribute["name"] for a in known):
        raise ApiError(422, "data_invalid", "You already have an attribute with this name", "name")
    account.settings[where] = [*known, attribute]
    account.save(update_fields=["settings"])
