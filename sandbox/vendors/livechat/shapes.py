"""LiveChat's JSON objects. The Customer API and the agents' side (Agent API, webhooks) show the
same chat differently: to customers agents' ids are opaque, and private notes do not exist.

https://platform.text.com/docs/messaging/agent-chat-api/data-structures
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.models import Account, Agent, Contact, OutgoingWebhook, Part, Team, Ticket
from sandbox.vendors.livechat import books

Json = dict[str, Any]


def opaque(account: Account, agent_id: str) -> str:
    """An agent's id as customers see it: 32 hex digits."""
    seed = f"{account.credentials['organization_id']}:{agent_id}"
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


def account_id(agent: Agent) -> str:
    """The id of the agent's account at the accounts server."""
    if agent == owner(agent.account):
        return str(agent.account.credentials["account_id"])
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{agent.account.pk}:{agent.vendor_id}"))


def owner(account: Account) -> Agent:
    """The agent who made the personal access token and allowed the app: the last of the humans."""
    return account.agents.filter(is_bot=False).order_by("-id")[0]


# --- Configuration API ----------------------------------------------------------------------------


def listed_agent(agent: Agent) -> Json:
    """An agent, as in list_agents."""
    is_owner = agent == owner(agent.account)
    return {
        "id": agent.vendor_id,
        "account_id": account_id(agent),
        "name": agent.name,
        "role": "owner" if is_owner else "normal",
        "avatar_path": agent.avatar_url,
        "job_title": "Support agent",
        "max_chats_count": 6,
        "login_status": "not accepting chats" if agent.away else "accepting chats",
    }


def bot(agent: Agent) -> Json:
    """A bot, as in list_bots."""
    return {"id": agent.vendor_id, "name": agent.name, "avatar_path": agent.avatar_url}


def group(team: Team, fields: list[str]) -> Json:
    """A group, as in list_groups."""
    shown: Json = {"id": int(team.vendor_id), "name": team.name, "language_code": "en"}
    if "routing_status" in fields:
        shown["routing_status"] = books.status_of(team)
    if "agent_priorities" in fields:
        shown["agent_priorities"] = {a.vendor_id: "normal" for a in team.agents.order_by("id")}
    return shown


# --- users ----------------------------------------------------------------------------------------


def agent_user(agent: Agent, seat: Json, *, to_customer: bool = False) -> Json:
    """An agent or a bot in a chat. Nothing tells the two apart but the id."""
    shown: Json = {
        "id": agent.vendor_id,
        "type": "agent",
        "name": agent.name,
        "avatar": agent.avatar_url,
        "present": seat["present"],
    }
    if to_customer:
        return shown | {"id": opaque(agent.account, agent.vendor_id), "job_title": "Support agent"}
    address = {} if agent.is_bot else {"email": agent.email}
    return shown | address | {"visibility": seat["visibility"]}


def customer_user(contact: Contact, *, whole: bool = True) -> Json:
    """A customer. In the Customer API's chats there is little of them."""
    shown: Json = {"id": contact.vendor_id, "type": "customer", "present": True}
    if not whole:
        return shown
    known = {"name": contact.name, "email": contact.email, "avatar": contact.avatar_url}
    fields = contact.attributes.get("session_fields", [])
    return {
        **shown,
        **{name: value for name, value in known.items() if value},
        "email_verified": False,
        "created_at": books.rfc3339(contact.created_at),
        "session_fields": fields,
    }


def users(ticket: Ticket, *, to_customer: bool) -> list[Json]:
    """Everybody who is or was in the chat."""
    seats = ticket.attributes.get("seats", {})
    shown = [customer_user(ticket.contact, whole=not to_customer)]
    for agent in ticket.account.agents.filter(vendor_id__in=seats).order_by("id"):
        seat = seats[agent.vendor_id]
        if not to_customer or seat["visibility"] == "all":
            shown.append(agent_user(agent, seat, to_customer=to_customer))
    return shown


# --- events ---------------------------------------------------------------------------------------


def events(part: Part, *, to_customer: bool = False) -> list[Json]:
    """The events of a part: its text, each file, and what the system says about it."""
    if to_customer and (part.redacted or part.type == Part.Type.NOTE):
        return []
    contents = [*_contents(part)]
    first, thread_id = books.number_of(part), books.thread_of(part)
    extras = part.ticket.attributes.get("extras", {})
    return [
        _event(part, content, f"{thread_id}_{first + index}", index, extras, to_customer)
        for index, content in enumerate(contents)
    ]


def _event(
    part: Part, content: Json, id_: str, index: int, extras: Json, to_customer: bool
) -> Json:
    extra = extras.get(id_, {})
    shown: Json = {"id": id_, "created_at": books.rfc3339(part.created_at, index)}
    shown |= content | extra
    if extra.get("type") == "rich_message":
        shown.pop("text", None)
    if shown["type"] != "system_message":
        author = part.author["id"]
        by_agent = part.author_kind != "contact"
        hidden = to_customer and by_agent
        shown["author_id"] = opaque(part.ticket.account, author) if hidden else author
    if not to_customer:
        is_note = part.type == Part.Type.NOTE
        shown.setdefault("visibility", "agents" if is_note else "all")
    return shown


def _contents(part: Part) -> Iterator[Json]:
    if part.redacted:
        yield {"type": "message", "deleted": True}
        return
    if part.text:
        yield {"type": "message", "text": part.text}
    for attachment in part.attachments:
        yield file(attachment)
    if part.type in books.TOLD_BY_SYSTEM:
        yield _told(part)


def file(attachment: Json) -> Json:
    """A file, without what every event has."""
    shown = {
        "type": "file",
        "name": attachment["name"],
        "url": attachment["url"],
        "content_type": attachment["content_type"],
    }
    if attachment["content_type"].startswith("image/"):
        small = {"thumbnail_url": attachment["url"], "thumbnail2x_url": attachment["url"]}
        shown |= {**small, "size": attachment["size"]}
        shown["alternative_text"] = attachment.get("alternative_text", "")
    return shown


def _told(part: Part) -> Json:
    """A system message: it has no author."""
    who = part.author["name"] or "The customer"
    to = part.assigned_to or {}
    if part.type == Part.Type.CLOSE:
        is_agent = part.author_kind != "contact"
        type_ = "manual.archived_agent" if is_agent else "manual.archived_customer"
        text, names = f"{who} closed the chat", {"agent" if is_agent else "customer": who}
    elif to.get("kind") == "agent":
        name = part.ticket.account.agents.get(vendor_id=to["id"]).name
        type_, text, names = "routing.assigned", f"{name} joined the chat", {"agent": name}
    else:
        type_, text = "routing.unassigned_other", f"{who} transferred the chat"
        names = {"agent": who}
    return {
        "type": "system_message",
        "system_message_type": type_,
        "text": text,
        "text_vars": names,
    }


# --- chats ----------------------------------------------------------------------------------------


def access(ticket: Ticket) -> Json:
    """Who may see a chat."""
    return {"group_ids": books.groups(ticket)}


def properties(ticket: Ticket) -> Json:
    """The chat's properties."""
    return dict(ticket.attributes.get("properties", {}))


def queue(ticket: Ticket, entry: Json) -> Json:
    """`{"queue": ...}` of a thread that waits; nothing of one that does not. Times in seconds."""
    if "queued_at" not in entry:
        return {}
    before = Ticket.objects.filter(
        account=ticket.account, agent=None, state=Ticket.OPEN, pk__lt=ticket.pk or 0
    ).count()
    since = datetime.strptime(entry["queued_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    waited = (datetime.now(UTC) - since).total_seconds()
    place = {"position": before + 1, "wait_time": round(waited), "queued_at": entry["queued_at"]}
    return {"queue": place}


def thread(ticket: Ticket, entry: Json, *, to_customer: bool = False) -> Json:
    """A thread with its events."""
    told = []
    for part in books.parts_of(ticket, entry["id"]):
        part.ticket = ticket  # spares a query for each
        told += events(part, to_customer=to_customer)
    ids = [entry["id"] for entry in ticket.attributes["threads"]]
    at = ids.index(entry["id"])
    around = {
        **({"previous_thread_id": ids[at - 1]} if at else {}),
        **({"next_thread_id": ids[at + 1]} if at + 1 < len(ids) else {}),
    }
    return {
        "id": entry["id"],
        "created_at": entry["created_at"],
        "active": entry["active"],
        "user_ids": _user_ids(ticket, entry["id"], to_customer=to_customer),
        "events": told,
        "properties": entry.get("properties", {}),
        "access": access(ticket),
        **queue(ticket, entry),
        **around,
    }


def _user_ids(ticket: Ticket, thread_id: str, *, to_customer: bool) -> list[str]:
    """Who took part in a thread."""
    agents = []
    for part in books.parts_of(ticket, thread_id):
        to = part.assigned_to or {}
        if part.author_kind != "contact" and part.type not in books.TOLD_BY_SYSTEM:
            agents.append(part.author["id"])
        if to.get("kind") == "agent":
            agents.append(to["id"])
    if thread_id == books.last_thread(ticket)["id"]:
        agents += sorted(books.present(ticket))
    ids = dict.fromkeys(agents)
    shown = [opaque(ticket.account, id_) for id_ in ids] if to_customer else list(ids)
    return [ticket.contact.vendor_id, *shown]


def chat(ticket: Ticket, entry: Json, *, to_customer: bool = False) -> Json:
    """A chat with one of its threads."""
    return {
        "id": ticket.vendor_id,
        "thread": thread(ticket, entry, to_customer=to_customer),
        "users": users(ticket, to_customer=to_customer),
        "access": access(ticket),
        "properties": properties(ticket),
    }


def summary(ticket: Ticket, *, to_customer: bool) -> Json:
    """A chat in a list."""
    entry = books.last_thread(ticket)
    whole = thread(ticket, entry, to_customer=to_customer)
    newest = {
        event["type"]: {
            "thread_id": entry["id"],
            "thread_created_at": entry["created_at"],
            "event": event,
        }
        for event in whole.pop("events")
    }
    about_thread: Json = {"last_thread_summary": whole, "is_followed": False}
    if to_customer:
        about_thread = {
            "last_thread_id": entry["id"],
            "last_thread_created_at": entry["created_at"],
            "active": entry["active"],
        }
    return {
        "id": ticket.vendor_id,
        **about_thread,
        "last_event_per_type": newest,
        "users": users(ticket, to_customer=to_customer),
        "access": access(ticket),
        "properties": properties(ticket),
    }


# --- webhooks -------------------------------------------------------------------------------------


def webhook(row: Json) -> Json:
    """A registered webhook, as in list_webhooks: the secret is never shown."""
    hidden = ("secret_key", "at")
    return {name: value for name, value in row.items() if name not in hidden and value}


def envelope(webhook: OutgoingWebhook, secret: str, webhook_id: str) -> Json:
    """A webhook as it is sent. What a test sends by hand may be the inner payload alone."""
    payload: Json = webhook.payload
    usual = {"webhook_id": webhook_id, "secret_key": secret, "additional_data": {}}
    if "action" not in payload:
        organization = webhook.account.credentials["organization_id"]
        payload = {"action": webhook.topic, "organization_id": organization, "payload": payload}
    return usual | payload
