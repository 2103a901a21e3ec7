"""HubSpot's JSON objects, after its published OpenAPI descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.environment import SANDBOX_URL
from sandbox.models import Account, Agent, Contact, Part, Team, Ticket

Json = dict[str, Any]
HELP_DESK = "Help Desk"  # the inbox of this name is the portal's help desk
USAGES = {"image": "IMAGE", "audio": "AUDIO"}
NOBODY = "S-hubspot"


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def integrator(account: Account) -> str:
    """The actor that the app is."""
    return f"I-{account.credentials['app_id']}"


def visitor(contact_id: str) -> str:
    """The actor that a customer is."""
    return f"V-{contact_id}"


def base_url(account: Account) -> str:
    """Where this account's APIs are mounted."""
    return f"{SANDBOX_URL}/hubspot/{account.slug}"


def inbox(row: Team) -> Json:
    """An inbox, or the help desk."""
    created = stamp(row.account.created_at)
    return {
        "id": row.vendor_id,
        "name": row.name,
        "type": "HELP_DESK" if row.name == HELP_DESK else "INBOX",
        "archived": False,
        "createdAt": created,
        "updatedAt": created,
    }


def actor(account: Account, actor_id: str) -> Json | None:
    """Who that is; None if nobody."""
    if actor_id == integrator(account):
        return {"type": "INTEGRATOR", "id": actor_id, "name": "Sandbox app"}
    if actor_id.startswith("S-"):
        return {"type": "SYSTEM", "id": actor_id}
    if actor_id.startswith("V-"):
        return _visitor(Contact.objects.filter(account=account, vendor_id=actor_id[2:]).first())
    row = Agent.objects.filter(account=account, vendor_id=actor_id).first()
    if row is None:
        return None
    if row.is_bot:
        return {"type": "BOT", "id": actor_id, "name": row.name}
    picture = {"avatar": row.avatar_url} if row.avatar_url else {}
    return {"type": "AGENT", "id": actor_id, "name": row.name, "email": row.email, **picture}


def _visitor(row: Contact | None) -> Json | None:
    if row is None:
        return None
    known = {"name": row.name, "email": row.email, "avatar": row.avatar_url}
    shown = {key: value for key, value in known.items() if value}
    return {"type": "VISITOR", "id": visitor(row.vendor_id), **shown}


# --- threads --------------------------------------------------------------------------------


def has_ticket(ticket: Ticket) -> bool:
    """Whether the thread lies in the help desk, which makes a ticket of each."""
    return ticket.team is not None and ticket.team.name == HELP_DESK


def ticket_id(ticket: Ticket) -> str:
    """The CRM's ticket of a help desk's thread."""
    return f"77{ticket.vendor_id}"


def thread(ticket: Ticket, *, associations: bool = False) -> Json:
    """A thread. Unassigned, it has no `assignedTo`."""
    about = ticket.attributes
    spoken = [p for p in ticket.parts.all() if is_spoken(p)]
    times = {
        "latestMessageTimestamp": spoken,
        "latestMessageReceivedTimestamp": [p for p in spoken if p.author_kind == "contact"],
        "latestMessageSentTimestamp": [p for p in spoken if p.author_kind != "contact"],
    }
    closings = [p for p in ticket.parts.all() if p.type == Part.Type.CLOSE]
    closed = ticket.state == Ticket.CLOSED
    return {
        "id": ticket.vendor_id,
        "createdAt": stamp(ticket.created_at),
        **({"closedAt": stamp(closings[-1].created_at)} if closed and closings else {}),
        "status": "CLOSED" if closed else "OPEN",
        "originalChannelId": about.get("channelId", ""),
        "originalChannelAccountId": about.get("channelAccountId", ""),
        **{name: stamp(rows[-1].created_at) for name, rows in times.items() if rows},
        **({"assignedTo": ticket.agent.vendor_id} if ticket.agent else {}),
        "spam": False,
        "inboxId": ticket.team.vendor_id if ticket.team else "",
        "associatedContactId": ticket.contact.vendor_id,
        "archived": bool(about.get("archived")),
        **(
            {"threadAssociations": {"associatedTicketId": ticket_id(ticket)}}
            if associations and has_ticket(ticket)
            else {}
        ),
    }


def is_spoken(part: Part) -> bool:
    """Whether the part says something that the customer is to read, or has said."""
    if part.type in (Part.Type.FIRST, Part.Type.COMMENT):
        return True
    if part.type == Part.Type.NOTE:
        return False
    # A last word on closing, or an answer that also assigns: HubSpot has two entries for it.
    return bool(part.author_kind == "contact" or part.author.get("spoken"))


def history(part: Part) -> Iterator[Json]:
    """What one part is on the thread: a message, a comment, a change, or two of these."""
    if is_spoken(part):
        yield message(part)
    elif part.html or part.attachments:
        yield comment(part)
    change: Json = {}
    if part.type in (Part.Type.CLOSE, Part.Type.OPEN):
        status = "CLOSED" if part.type == Part.Type.CLOSE else "OPEN"
        change = {"type": "THREAD_STATUS_CHANGE", "newStatus": status}
    elif part.type == Part.Type.ASSIGNMENT and part.assigned_to:
        if part.assigned_to["kind"] == "team":
            change = {
                "type": "THREAD_INBOX_CHANGE",
                "fromInboxId": part.author.get("from_inbox", part.assigned_to["id"]),
                "toInboxId": part.assigned_to["id"],
            }
        else:
            to = part.assigned_to["id"]
            change = {"type": "ASSIGNMENT", **({"assignedTo": to} if to else {})}
    if change:
        yield {**_entry(part, senders=[]), "id": f"{part.vendor_id}-c", "recipients": [], **change}


def _creator(part: Part) -> str:
    who = str(part.author["id"])
    return visitor(who) if part.author_kind == "contact" else who


def _client(part: Part) -> Json:
    if not part.via_api:
        return {"clientType": "HUBSPOT"}
    app_id = part.ticket.account.credentials["app_id"]
    return {"clientType": "INTEGRATION", "integrationAppId": int(app_id)}


def _entry(part: Part, senders: list[Json]) -> Json:
    """What all entries of a thread have."""
    return {
        "id": part.vendor_id,
        "conversationsThreadId": part.ticket.vendor_id,
        "createdAt": stamp(part.created_at),
        "updatedAt": stamp(part.created_at),
        "createdBy": _creator(part),
        "client": _client(part),
        "senders": senders,
        "recipients": [],
        "archived": False,
    }


def _customer(part: Part) -> Json:
    contact, sender = part.ticket.contact, part.ticket.attributes.get("sender")
    return {
        "actorId": visitor(contact.vendor_id),
        "name": contact.name,
        **({"deliveryIdentifier": sender} if sender else {}),
    }


def message(part: Part) -> Json:
    """A MESSAGE, as every API and the channel's webhook show it."""
    incoming, about = part.author_kind == "contact", part.ticket.attributes
    status: Json = part.author.get("status") or {"statusType": "RECEIVED" if incoming else "SENT"}
    if incoming:
        own = {"deliveryIdentifier": part.author["sender"]} if "sender" in part.author else {}
        senders = [{**_customer(part), "actorId": _creator(part), **own}]
        recipients = [{"deliveryIdentifier": one} for one in part.author.get("recipients", [])]
    else:
        senders = [{"actorId": part.author["id"], "name": part.author["name"]}]
        recipients = [_customer(part)]
    return {
        **_entry(part, senders),
        "type": "MESSAGE",
        "channelId": about.get("channelId", ""),
        "channelAccountId": about.get("channelAccountId", ""),
        "recipients": [one for one in recipients if one.get("deliveryIdentifier")],
        "direction": "INCOMING" if incoming else "OUTGOING",
        **content(part),
        "attachments": attachments(part),
        "status": status,
        **({"inReplyToId": part.author["in_reply_to"]} if part.author.get("in_reply_to") else {}),
    }


def content(part: Part) -> Json:
    """Text and rich text, cut where setting `truncate_at` (characters) says so."""
    longest = int(part.ticket.account.setting("truncate_at", 0))
    if longest and len(part.text) > longest:
        short = part.text[:longest]
        return {"text": short, "richText": short, "truncationStatus": "TRUNCATED"}
    return {"text": part.text, "richText": part.html, "truncationStatus": "NOT_TRUNCATED"}


def comment(part: Part) -> Json:
    """A COMMENT."""
    sender = {"actorId": _creator(part), "name": part.author["name"]}
    return {
        **_entry(part, [sender]),
        "type": "COMMENT",
        "text": part.text,
        "richText": part.html,
        "attachments": attachments(part),
    }


def attachments(part: Part) -> list[Json]:
    """Files (an address that only HubSpot's users can open), and whatever else was attached."""
    account = part.ticket.account
    files = [
        {
            "type": "FILE",
            "fileId": str(one["id"]),
            "fileUsageType": one.get("usage")
            or USAGES.get(one["content_type"].partition("/")[0], "OTHER"),
            "name": one["name"],
            "url": f"{base_url(account)}/filemanager/api/v2/files/{one['id']}/signed-url-redirect"
            f"?portalId={account.credentials['portal_id']}",
        }
        for one in part.attachments
        if one.get("id")
    ]
    return [*files, *part.author.get("also", [])]
