"""/conversations of version 2: what operators see and do.

https://www.zoho.com/salesiq/help/developer-section/get-conversation-details-v2.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.utils import timezone

from sandbox import desk
from sandbox.models import Account, Agent, Part, StoredFile, Team, Ticket
from sandbox.vendors.zoho import shapes
from sandbox.vendors.zoho.http import Answer, ApiError, Call
from sandbox.vendors.zoho.visitor import one, said, still_open

Json = dict[str, Any]
PAGE, LARGEST_PAGE = 20, 99


def listing(call: Call) -> Answer:
    """GET /conversations: newest first; blind to the newest by `search_lag` seconds. Without a
    department: the operator's current one, here the first."""
    query, account = call.request.GET, call.account
    before = timezone.now() - timedelta(seconds=float(account.setting("search_lag", 0)))
    rows = Ticket.objects.filter(account=account, created_at__lte=before)
    rows = rows.select_related("account", "contact", "agent", "team").order_by("-id")
    first = Team.objects.filter(account=account).order_by("id")[0].vendor_id
    rows = rows.filter(team__vendor_id=query.get("department_id") or first)
    if query.get("email"):
        rows = rows.filter(contact__email__iexact=query["email"])
    if query.get("app_id"):
        rows = rows.filter(attributes__app_id=query["app_id"])
    for param, field in (("from_time", "created_at"), ("updated_from_time", "updated_at")):
        rows = rows.filter(**{f"{field}__gte": shapes.from_ms(str(call.number(param, 0)))})
    found = [shapes.row(ticket) for ticket in rows]
    if query.get("status"):
        found = [row for row in found if row["chat_status"]["status_key"] == query["status"]]
    limit = call.number("limit", PAGE, most=LARGEST_PAGE)
    start = (max(call.number("page", 1), 1) - 1) * limit
    return "list", found[start : start + limit]


def show(call: Call, conversation_id: str) -> Answer:
    """GET /conversations/{id}."""
    return "conversations", shapes.conversation(one(call.account, conversation_id))


def messages(call: Call, conversation_id: str) -> Answer:
    """GET /conversations/{id}/messages: oldest first; with `to_time` alone newest first."""
    query = call.request.GET
    since, until = call.number("from_time", 0), call.number("to_time", 10**14)
    limit = call.number("limit", PAGE, most=LARGEST_PAGE)
    found = [
        message
        for message in shapes.messages(one(call.account, conversation_id))
        if since <= int(message["time"]) <= until
    ]
    if "to_time" in query and "from_time" not in query:
        found.reverse()
    return "list", found[:limit]


def attachment(call: Call, conversation_id: str, attachment_id: str) -> Answer:
    """GET /conversations/{id}/attachments/{attachment_id}: the file itself."""
    for part in one(call.account, conversation_id).parts.exclude(type=Part.Type.NOTE):
        for index, file in enumerate(part.attachments):
            if shapes.attachment(part, index, file)["id"] == attachment_id:
                return _file(file["url"])
    raise ApiError(1019)


def _file(url: str) -> HttpResponse:
    token = urlsplit(url).path.split("/")[2]
    stored = StoredFile.objects.filter(token=token).first()
    if stored is None:
        raise ApiError(1019)
    return HttpResponse(bytes(stored.data), content_type=stored.content_type)


def say(call: Call, conversation_id: str) -> Answer:
    """POST /conversations/{id}/messages: in an operator's name."""
    ticket = still_open(one(call.account, conversation_id))
    part = desk.agent_says(ticket, _who(ticket), said(call), via_api=True)
    return "messages", next(shapes.said_in(part))


def close(call: Call, conversation_id: str) -> Answer:
    """PUT /conversations/{id}/close, without a body."""
    ticket = still_open(one(call.account, conversation_id))
    desk.close(ticket, _who(ticket), via_api=True)
    return "conversations", shapes.conversation(ticket)


def transfer(call: Call, conversation_id: str) -> Answer:
    """PUT /conversations/{id}/transfer `{"department_id", "operator_id"?, "note"?}`."""
    ticket = still_open(one(call.account, conversation_id))
    team = Team.objects.filter(account=call.account, vendor_id=call.text("department_id")).first()
    if team is None:
        raise ApiError(1025, json_key="department_id")
    wanted, by = call.text("operator_id", required=False), _who(ticket)
    to = _operator(call.account, wanted) if wanted else None
    desk.assign(ticket, by, team, via_api=True)
    if to:
        desk.assign(ticket, by, to, via_api=True)
    note = call.text("note", required=False) or call.text("notes", required=False)
    if note:
        desk.note(ticket, by, desk.Said.plain(note), via_api=True)
    return "conversations", shapes.conversation(ticket)


def _operator(account: Account, operator_id: str) -> Agent:
    found = Agent.objects.filter(account=account, vendor_id=operator_id, is_bot=False).first()
    if found is None:
        raise ApiError(1024, json_key="operator_id")
    return found


def _who(ticket: Ticket) -> Agent:
    """In whose name a call acts: the attender's, or the first operator's."""
    return ticket.agent or ticket.account.agents.filter(is_bot=False).order_by("id")[0]
