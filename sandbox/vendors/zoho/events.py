"""What the desk's changes are called in webhooks, and what these hold.

https://www.zoho.com/salesiq/help/developer-section/webhook-events-conversation.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.models import Agent, Part, Ticket
from sandbox.vendors.base import Change
from sandbox.vendors.zoho import shapes

Json = dict[str, Any]
EVENTS = frozenset(
    f"conversation.{name}"
    for name in (
        "created attender.updated missed operator.replied visitor.replied completed rated "
        "transfer.initiated transfer.accepted transfer.rejected participants.added "
        "participants.deleted supervisor.added message.edited message.deleted"
    ).split()
)
Event = tuple[str, Json]  # the name without "conversation.", what the entity holds beside the usual


def of(change: Change) -> Iterator[Event]:
    """The events that report a change, in Zoho's order. Notes, snoozing and reopening have none."""
    ticket, part = change.ticket, change.part
    if part is None:
        return
    if change.event == "created":
        yield "created", {}
    elif change.event == "replied" and part.type not in (Part.Type.ASSIGNMENT, Part.Type.CLOSE):
        yield from _words(ticket, part)
    elif change.event == "assigned":
        yield from _assigned(ticket, part)
        yield from _words(ticket, part)
    elif change.event == "closed":
        yield from _words(ticket, part)
        yield _ended(ticket, part)
    elif change.event == "redacted":
        yield "message.deleted", {"message": _message(part, part.vendor_id)}


def entity(ticket: Ticket, more: Json) -> Json:
    """The conversation inside a webhook."""
    known = ticket.attributes
    return {
        "id": ticket.vendor_id,
        "visitor_conversation_id": known["hash"],
        "reference_id": known["reference"],
        "app_id": known["app_id"],
        "department_id": ticket.team.vendor_id if ticket.team else "",
        "question": known["question"],
        "customer_info": known.get("customer_info") or {},
        "opened_time": shapes.ms(ticket.created_at),
        "visitor": shapes.visitor(ticket.contact),
        **more,
    }


def _words(ticket: Ticket, part: Part) -> Iterator[Event]:
    """A webhook per message. An operator who answers a waiting chat picks it up by that."""
    said = list(shapes.said_in(part))
    if not said:
        return
    if part.author_kind == "contact":
        name = "visitor.replied"
    else:
        name = "operator.replied"
        yield from _pick_up(ticket, part)
    for one in said:
        yield name, {"message": _message(part, one["id"], one)}


def _pick_up(ticket: Ticket, part: Part) -> Iterator[Event]:
    if ticket.agent or part.author_kind != "agent":
        return
    found = Agent.objects.filter(account=ticket.account, vendor_id=part.author["id"]).first()
    if found:
        ticket.agent = found
        ticket.save(update_fields=["agent", "updated_at"])
        yield _attended(found)


def _message(part: Part, msgid: str, listed: Json | None = None) -> Json:
    """A message. One with a file comes without a text; what Zoho sends for it is not known."""
    kinds = {"agent": "operator", "contact": "visitor"}
    who = shapes.sender(part) | {"type": kinds.get(part.author_kind, "bot")}
    found: Json = {"msgid": msgid, "meta": {}, "sender": who}
    words = (listed or {}).get("message", {})
    return found | ({"text": words["text"]} if "text" in words and len(words) == 1 else {})


def _attended(agent: Agent) -> Event:
    return "attender.updated", {"owner": shapes.owner(agent)}


def _assigned(ticket: Ticket, part: Part) -> Iterator[Event]:
    """A pick-up, or a transfer: to a department it waits, to an operator it is taken at once."""
    to, before = part.assigned_to or {}, _last_assignment(ticket, part)
    attended = shapes.picked_up(ticket)
    first = attended is None or attended.pk == part.pk
    if to.get("kind") == "team":
        yield "transfer.initiated", _transfer(ticket)
    elif to.get("kind") == "agent" and ticket.agent:
        if before == to and not first:
            return
        if not first and before.get("kind") != "team":
            yield "transfer.initiated", _transfer(ticket, ticket.agent)
        if not first:
            yield "transfer.accepted", {"accepted_by": shapes.owner(ticket.agent)}
        yield _attended(ticket.agent)


def _last_assignment(ticket: Ticket, part: Part) -> Json:
    rows = ticket.parts.filter(pk__lt=part.pk, type=Part.Type.ASSIGNMENT)
    last = rows.last()
    return dict(last.assigned_to or {}) if last else {}


def _transfer(ticket: Ticket, agent: Agent | None = None) -> Json:
    to = {"operator": shapes.owner(agent)} if agent else {}
    return {"transfer": {"to": {**to, "department": shapes.department(ticket.team)}}}


def _ended(ticket: Ticket, part: Part) -> Event:
    at = shapes.ms(part.created_at)
    if shapes.is_missed(ticket):
        return "missed", {"missed_time": at, "chat_status": shapes.MISSED}
    return "completed", {
        "ended_by": shapes.ended_by(part),
        "end_time": at,
        "chat_status": shapes.CLOSED,
    }
