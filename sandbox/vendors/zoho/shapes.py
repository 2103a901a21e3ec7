"""Zoho's JSON of conversations, messages and people. Ids and times are strings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.models import Account, Agent, Contact, Part, Team, Ticket

Json = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WAITING = {
    "state_key": "waiting",
    "status_code": 0,
    "state": 1,
    "id": "10",
    "label": "Waiting",
    "status_key": "open",
}
CONNECTED = WAITING | {"state_key": "connected", "state": 2, "id": "20", "label": "Connected"}
MISSED = WAITING | {
    "state_key": "missed",
    "status_code": 1,
    "state": 3,
    "id": "30",
    "label": "Missed",
    "status_key": "missed",
}
CLOSED = WAITING | {
    "state_key": "closed",
    "status_code": 2,
    "state": 4,
    "id": "40",
    "label": "Closed",
    "status_key": "closed",
}


def ms(moment: datetime) -> str:
    """Epoch milliseconds."""
    return str((moment - EPOCH) // timedelta(milliseconds=1))


def from_ms(text: str) -> datetime:
    """The moment that many milliseconds after 1970."""
    return EPOCH + timedelta(milliseconds=int(text))


def picked_up(ticket: Ticket) -> Part | None:
    """The first thing that an operator did in the chat as its attender; None: it still waits."""
    for part in ticket.parts.exclude(type=Part.Type.NOTE):
        to = part.assigned_to or {}
        said = part.author_kind == "agent" and (part.text or part.attachments or part.redacted)
        if to.get("kind") == "agent" or said:
            return part
    return None


def ending(ticket: Ticket) -> Part | None:
    """What closed the chat, if it is closed."""
    if ticket.state != Ticket.CLOSED:
        return None
    return ticket.parts.filter(type=Part.Type.CLOSE).last()


def is_missed(ticket: Ticket) -> bool:
    """Whether it ended because nobody came."""
    end = ending(ticket)
    return bool(end and end.author_kind == "bot" and not picked_up(ticket))


def ended_by(part: Part) -> str:
    """Who ended a chat, in Zoho's words."""
    return {"agent": "agent", "contact": "visitor"}.get(part.author_kind, "system")


def chat_status(ticket: Ticket) -> Json:
    """The state: waiting, connected, missed or closed."""
    if ticket.state == Ticket.CLOSED:
        return MISSED if is_missed(ticket) else CLOSED
    return CONNECTED if picked_up(ticket) else WAITING


# --- people -----------------------------------------------------------------------------------


def operator(agent: Agent) -> Json:
    """An operator inside a conversation that is read."""
    return {
        "image_key": f"1394394621_{agent.vendor_id}",
        "email": agent.email,
        "name": agent.name,
        "is_bot": agent.is_bot,
        "call_enabled": True,
        "id": agent.vendor_id,
    }


def owner(agent: Agent) -> Json:
    """An operator inside a webhook."""
    return {
        "id": agent.vendor_id,
        "name": agent.name,
        "type": "bot" if agent.is_bot else "operator",
        "email_id": agent.email,
        "email": agent.email,
    }


def visitor(contact: Contact) -> Json:
    """The customer inside a webhook; `email_id` only if there is one."""
    first, _, last = contact.name.rpartition(" ")
    found = {
        "id": contact.vendor_id,
        "type": "lead",
        "channel": "website",
        "name": contact.name,
        "first_name": first,
        "last_name": last,
        "salutation": "",
    }
    return found | ({"email_id": contact.email} if contact.email else {})


def sender(part: Part) -> Json:
    """Who said a part, as in lists of messages: an id's first letter tells the kind."""
    prefix = "$" if part.author_kind == "contact" else ""
    return {"id": f"{prefix}{part.author['id']}", "name": part.author["name"]}


def department(team: Team | None) -> Json:
    """A department inside another object."""
    return {"id": team.vendor_id, "name": team.name} if team else {}


# --- messages ---------------------------------------------------------------------------------


def messages(ticket: Ticket) -> list[Json]:
    """All messages of a chat, oldest first; notes and mere events are none."""
    found = [one for part in ticket.parts.exclude(type=Part.Type.NOTE) for one in said_in(part)]
    return [{"sequence_id": str(n), **one} for n, one in enumerate(found, 1)]


def said_in(part: Part) -> Iterator[Json]:
    """The messages of one part. In the operators' window a file goes alone; by API it takes its
    comment along."""
    base = {
        "sender": sender(part),
        "time": ms(part.created_at),
        "meta": {},
        "last_message_time": "-1",
    }
    if part.redacted:
        yield base | {"id": part.vendor_id, "type": "text", "message": {}, "is_deleted": True}
        return
    comment = part.text if part.via_api and part.attachments else ""
    if part.text and not comment:
        yield base | {"id": part.vendor_id, "type": "text", "message": {"text": part.text}}
    for index, file in enumerate(part.attachments):
        number = f"{index}" if index or (part.text and not comment) else ""
        message = {"attachment": attachment(part, index, file)}
        words = {"text": comment} if comment and not index else {}
        name = f"{part.vendor_id}{number}"
        yield base | {"id": name, "type": "attachment", "message": message | words}


def attachment(part: Part, index: int, file: Json) -> Json:
    """A file of a message; it is fetched by its id. Zoho does not document the shape."""
    return {
        "id": f"{part.vendor_id.replace('_', '')}{index:02d}",
        "name": file["name"],
        "content_type": file["content_type"],
        "size": str(file["size"]),
    }


# --- conversations ----------------------------------------------------------------------------


def opened(ticket: Ticket) -> Json:
    """The answer to opening one. `id` is a hash here and the number elsewhere."""
    known = ticket.attributes
    contact = ticket.contact
    found = {
        "id": known["hash"],
        "conversation_id": ticket.vendor_id,
        "wms_chat_id": known["wms"],
        "chat_id": known["chat"],
        "reference_id": known["reference"],
        "question": known["question"],
        "type": "chat",
        "auto_assign": False,
        "start_time": ms(ticket.created_at),
        "department": department(ticket.team),
        "visitor": {
            "id": contact.vendor_id,
            "user_id": contact.external_id,
            "name": contact.name,
            "email": contact.email,
        },
        "chat_status": chat_status(ticket),
    }
    if ticket.account.setting("omit_conversation_id"):
        found.pop("conversation_id")
    return found


def row(ticket: Ticket) -> Json:
    """One of a list of conversations."""
    known, attended, end = ticket.attributes, picked_up(ticket), ending(ticket)
    found: Json = {
        "reference_id": known["reference"],
        "supervisors": [],
        "chat_id": known["wms"],
        "type": "chat",
        "participants": [],
        "unread_chats": not ticket.read,
        "chat_status": chat_status(ticket),
        "question": known["question"],
        "notes": ticket.parts.filter(type=Part.Type.NOTE).exists(),
        "app_id": known["app_id"],
        "app_name": ticket.account.name,
        "department": department(ticket.team),
        "start_time": ms(ticket.created_at),
        "id": ticket.vendor_id,
        "last_modified_time": ms(ticket.updated_at),
    }
    if ticket.agent:
        who = operator(ticket.agent)
        found |= {"owner": who, "attender": who, "participants": [who]}
    if attended:
        found["attended_time"] = ms(attended.created_at)
    if end:
        name = "missed_time" if is_missed(ticket) else "end_time"
        found |= {name: ms(end.created_at), "ended_by": ended_by(end)}
    return found


def conversation(ticket: Ticket) -> Json:
    """One conversation by itself."""
    last = messages(ticket)[-1:]
    return row(ticket) | ({"last_message_info": last[0]} if last else {})


def brand(account: Account) -> Json:
    """The one brand of an account."""
    return {
        "id": account.credentials["app_id"],
        "name": account.name,
        "enabled": True,
        "waiting_time": str(account.setting("waiting_time", 60)),
    }
