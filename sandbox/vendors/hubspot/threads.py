"""Threads, what is on them, their inboxes, and the people (actors) who write there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from sandbox import desk, webhooks
from sandbox.desk import Said
from sandbox.models import Account, Agent, Part, Team, Ticket
from sandbox.vendors.hubspot import files, shapes, store, subscriptions, wanted
from sandbox.vendors.hubspot.http import Call, finding, invalid, needs, not_found

Json = dict[str, Any]
READ, WRITE = "conversations.read", "conversations.write"


def one(account: Account, thread_id: str, *, archived: bool = False) -> Ticket:
    """The thread of that id; one in the trash only where that is asked for."""
    rows = Ticket.objects.select_related("account", "contact", "agent", "team")
    ticket = rows.filter(account=account, vendor_id=thread_id).first()
    if ticket is None or bool(ticket.attributes.get("archived")) != archived:
        raise not_found(f"Thread {thread_id} not found")
    return ticket


def app_of(account: Account) -> Agent:
    """The app as an author."""
    return Agent.objects.get(account=account, vendor_id=shapes.integrator(account))


def _agent(account: Account, actor_id: str) -> Agent:
    rows = Agent.objects.filter(account=account, vendor_id=actor_id, is_bot=False)
    if found := rows.first():
        return found
    raise invalid(f"Invalid actor id {actor_id}: no user of this account")


# --- threads --------------------------------------------------------------------------------


@needs(READ)
def listing(call: Call) -> Json:
    """GET /threads, oldest first, or by the newest message with sort=latestMessageTimestamp."""
    query = call.request.GET
    rows = Ticket.objects.select_related("account", "contact", "agent", "team")
    rows = rows.filter(account=call.account).order_by("id").prefetch_related("parts")
    archived = call.flag("archived")
    found = [row for row in rows if bool(row.attributes.get("archived")) == archived]
    if inboxes := query.getlist("inboxId"):
        found = [row for row in found if row.team and row.team.vendor_id in inboxes]
    if status := query.get("threadStatus"):
        if status not in ("OPEN", "CLOSED"):
            raise invalid("threadStatus must be OPEN or CLOSED")
        found = [row for row in found if (row.state == Ticket.CLOSED) == (status == "CLOSED")]
    if contact := query.get("associatedContactId"):
        found = [row for row in found if row.contact.vendor_id == contact]
    associations = "TICKET" in query.getlist("association")
    shown = [shapes.thread(row, associations=associations) for row in found]
    return call.page(_by_time(call, shown), dict, total=False)


def _by_time(call: Call, threads: list[Json]) -> list[Json]:
    """HubSpot sorts by time only what lies after one."""
    after, sort = call.request.GET.get("latestMessageTimestampAfter"), call.request.GET.get("sort")
    if sort not in (None, "id", "latestMessageTimestamp"):
        raise invalid("sort must be id or latestMessageTimestamp")
    if sort == "latestMessageTimestamp" and not after:
        raise invalid("latestMessageTimestampAfter is required to sort by latestMessageTimestamp")
    if after:
        if not (since := parse_datetime(after)):
            raise invalid("latestMessageTimestampAfter must be a time")
        least = shapes.stamp(since)
        threads = [t for t in threads if t.get("latestMessageTimestamp", "") > least]
    if sort == "latestMessageTimestamp":
        threads.sort(key=lambda t: str(t["latestMessageTimestamp"]))
    return threads


@needs(READ)
def show(call: Call, thread_id: str) -> Json:
    """GET /threads/{threadId}."""
    associations = "TICKET" in call.request.GET.getlist("association")
    ticket = one(call.account, thread_id, archived=call.flag("archived"))
    return shapes.thread(ticket, associations=associations)


@needs(WRITE)
def update(call: Call, thread_id: str) -> Json:
    """PATCH /threads/{threadId}: status, or archived=false to take it out of the trash."""
    body = call.read(wanted.ThreadPatch)
    ticket = one(call.account, thread_id, archived=call.flag("archived"))
    if body.archived is True:
        raise invalid("Use DELETE to archive a thread")
    if body.archived is False and ticket.attributes.get("archived"):
        _trash(ticket, archived=False)
    if body.status == "CLOSED" and ticket.state != Ticket.CLOSED:
        desk.close(ticket, app_of(call.account), via_api=True)
    elif body.status == "OPEN" and ticket.state == Ticket.CLOSED:
        desk.reopen(ticket, app_of(call.account), via_api=True)
    return shapes.thread(ticket)


@needs(WRITE)
def trash(call: Call, thread_id: str) -> None:
    """DELETE /threads/{threadId}: to the trash, for thirty days."""
    _trash(one(call.account, thread_id), archived=True)


@transaction.atomic
def _trash(ticket: Ticket, *, archived: bool) -> None:
    ticket.attributes["archived"] = archived
    ticket.save()
    account = ticket.account
    event = (
        subscriptions.event(ticket, "conversation.deletion")
        if archived
        else subscriptions.changed(ticket, "isArchived", "FALSE")
    )
    for topic, payload in subscriptions.batch(account, [event]):
        webhooks.enqueue(account, subscriptions.LANE, topic, payload)


@needs(WRITE)
def assign(call: Call, thread_id: str) -> Json:
    """PUT /threads/{threadId}/assignee."""
    agent = _agent(call.account, call.read(wanted.Assign).actor_id)
    ticket = one(call.account, thread_id)
    desk.assign(ticket, app_of(call.account), agent, via_api=True)
    return shapes.thread(ticket)


@needs(WRITE)
def unassign(call: Call, thread_id: str) -> None:
    """DELETE /threads/{threadId}/assignee."""
    desk.assign(one(call.account, thread_id), app_of(call.account), None, via_api=True)


# --- on a thread ----------------------------------------------------------------------------


def _parts(ticket: Ticket) -> list[Part]:
    parts = list(ticket.parts.all())
    for part in parts:
        part.ticket = ticket  # spares a query for each
    return parts


@needs(READ)
def messages(call: Call, thread_id: str) -> Json:
    """GET /threads/{threadId}/messages, the newest first unless sort=createdAt."""
    ticket = one(call.account, thread_id, archived=call.flag("archived"))
    entries = [entry for part in _parts(ticket) for entry in shapes.history(part)]
    sort = call.request.GET.get("sort", "-createdAt")
    if sort not in ("createdAt", "-createdAt"):
        raise invalid("sort must be createdAt or -createdAt")
    entries.sort(key=lambda entry: str(entry["createdAt"]))
    if sort == "-createdAt":
        entries.reverse()
    return call.page(entries, dict, total=False)


def _entry(call: Call, thread_id: str, message_id: str) -> tuple[Part, Json]:
    for part in _parts(one(call.account, thread_id)):
        for entry in shapes.history(part):
            if entry["id"] == message_id:
                return part, entry
    raise not_found(f"Message {message_id} not found")


@needs(READ)
def message(call: Call, thread_id: str, message_id: str) -> Json:
    """GET /threads/{threadId}/messages/{messageId}."""
    return _entry(call, thread_id, message_id)[1]


@needs(READ)
def original(call: Call, thread_id: str, message_id: str) -> Json:
    """GET .../original-content: all of a message that lists cut short."""
    part, _ = _entry(call, thread_id, message_id)
    return {"text": part.text, "richText": part.html}


@needs(WRITE)
def send(call: Call, thread_id: str) -> Json:
    """POST /threads/{threadId}/messages: a comment, or a message in an agent's name."""
    kind = call.read(wanted.ThreadMessage).type
    ticket = one(call.account, thread_id)
    if kind == "COMMENT":
        comment = call.read(wanted.Comment)
        said = _said(call.account, comment)
        part = desk.note(ticket, app_of(call.account), said, via_api=True)
        return shapes.comment(part)
    reply = call.read(wanted.Reply)
    if reply.channel_id != ticket.attributes.get("channelId"):
        raise invalid("channelId is not one of this thread's")
    said = _said(call.account, reply)
    agent = _agent(call.account, reply.sender_actor_id)
    return shapes.message(desk.agent_says(ticket, agent, said, via_api=True))


def _said(account: Account, body: wanted.Comment | wanted.Reply) -> Said:
    given = [
        files.attachment(account, attached.file_id)
        for attached in body.attachments
        if isinstance(attached, wanted.ThreadFile)
    ]
    if not body.text and not given:
        raise invalid("text cannot be empty")
    if body.rich_text:
        return Said(Said.rich(body.rich_text).html, body.text, given)
    return Said.plain(body.text, given)


# --- inboxes, channels, actors --------------------------------------------------------------


@needs(READ)
def inboxes(call: Call) -> Json:
    """GET /inboxes."""
    rows = Team.objects.select_related("account").filter(account=call.account).order_by("id")
    return call.page([] if call.flag("archived") else list(rows), shapes.inbox, total=True)


@needs(READ)
def inbox(call: Call, inbox_id: str) -> Json:
    """GET /inboxes/{inboxId}."""
    row = Team.objects.filter(account=call.account, vendor_id=inbox_id).first()
    if row is None:
        raise not_found(f"Inbox {inbox_id} not found")
    return shapes.inbox(row)


@needs(READ)
def channels(call: Call) -> Json:
    """GET /channels: only the names."""
    rows = list(store.load(call.account)["channels"].values())
    return call.page(rows, lambda row: {"id": row["id"], "name": row["name"]}, total=True)


@needs(READ)
def channel_accounts(call: Call) -> Json:
    """GET /channel-accounts?channelId&inboxId."""
    query, archived = call.request.GET, call.flag("archived")
    found = [
        row
        for row in store.load(call.account)["accounts"].values()
        if row["archived"] == archived
        and row["channelId"] in (query.getlist("channelId") or [row["channelId"]])
        and row["inboxId"] in (query.getlist("inboxId") or [row["inboxId"]])
    ]
    return call.page(found, dict, total=True)


@needs(READ)
def actor(call: Call, actor_id: str) -> Json:
    """GET /actors/{actorId}."""
    found = shapes.actor(call.account, actor_id)
    if found is None:
        raise not_found(f"Actor {actor_id} not found")
    return found


@needs(READ)
@finding
def actors(call: Call) -> Json:
    """POST /actors/batch/read; the unknown are left out."""
    asked = call.read(wanted.Inputs).inputs
    now = shapes.stamp(datetime.now(UTC))
    return {
        "status": "COMPLETE",
        "results": [found for one in asked if (found := shapes.actor(call.account, one))],
        "startedAt": now,
        "completedAt": now,
    }


# --- the CRM's tickets ----------------------------------------------------------------------


def _crm(ticket: Ticket) -> Json:
    return {
        "id": shapes.ticket_id(ticket),
        "properties": {
            "hs_object_id": shapes.ticket_id(ticket),
            "subject": ticket.title,
            **ticket.attributes.get("properties", {}),
        },
        "createdAt": shapes.stamp(ticket.created_at),
        "updatedAt": shapes.stamp(ticket.updated_at),
        "archived": False,
    }


def _crm_ticket(account: Account, ticket_id: str) -> Ticket:
    ticket = one(account, ticket_id.removeprefix("77")) if ticket_id.startswith("77") else None
    if ticket is None or not shapes.has_ticket(ticket):
        raise not_found(f"Ticket {ticket_id} not found")
    return ticket


@needs("tickets")
def crm_ticket(call: Call, ticket_id: str) -> Json:
    """GET the ticket that the help desk made of a thread."""
    return _crm(_crm_ticket(call.account, ticket_id))


@needs("tickets")
def update_crm_ticket(call: Call, ticket_id: str) -> Json:
    """PATCH its properties; setting `ticket_properties` (list) names those that exist."""
    given = call.read(wanted.Properties).properties
    known = call.account.setting("ticket_properties")
    for name in given:
        if known is not None and name not in known:
            raise invalid(f'Property "{name}" does not exist', subCategory="PROPERTY_DOESNT_EXIST")
    with transaction.atomic():
        ticket = _crm_ticket(call.account, ticket_id)
        properties = ticket.attributes.get("properties", {})
        ticket.attributes["properties"] = properties | {k: str(v) for k, v in given.items()}
        ticket.title = str(given.get("subject", ticket.title))[:255]
        ticket.save()
    return _crm(ticket)
