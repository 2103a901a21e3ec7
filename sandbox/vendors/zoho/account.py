"""/apps, /departments and /operators."""

from __future__ import annotations

from typing import Any

from sandbox.models import Agent, Team
from sandbox.vendors.zoho import shapes
from sandbox.vendors.zoho.http import Answer, ApiError, Call

Json = dict[str, Any]
PAGE = 20  # operators at once
AVAILABLE, BUSY = 1, 3


def apps(call: Call) -> Answer:
    """GET /apps."""
    return "list", [shapes.brand(call.account)]


def app(call: Call, app_id: str) -> Answer:
    """GET /apps/{id}."""
    if app_id != call.account.credentials["app_id"]:
        raise ApiError(1019)
    return "app", shapes.brand(call.account)


def departments(call: Call) -> Answer:
    """GET /departments."""
    rows = Team.objects.filter(account=call.account).order_by("id")
    return "list", [_department(row, call) for row in rows]


def department(call: Call, department_id: str) -> Answer:
    """GET /departments/{id}."""
    row = Team.objects.filter(account=call.account, vendor_id=department_id).first()
    if row is None:
        raise ApiError(1019)
    return "department", _department(row, call)


def _department(row: Team, call: Call) -> Json:
    return {
        "id": row.vendor_id,
        "name": row.name,
        "is_enabled": True,
        "app_ids": [call.account.credentials["app_id"]],
        "operators": [agent.vendor_id for agent in row.agents.order_by("id")],
    }


def operators(call: Call) -> Answer:
    """GET /operators?index=: twenty from that place on, which counts from 1."""
    start = max(call.number("index", 1) - 1, 0)
    rows = Agent.objects.filter(account=call.account, is_bot=False).order_by("id")
    return "list", [_operator(row) for row in rows[start : start + PAGE]]


def operator(call: Call, operator_id: str) -> Answer:
    """GET /operators/{id}."""
    row = Agent.objects.filter(account=call.account, vendor_id=operator_id, is_bot=False).first()
    if row is None:
        raise ApiError(1019)
    return "operator", _operator(row)


def _operator(row: Agent) -> Json:
    first, _, last = row.name.partition(" ")
    return {
        "id": row.vendor_id,
        "first_name": first,
        "last_name": last,
        "nick_name": first,
        "email_id": row.email,
        "status_code": BUSY if row.away else AVAILABLE,
        "is_enabled": True,
        "is_deleted": False,
        "departments": [team.vendor_id for team in row.teams.order_by("id")],
    }
