"""Webhooks: which are registered, and what each tells.

https://platform.text.com/docs/management/webhooks
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from sandbox.models import Account, Agent, Part, Ticket
from sandbox.vendors.base import Change
from sandbox.vendors.livechat import books, shapes

Json = dict[str, Any]
Told = Iterator[tuple[str, Json]]
ACTIONS = (
    "incoming_chat chat_deactivated chat_access_updated chat_transferred user_added_to_chat "
    "user_removed_from_chat incoming_event event_updated event_deleted "
    "incoming_rich_message_postback customer_session_fields_updated events_marked_as_seen "
    "chat_properties_updated thread_tagged thread_untagged routing_status_set agent_created "
    "agent_updated agent_deleted group_created group_updated group_deleted bot_created "
    "bot_updated bot_deleted"
).split()
WITH_AUTHOR = ("incoming_event", "event_updated")


def registered(account: Account) -> list[Json]:
    """The webhooks that were registered, with their secrets."""
    return list(account.setting("webhooks", []))


def find(account: Account, action: str, payload: Json) -> Json | None:
    """The registration that a webhook belongs to: by its id, else the first of the action."""
    wanted = payload.get("webhook_id")
    for row in registered(account):
        if row["id"] == wanted or (not wanted and row["action"] == action):
            return row
    return None


def addressed(ticket: Ticket, action: str, payload: Json) -> Iterator[Json]:
    """The envelope for each registration that wants this webhook."""
    account = ticket.account
    lag = float(account.setting("webhook_lag", 0))
    if not account.setting("webhooks_enabled", True):
        return
    for row in registered(account):
        if row["action"] != action or row["at"] + lag > time.time():
            continue
        if _passes(row, ticket, action, payload):
            yield {
                "webhook_id": row["id"],
                "action": action,
                "organization_id": account.credentials["organization_id"],
                "payload": payload,
                **_additional(row, ticket),
            }


def _passes(row: Json, ticket: Ticket, action: str, payload: Json) -> bool:
    """Whether the registration's filters let it through."""
    filters = row.get("filters") or {}
    wanted = filters.get("author_type")
    if wanted and action in WITH_AUTHOR:
        author = payload["event"].get("author_id")
        kind = "customer" if author == ticket.contact.vendor_id else "agent"
        if author is None or kind != wanted:
            return False
    source = shapes.properties(ticket).get("source", {}).get("client_id")
    if filters.get("only_my_chats") and source != row["owner_client_id"]:
        return False
    here = {ticket.contact.vendor_id, *books.present(ticket)}
    users = (filters.get("chat_presence") or {}).get("user_ids") or {}
    if users.get("values") and not here & set(users["values"]):
        return False
    return not here & set(users.get("exclude_values") or [])


def _additional(row: Json, ticket: Ticket) -> Json:
    known = {
        "chat_properties": shapes.properties(ticket),
        "chat_presence_user_ids": [ticket.contact.vendor_id, *sorted(books.present(ticket))],
    }
    asked = row.get("additional_data") or []
    return {"additional_data": {name: known[name] for name in asked}}


# --- what each change tells -----------------------------------------------------------------------


def told(change: Change) -> Told:
    """Actions and payloads for a change at the desk."""
    ticket, part = change.ticket, change.part
    if part is None or not part.ticket.attributes.get("threads"):
        return
    if change.event == "replied" and part.type in books.TOLD_BY_SYSTEM:
        return  # the same part is announced once more, as what it also does
    rule = RULES.get(change.event)
    if rule:
        yield from rule(ticket, part)


def _place(ticket: Ticket, part: Part) -> Json:
    return {"chat_id": ticket.vendor_id, "thread_id": books.thread_of(part)}


def _said(ticket: Ticket, part: Part) -> Told:
    """Each event, or the whole chat where a thread begins with them."""
    if books.begins_thread(part):
        yield "incoming_chat", {"chat": shapes.chat(ticket, books.last_thread(ticket))}
        return
    yield from _joined(ticket, part)
    for event in shapes.events(part):
        yield "incoming_event", _place(ticket, part) | {"event": event}


def _joined(ticket: Ticket, part: Part) -> Told:
    for agent in _agents(ticket, ticket.attributes["moved"]["joined"]):
        yield "user_added_to_chat", added(ticket, agent, part.author["id"]) | {"reason": _why(part)}


def added(ticket: Ticket, agent: Agent, requester: str) -> Json:
    """An agent is in the chat now."""
    seat = ticket.attributes["seats"][agent.vendor_id]
    return {
        "chat_id": ticket.vendor_id,
        "thread_id": books.last_thread(ticket)["id"],
        "user": shapes.agent_user(agent, seat),
        "reason": "manual",
        "requester_id": requester,
    }


def removed(ticket: Ticket, agent: Agent, requester: str) -> Json:
    """An agent has left the chat."""
    return {
        "chat_id": ticket.vendor_id,
        "thread_id": books.last_thread(ticket)["id"],
        "user_id": agent.vendor_id,
        "reason": "manual",
        "requester_id": requester,
    }


def _agents(ticket: Ticket, ids: list[str]) -> Iterator[Agent]:
    yield from ticket.account.agents.filter(vendor_id__in=ids).order_by("id")


def _why(part: Part) -> str:
    """The reason that is given for an agent's coming: taken from the queue, or brought in."""
    to = part.assigned_to or {}
    if to.get("kind") == "nobody":
        return "unassigned"
    return "assigned" if to.get("id") == part.author["id"] else "manual"


def _transferred(ticket: Ticket, part: Part) -> Told:
    """The chat is somebody else's now."""
    if books.begins_thread(part):
        yield from _said(ticket, part)
    else:
        for event in shapes.events(part):
            yield "incoming_event", _place(ticket, part) | {"event": event}
        for agent in _agents(ticket, ticket.attributes["moved"]["left"]):
            yield "user_removed_from_chat", removed(ticket, agent, part.author["id"])
        yield from _joined(ticket, part)
    to: Json = {"group_ids": books.groups(ticket)}
    if ticket.agent:
        to["agent_ids"] = [ticket.agent.vendor_id]
    yield (
        "chat_transferred",
        {
            **_place(ticket, part),
            "requester_id": part.author["id"],
            "reason": _why(part),
            "transferred_to": to,
            **shapes.queue(ticket, books.last_thread(ticket)),
        },
    )


def _closed(ticket: Ticket, part: Part) -> Told:
    for event in shapes.events(part):
        yield "incoming_event", _place(ticket, part) | {"event": event}
    yield "chat_deactivated", _place(ticket, part) | {"user_id": part.author["id"]}


def _opened(ticket: Ticket, part: Part) -> Told:
    if books.begins_thread(part):
        yield from _said(ticket, part)


def _deleted(ticket: Ticket, part: Part) -> Told:
    yield "event_deleted", _place(ticket, part) | {"event_id": part.vendor_id}


def _seen(ticket: Ticket, part: Part) -> Told:
    yield (
        "events_marked_as_seen",
        {
            "user_id": ticket.attributes["seen_by"],
            "chat_id": ticket.vendor_id,
            "seen_up_to": books.rfc3339(part.created_at),
        },
    )


RULES = {
    "created": _said,
    "replied": _said,
    "noted": _said,
    "assigned": _transferred,
    "closed": _closed,
    "opened": _opened,
    "redacted": _deleted,
    "seen": _seen,
}
