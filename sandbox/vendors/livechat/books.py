"""What LiveChat knows about a chat beyond the desk's ticket: its threads, who sits in it, and the
details of events. Kept in the ticket's attributes, and written with every part.

A customer has one chat; a thread of it is one session. A thread is active as long as the ticket
is open. `attributes`: `threads` [{id, created_at, active, used, queued_at?, properties}],
`seats` {agent id: {present, visibility}}, `extras` {event id: fields}, `groups` [id],
`properties`, and `moved` {joined, left} of the newest part.
"""

from __future__ import annotations

import secrets
import string
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from sandbox.models import Account, Agent, Part, Team, Ticket

Json = dict[str, Any]
ALPHABET = string.ascii_uppercase + string.digits
TOLD_BY_SYSTEM = (Part.Type.ASSIGNMENT, Part.Type.CLOSE)
GENERAL = 0  # the group that all agents belong to


def new_id() -> str:
    """An id of a chat or a thread."""
    return secrets.choice(string.ascii_uppercase) + "".join(
        secrets.choice(ALPHABET) for _ in range(9)
    )


def rfc3339(moment: datetime, later: int = 0) -> str:
    """LiveChat's time, in UTC with microseconds; `later` of them are added."""
    return (moment + timedelta(microseconds=later)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def thread_of(part: Part) -> str:
    """The id of the part's thread."""
    return part.vendor_id.rpartition("_")[0]


def number_of(part: Part) -> int:
    """The number of the part's first event in its thread."""
    return int(part.vendor_id.rpartition("_")[2])


def begins_thread(part: Part) -> bool:
    """Whether a thread began with this part."""
    return number_of(part) == 1


def last_thread(ticket: Ticket) -> Json:
    """The newest thread."""
    return dict(ticket.attributes["threads"][-1])


def parts_of(ticket: Ticket, thread_id: str) -> QuerySet[Part]:
    """What was said and done in a thread."""
    return ticket.parts.filter(vendor_id__startswith=f"{thread_id}_").order_by("id")


def groups(ticket: Ticket) -> list[int]:
    """The groups that see the chat."""
    return list(ticket.attributes.get("groups") or [GENERAL])


def present(ticket: Ticket) -> set[str]:
    """The agents who are in the chat now, also those who only look on."""
    seats = ticket.attributes.get("seats", {})
    return {id_ for id_, seat in seats.items() if seat["present"]}


def serving(ticket: Ticket) -> set[str]:
    """Of those, the ones that the customer sees."""
    seats = ticket.attributes.get("seats", {})
    return {id_ for id_ in present(ticket) if seats[id_]["visibility"] == "all"}


# --- routing --------------------------------------------------------------------------------------


def status_of(team: Team) -> str:
    """Whether a group takes chats; with setting `queue`, only into its queue."""
    if not team.agents.filter(is_bot=False, away=False).exists():
        return "offline"
    return "online_for_queue" if team.account.setting("queue") else "online"


def free_agent(account: Account, group_ids: list[int]) -> Agent | None:
    """Whom the router would give a chat of these groups."""
    wanted = [str(id_) for id_ in group_ids]
    rows = account.agents.filter(is_bot=False, away=False, teams__vendor_id__in=wanted)
    return None if account.setting("queue") else rows.order_by("id").first()


def _route(ticket: Ticket) -> None:
    """The router gives the chat to an agent, where setting `auto_assign` is on; else it waits
    until somebody accepts it."""
    account = ticket.account
    ticket.agent = free_agent(account, groups(ticket)) if account.setting("auto_assign") else None


# --- writing --------------------------------------------------------------------------------------


def enter(part: Part) -> str:
    """Note a part that is about to be saved; the id of its first event."""
    ticket = part.ticket
    threads = ticket.attributes.setdefault("threads", [])
    is_open = ticket.state != Ticket.CLOSED
    begins = not threads or (is_open and not threads[-1]["active"])
    if begins:
        threads.append({"id": new_id(), "created_at": rfc3339(part.created_at), "used": 0})
    thread = threads[-1]
    id_ = f"{thread['id']}_{thread['used'] + 1}"
    told = part.type in TOLD_BY_SYSTEM
    thread["used"] += max(1, bool(part.text) + len(part.attachments) + told)
    thread["active"] = is_open
    before = present(ticket)
    _seat(part, begins)
    after = present(ticket)
    ticket.attributes["moved"] = {
        "joined": sorted(after - before),
        "left": [] if part.type == Part.Type.CLOSE else sorted(before - after),
    }
    _queue(ticket, thread)
    _take_coming(ticket, thread, id_)
    return id_


def _seat(part: Part, begins: bool) -> None:
    """Who comes and goes with this part."""
    ticket = part.ticket
    by_agent = part.author_kind != "contact"
    if begins:
        _clear(ticket)
    starter = ticket.attributes.get("coming", {}).pop("seat", "")
    if begins and starter:
        ticket.agent = ticket.account.agents.get(vendor_id=starter)
    elif begins and not by_agent:
        _route(ticket)
    elif begins and part.type == Part.Type.OPEN:
        ticket.agent = ticket.account.agents.filter(vendor_id=part.author["id"]).first()
    if part.type == Part.Type.ASSIGNMENT and part.assigned_to:
        _clear(ticket)
        if part.assigned_to["kind"] == "team":
            ticket.attributes["groups"] = [int(part.assigned_to["id"])]
            _route(ticket)
    elif part.type == Part.Type.CLOSE:
        _clear(ticket)
    elif by_agent and ticket.state != Ticket.CLOSED:
        looks_on = part.type == Part.Type.NOTE and part.author["id"] not in serving(ticket)
        _sit(ticket, part.author["id"], "agents" if looks_on else "all")
    if ticket.agent and (begins or part.type == Part.Type.ASSIGNMENT):
        _sit(ticket, ticket.agent.vendor_id, "all")


def _clear(ticket: Ticket) -> None:
    for seat in ticket.attributes.get("seats", {}).values():
        seat["present"] = False


def _sit(ticket: Ticket, agent_id: str, visibility: str) -> None:
    seats = ticket.attributes.setdefault("seats", {})
    seats[agent_id] = {"present": True, "visibility": visibility}


def sit(ticket: Ticket, agent: Agent, visibility: str) -> None:
    """An agent is brought into the chat. Saves."""
    _sit(ticket, agent.vendor_id, visibility)
    if visibility == "all":
        ticket.agent = ticket.agent or agent
        _queue(ticket, ticket.attributes["threads"][-1])
    ticket.save()


def leave(ticket: Ticket, agent: Agent) -> None:
    """An agent is taken out of the chat. Saves."""
    ticket.attributes["seats"][agent.vendor_id]["present"] = False
    if ticket.agent == agent:
        ticket.agent = None
    _queue(ticket, ticket.attributes["threads"][-1])
    ticket.save()


def _queue(ticket: Ticket, thread: Json) -> None:
    """An active chat that nobody serves waits in the queue."""
    if thread["active"] and not serving(ticket):
        thread.setdefault("queued_at", rfc3339(timezone.now()))
    else:
        thread.pop("queued_at", None)


def expect(ticket: Ticket | None, **extra: Any) -> Json:
    """Fields of the event that comes next, beyond what a part holds: `custom_id` and the like.
    Saved with the ticket, or returned as the attributes of a new one."""
    attributes = ticket.attributes if ticket else {}
    attributes["coming"] = {name: value for name, value in extra.items() if value}
    if ticket:
        ticket.save()
    return dict(attributes)


def _take_coming(ticket: Ticket, thread: Json, event_id: str) -> None:
    extra = ticket.attributes.pop("coming", {})
    thread.setdefault("properties", extra.pop("thread_properties", {}))
    if extra:
        ticket.attributes.setdefault("extras", {})[event_id] = extra
