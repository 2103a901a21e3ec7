"""The agent's inbox page and the JSON that it polls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from sandbox import vendors
from sandbox.actions import ActionError, act
from sandbox.models import Account, Agent, Part, Team, Ticket
from sandbox.texts import clean_html
from sandbox.web import BadRequestError, Json, body_of, json_view

SHOWN_TICKETS = 100
TYPING = timedelta(seconds=5)  # how long a customer who typed counts as typing


def page(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /inbox/<account>/."""
    account = get_object_or_404(Account, slug=slug)
    vendor = vendors.of(account)
    return render(request, "sandbox/inbox.html", {"account": account, "vendor": vendor})


@json_view("GET")
def data(request: HttpRequest, slug: str) -> Json:
    """GET /inbox/<account>/data?ticket=<id>: the list, and the chosen ticket's transcript."""
    account = get_object_or_404(Account, slug=slug)
    rows = Ticket.objects.filter(account=account).select_related("contact", "agent", "team")
    rows = rows.order_by("-updated_at")
    chosen = rows.filter(vendor_id=request.GET.get("ticket", "")).first()
    return {
        "agents": [agent(a) for a in account.agents.filter(is_bot=False).order_by("id")],
        "teams": [_team(t) for t in account.teams.order_by("id")],
        "tickets": [summary(row) for row in rows[:SHOWN_TICKETS]],
        "ticket": transcript(chosen) if chosen else None,
    }


@json_view("POST")
def do(request: HttpRequest, slug: str, ticket: str, action: str) -> Json:
    """POST /inbox/<account>/tickets/<id>/<action>: see actions.py."""
    row = get_object_or_404(Ticket, account__slug=slug, vendor_id=ticket)
    try:
        done = act(row, action, body_of(request))
    except ActionError as problem:
        raise BadRequestError(str(problem)) from None
    return {"part": part(done) if done else None}


def moment(value: datetime | None) -> str | None:
    """ISO 8601; the browser shows it in its own time zone."""
    return value.isoformat(timespec="milliseconds") if value else None


def agent(row: Agent) -> Json:
    """An agent for choosing."""
    return {"id": row.vendor_id, "name": row.name, "email": row.email, "away": row.away}


def _team(row: Team) -> Json:
    return {"id": row.vendor_id, "name": row.name}


def summary(row: Ticket) -> Json:
    """A ticket in the list."""
    last = row.parts.exclude(type=Part.Type.NOTE).exclude(text="", attachments=[]).last()
    return {
        "id": row.vendor_id,
        "customer": row.contact.name or row.contact.email or "Unknown customer",
        "email": row.contact.email,
        "external_id": row.contact.external_id,
        "title": row.title,
        "state": row.state,
        "agent": agent(row.agent) if row.agent else None,
        "team": _team(row.team) if row.team else None,
        "preview": _preview(last) if last else "",
        "waiting": row.waiting_since is not None,
        "tags": [tag["name"] for tag in row.tags],
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }


def _preview(row: Part) -> str:
    return row.text[:140] or ", ".join(a["name"] for a in row.attachments)


def transcript(row: Ticket) -> Json:
    """A ticket with everything that happened to it, private notes included."""
    names = {("agent", a.vendor_id): a.name for a in row.account.agents.all()}
    names |= {("team", t.vendor_id): t.name for t in row.account.teams.all()}
    typing_at = row.attributes.get("typing_at")
    typing = bool(typing_at) and timezone.now() - datetime.fromisoformat(typing_at) < TYPING
    return {
        **summary(row),
        "typing": typing,
        "read_to": row.attributes.get("read_to"),
        "parts": [part(p, names) for p in row.parts.all()],
    }


def part(row: Part, names: dict[tuple[str, str], str] | None = None) -> Json:
    """A part. `html` is cleaned: it may be put into a page as it is."""
    to: dict[str, Any] | None = row.assigned_to
    name = (names or {}).get((to["kind"], to["id"]), "nobody") if to else ""
    return {
        "id": row.vendor_id,
        "type": row.type,
        "author": {**row.author, "kind": row.author_kind},
        "html": clean_html(row.html),
        "text": row.text,
        "attachments": row.attachments,
        "assigned_to": {**to, "name": name} if to else None,
        "redacted": row.redacted,
        "via_api": row.via_api,
        "created_at": moment(row.created_at),
    }
