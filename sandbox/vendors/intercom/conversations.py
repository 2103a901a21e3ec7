"""/conversations: create, read, reply, manage, search, tag."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import time
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils import timezone

from sandbox import desk, files
from sandbox.desk import Said
from sandbox.models import Account, Agent, Contact, Part, Tag, Team, Ticket
from sandbox.vendors.intercom import contacts, search, shapes
from sandbox.vendors.intercom.http import ApiError, Call, not_found, parameter

Json = dict[str, Any]
MAX_ATTACHMENTS = 10


def one(account: Account, vendor_id: str) -> Ticket:
    """The conversation of that id."""
    rows = Ticket.objects.select_related("account", "contact", "agent", "team")
    ticket = rows.filter(account=account, vendor_id=vendor_id).first()
    if ticket is None:
        raise not_found()
    return ticket


def admin(account: Account, vendor_id: str, code: str = "admin_not_found") -> Agent:
    """The admin of that id."""
    agent = Agent.objects.filter(account=account, vendor_id=vendor_id).first()
    if agent is None:
        raise ApiError(404, code, "Admin not found")
    return agent


def _plain(call: Call) -> bool:
    return call.request.GET.get("display_as") == "plaintext"


def create(call: Call) -> Json:
    """POST /conversations. Returns a message; its id is not the conversation's."""
    sender = call.body.get("from")
    if not isinstance(sender, dict) or not sender.get("id"):
        raise parameter("from", "from is required", "parameter_not_found")
    contact = contacts.one(call.account, str(sender["id"]))
    if sender.get("type") not in ("contact", contact.role) or contact.archived:
        raise not_found("User Not Found")
    _refuse_blocked(contact)
    said = Said.plain(call.text("body"), _attachments(call))
    ticket = desk.open_ticket(contact, said, via_api=True)
    first = ticket.parts.get(type=Part.Type.FIRST)
    return {
        "type": "user_message",
        "id": first.vendor_id,
        "created_at": shapes.unix(first.created_at),
        "body": said.text,
        "message_type": "inapp",
        "conversation_id": ticket.vendor_id,
    }


def _refuse_blocked(contact: Contact) -> None:
    if contact.blocked:
        raise ApiError(403, "action_forbidden", "This contact has been blocked")


def _attachments(call: Call) -> list[Json]:
    urls, uploads = call.body.get("attachment_urls") or [], call.body.get("attachment_files") or []
    for field, given in (("attachment_urls", urls), ("attachment_files", uploads)):
        if not isinstance(given, list) or len(given) > MAX_ATTACHMENTS:
            raise parameter(field, f"{field} takes up to {MAX_ATTACHMENTS} entries")
    return [_from_url(url) for url in urls] + [_from_upload(upload) for upload in uploads]


def _from_url(url: Any) -> Json:
    parts = urlsplit(str(url))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise parameter("attachment_urls", "Invalid attachment URL")
    name = unquote(PurePosixPath(parts.path).name) or "attachment"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return {"name": name, "url": str(url), "content_type": kind, "size": 0}


def _from_upload(upload: Any) -> Json:
    try:
        data = base64.b64decode(upload["data"], validate=True)
        name, kind = str(upload["name"]), str(upload["content_type"])
    except (KeyError, TypeError, binascii.Error):
        raise parameter("attachment_files", "name, content_type and Base64 data wanted") from None
    return files.attachment(files.store(name, data, kind))


def show(call: Call, conversation_id: str) -> Json:
    """GET /conversations/{id}."""
    return shapes.whole_conversation(one(call.account, conversation_id), plain=_plain(call))


def update(call: Call, conversation_id: str) -> Json:
    """PUT /conversations/{id}: title, read, custom attributes that were defined before."""
    ticket = one(call.account, conversation_id)
    known = {a["name"] for a in call.account.setting("conversation_attributes", [])}
    attributes = call.body.get("custom_attributes") or {}
    for name in attributes:
        if name not in known:
            raise parameter("custom_attributes", f"Custom attribute '{name}' does not exist")
    ticket.attributes |= attributes
    ticket.title = call.text("title", required=False) or ticket.title
    ticket.read = bool(call.body.get("read", ticket.read))
    ticket.save()
    return shapes.whole_conversation(ticket, plain=_plain(call))


def delete(call: Call, conversation_id: str) -> Json:
    """DELETE /conversations/{id}."""
    desk.delete(one(call.account, conversation_id))
    return {"id": conversation_id, "object": "conversation", "deleted": True}


def reply(call: Call, conversation_id: str) -> Json:
    """POST /conversations/{id}/reply: as the contact, or as an admin (comment or note)."""
    kind, author = call.text("message_type"), call.text("type")
    if (author, kind) not in {("user", "comment"), ("admin", "comment"), ("admin", "note")}:
        raise parameter("message_type", "Invalid message_type or type")
    if author == "user":
        contact = _speaker(call)
        ticket = _ticket_of(call, contact, conversation_id)
        if ticket.contact_id != contact.pk:
            raise not_found("User Not Found")
        _refuse_blocked(contact)
        desk.customer_says(ticket, _said(call, rich=False), via_api=True)
    else:
        agent = admin(call.account, call.text("admin_id"))
        ticket = one(call.account, conversation_id)
        act = desk.note if kind == "note" else desk.agent_says
        act(ticket, agent, _said(call, rich=True), via_api=True)
    return shapes.whole_conversation(ticket, plain=_plain(call))


def _speaker(call: Call) -> Contact:
    """The contact that a reply is from, by one of three identities."""
    if vendor_id := call.text("intercom_user_id", required=False):
        return contacts.one(call.account, vendor_id)
    rows = Contact.objects.filter(account=call.account, merged_into=None)
    if external_id := call.text("user_id", required=False):
        contact = rows.filter(external_id=external_id).first()
    else:
        contact = rows.filter(email__iexact=call.text("email")).first()
    if contact is None:
        raise not_found("User Not Found")
    return contact


def _ticket_of(call: Call, contact: Contact, conversation_id: str) -> Ticket:
    if conversation_id != "last":
        return one(call.account, conversation_id)
    newest = contact.tickets.order_by("-updated_at").first()
    return one(call.account, newest.vendor_id if newest else "")


def _said(call: Call, *, rich: bool) -> Said:
    attachments = _attachments(call)
    body = call.text("body", required=not (rich and attachments))
    return Said.rich(body, attachments) if rich else Said.plain(body, attachments)


def manage(call: Call, conversation_id: str) -> Json:
    """POST /conversations/{id}/parts: assign, close, open, snooze."""
    actions = {"assignment": _assign, "close": _close, "open": _open, "snoozed": _snooze}
    action = actions.get(call.text("message_type"))
    if action is None:
        raise parameter("message_type", "Invalid message_type")
    ticket = one(call.account, conversation_id)
    action(call, ticket, admin(call.account, call.text("admin_id")))
    return shapes.whole_conversation(ticket, plain=_plain(call))


def _last_word(call: Call) -> Said:
    body = call.text("body", required=False)
    return Said.rich(body) if body else desk.NOTHING


def _assign(call: Call, ticket: Ticket, by: Agent) -> None:
    kind, wanted = call.text("type"), call.text("assignee_id")
    to: Agent | Team | None = None
    if kind not in ("admin", "team"):
        raise parameter("type", "type must be admin or team")
    if wanted != "0" and kind == "team":
        to = Team.objects.filter(account=call.account, vendor_id=wanted).first()
        if to is None:
            raise ApiError(404, "team_not_found", "Team not found")
    elif wanted != "0":
        to = admin(call.account, wanted, "assignee_not_found")
    current = ticket.team if kind == "team" else ticket.agent
    if to is not None and to == current and ticket.state == Ticket.OPEN:
        raise ApiError(
            422, "parameter_invalid", "Conversation is already assigned to this assignee"
        )
    desk.assign(ticket, by, to, _last_word(call), via_api=True)


def _close(call: Call, ticket: Ticket, by: Agent) -> None:
    said = _last_word(call)
    if ticket.state != Ticket.CLOSED or said:
        desk.close(ticket, by, said, via_api=True)


def _open(call: Call, ticket: Ticket, by: Agent) -> None:
    if ticket.state != Ticket.OPEN:
        desk.reopen(ticket, by, via_api=True)


def _snooze(call: Call, ticket: Ticket, by: Agent) -> None:
    try:
        until = datetime.fromtimestamp(int(call.text("snoozed_until")), UTC)
    except (ValueError, OverflowError):
        raise parameter("snoozed_until", "snoozed_until must be a unix time") from None
    desk.snooze(ticket, by, until, via_api=True)


def find(call: Call) -> Json:
    """POST /conversations/search; blind to the newest by `search_lag` seconds."""
    before = timezone.now() - timedelta(seconds=float(call.account.setting("search_lag", 0)))
    rows = Ticket.objects.filter(account=call.account, created_at__lte=before)
    rows = rows.select_related("account", "contact", "agent", "team").prefetch_related("parts")
    found = search.select(rows.order_by("-updated_at"), call.body.get("query"), _resolver)
    return _listing(found, call.body.get("pagination"))


def listing(call: Call) -> Json:
    """GET /conversations."""
    rows = Ticket.objects.filter(account=call.account).order_by("-updated_at")
    return _listing(list(rows), call.request.GET.dict())


def _listing(found: list[Ticket], pagination: Any) -> Json:
    shown, pages = search.page(found, pagination, default=20)
    return {
        "type": "conversation.list",
        "pages": pages,
        "total_count": len(found),
        "conversations": [shapes.conversation(row, list(row.parts.all())) for row in shown],
    }


def _resolver(row: Ticket) -> search.Resolve:
    def resolve(field: str) -> Any:
        first = row.parts.all()[0]
        # Intercom keeps the ids of contacts that were merged away out of its index.
        values = {
            "id": row.vendor_id,
            "contact_ids": [row.contact.vendor_id],
            "state": row.state,
            "open": row.state != Ticket.CLOSED,
            "read": row.read,
            "created_at": shapes.unix(row.created_at),
            "updated_at": shapes.unix(row.updated_at),
            "admin_assignee_id": row.agent.vendor_id if row.agent else 0,
            "team_assignee_id": row.team.vendor_id if row.team else 0,
            "tag_ids": [tag["id"] for tag in row.tags],
            "source.id": first.vendor_id,
            "source.type": "conversation",
            "source.delivered_as": "customer_initiated",
            "source.body": first.text.split(),
            "source.author.id": first.author["id"],
            "source.author.type": row.contact.role,
            "source.author.email": first.author["email"],
        }
        if field.startswith("custom_attributes."):
            return row.attributes.get(field.partition(".")[2])
        return values[field]

    return resolve


def add_tag(call: Call, conversation_id: str) -> Json:
    """POST /conversations/{id}/tags `{"id", "admin_id"}`."""
    ticket = one(call.account, conversation_id)
    agent = admin(call.account, call.text("admin_id"))
    tag = Tag.objects.filter(account=call.account, vendor_id=call.text("id")).first()
    if tag is None:
        raise ApiError(404, "tag_not_found", "Tag not found")
    entry = {
        "id": tag.vendor_id,
        "name": tag.name,
        "applied_at": int(time.time()),
        "agent_id": agent.vendor_id,
    }
    ticket.tags = [t for t in ticket.tags if t["id"] != tag.vendor_id] + [entry]
    ticket.save()
    return shapes.applied_tag(entry)


def remove_tag(call: Call, conversation_id: str, tag_id: str) -> Json:
    """DELETE /conversations/{id}/tags/{tag_id}."""
    ticket = one(call.account, conversation_id)
    entry = next((t for t in ticket.tags if t["id"] == tag_id), None)
    if entry is None:
        raise ApiError(404, "tag_not_found", "Tag not found")
    ticket.tags = [t for t in ticket.tags if t["id"] != tag_id]
    ticket.save()
    return shapes.applied_tag(entry)
