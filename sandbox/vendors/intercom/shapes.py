"""Intercom's JSON objects, after the published OpenAPI description 2.16."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.models import Account, Agent, Contact, Part, Tag, Team, Ticket

Json = dict[str, Any]
NEWEST_PARTS = 500
TEAMMATE = {"agent": "admin", "team": "team"}


def unix(moment: datetime | None) -> int | None:
    """Unix seconds."""
    return int(moment.timestamp()) if moment else None


def number(vendor_id: str) -> int | str:
    """Ids of teammates are integers in some places."""
    return int(vendor_id) if vendor_id.isdigit() else vendor_id


def admin(agent: Agent) -> Json:
    """An admin, as in /admins."""
    return {
        "type": "admin",
        "id": agent.vendor_id,
        "name": agent.name,
        "email": agent.email,
        "job_title": "Support",
        "away_mode_enabled": agent.away,
        "away_mode_reassign": False,
        "away_status_reason_id": None,
        "has_inbox_seat": not agent.is_bot,
        "team_ids": [number(t.vendor_id) for t in agent.teams.order_by("id")],
        **({"avatar": agent.avatar_url} if agent.avatar_url else {}),
    }


def me(agent: Agent) -> Json:
    """GET /me: the token's admin with the workspace."""
    account = agent.account
    shown = admin(agent)
    shown.pop("away_status_reason_id")
    return {
        **shown,
        "email_verified": True,
        "avatar": {"type": "avatar", "image_url": agent.avatar_url or None},
        "app": {
            "type": "app",
            "id_code": account.credentials["app_id"],
            "name": account.name,
            "region": account.setting("region", "US"),
            "timezone": "Europe/Lisbon",
            "created_at": unix(account.created_at),
            "identity_verification": False,
            "secure": False,
        },
    }


def team(row: Team) -> Json:
    """A team, as in /teams."""
    return {
        "type": "team",
        "id": row.vendor_id,
        "name": row.name,
        "admin_ids": [number(a.vendor_id) for a in row.agents.order_by("id")],
        "assignment_limit": None,
        "distribution_method": "manual",
    }


def tag(row: Tag) -> Json:
    """A tag by itself."""
    return {"type": "tag", "id": row.vendor_id, "name": row.name}


def applied_tag(entry: Json) -> Json:
    """A tag on a conversation."""
    return {
        "type": "tag",
        "id": entry["id"],
        "name": entry["name"],
        "applied_at": entry["applied_at"],
        "applied_by": {"type": "admin", "id": entry["agent_id"]},
    }


NULL_CONTACT_FIELDS = (
    "owner_id last_seen_at last_replied_at last_contacted_at last_email_opened_at "
    "last_email_clicked_at language_override browser browser_version browser_language os "
    "android_app_name android_app_version android_device android_os_version android_sdk_version "
    "android_last_seen_at ios_app_name ios_app_version ios_device ios_os_version ios_sdk_version "
    "ios_last_seen_at utm_campaign utm_content utm_medium utm_source utm_term referrer "
    "enabled_push_messaging signed_up_at"
).split()
CONTACT_LISTS = {
    "tags": "tags",
    "notes": "notes",
    "companies": "companies",
    "opted_out_subscription_types": "subscriptions",
    "opted_in_subscription_types": "subscriptions",
}


def contact(row: Contact) -> Json:
    """A contact. E-mail is null where unknown: the description says string, Intercom null."""
    lists = {
        name: {
            "type": "list",
            "data": [],
            "url": f"/contacts/{row.vendor_id}/{path}",
            "total_count": 0,
            "has_more": False,
        }
        for name, path in CONTACT_LISTS.items()
    }
    places = ("country", "region", "city", "country_code", "continent_code")
    return {
        "type": "contact",
        "id": row.vendor_id,
        "workspace_id": row.account.credentials["app_id"],
        "external_id": row.external_id or None,
        "role": row.role,
        "email": row.email or None,
        "phone": row.phone or None,
        "name": row.name or None,
        "avatar": {"type": "avatar", "image_url": row.avatar_url} if row.avatar_url else None,
        "social_profiles": {"type": "list", "data": []},
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": False,
        "created_at": unix(row.created_at),
        "updated_at": unix(row.updated_at),
        "location": {"type": "location", **dict.fromkeys(places)},
        "custom_attributes": row.attributes,
        **lists,
        **dict.fromkeys(NULL_CONTACT_FIELDS),
    }


def contact_reference(row: Contact) -> Json:
    """A contact inside something else."""
    return {"type": "contact", "id": row.vendor_id, "external_id": row.external_id or None}


def _author(part: Part) -> Json:
    kind = {"contact": part.ticket.contact.role, "agent": "admin", "bot": "bot"}[part.author_kind]
    shown = {
        "type": kind,
        "id": part.author["id"],
        "name": part.author["name"] or None,
        "from_ai_agent": bool(part.author.get("ai")),
        "is_ai_answer": bool(part.author.get("ai")),
    }
    return shown | ({"email": part.author["email"]} if part.author["email"] else {})


def _attachments(part: Part) -> list[Json]:
    return [
        {
            "type": "upload",
            "name": a["name"],
            "url": a["url"],
            "content_type": a["content_type"],
            "filesize": a["size"],
        }
        for a in part.attachments
    ]


def _assigned_to(part: Part) -> Json | None:
    if not part.assigned_to:
        return None
    kind = TEAMMATE.get(part.assigned_to["kind"])
    return (
        {"type": kind, "id": part.assigned_to["id"]}
        if kind
        else {"type": "nobody_admin", "id": None}
    )


def _part_type(part: Part) -> str:
    if part.type == Part.Type.ASSIGNMENT and (part.assigned_to or {}).get("reopened"):
        return "assign_and_reopen"
    return part.type


def conversation_part(part: Part, *, plain: bool = False) -> Json:
    """A part. `plain` gives the body as text."""
    body = part.text if plain else part.html
    return {
        "type": "conversation_part",
        "id": part.vendor_id,
        "part_type": _part_type(part),
        "body": body or None,
        "created_at": unix(part.created_at),
        "updated_at": unix(part.created_at),
        "notified_at": unix(part.created_at),
        "assigned_to": _assigned_to(part),
        "author": _author(part),
        "attachments": _attachments(part),
        "external_id": None,
        "redacted": part.redacted,
        "email_message_metadata": None,
        "metadata": {},
        "state": part.state,
        "tags": [],
        "event_details": None,
        "app_package_code": package_code(part.ticket.account) if part.via_api else None,
    }


def package_code(account: Account) -> str:
    """Names the app that made a part by API."""
    return str(account.credentials.get("app_package_code") or "sandbox-app")


def source(part: Part, *, plain: bool = False) -> Json:
    """The first message."""
    author = _author(part)
    return {
        "type": "conversation",
        "id": part.vendor_id,
        "delivered_as": "customer_initiated",
        "subject": "",
        "body": part.text if plain else part.html,
        "author": {key: author.get(key) for key in ("type", "id", "name", "email")},
        "attachments": _attachments(part),
        "url": None,
        "redacted": part.redacted,
    }


def _assignee(row: Agent | Team | None, unassigned: int | None) -> Any:
    return number(row.vendor_id) if row else unassigned


def conversation(
    ticket: Ticket, parts: list[Part], *, plain: bool = False, unassigned: int | None = 0
) -> Json:
    """A conversation without its parts. `parts` begins with the first message."""
    first = next((p for p in parts if p.type == Part.Type.FIRST), None)
    reply = (
        {"created_at": unix(first.created_at), "type": "conversation", "url": None}
        if first
        else None
    )
    return {
        "type": "conversation",
        "id": ticket.vendor_id,
        "created_at": unix(ticket.created_at),
        "updated_at": unix(ticket.updated_at),
        "waiting_since": unix(ticket.waiting_since),
        "snoozed_until": unix(ticket.snoozed_until),
        "source": source(first, plain=plain) if first else None,
        "contacts": {"type": "contact.list", "contacts": [contact_reference(ticket.contact)]},
        "first_contact_reply": reply,
        "admin_assignee_id": _assignee(ticket.agent, unassigned),
        "team_assignee_id": _assignee(ticket.team, unassigned),
        "open": ticket.state != Ticket.CLOSED,
        "state": ticket.state,
        "read": ticket.read,
        "tags": {"type": "tag.list", "tags": [applied_tag(t) for t in ticket.tags]},
        "priority": "none",
        "sla_applied": None,
        "statistics": None,
        "conversation_rating": None,
        "teammates": None,
        "title": ticket.title or None,
        "custom_attributes": ticket.attributes,
        "topics": {},
        "ticket": None,
        "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": False},
        "ai_agent": None,
        "ai_agent_participated": False,
    }


def part_list(parts: list[Part], *, plain: bool = False) -> Json:
    """The newest 500 parts; the first message is not among them."""
    shown = [p for p in parts if p.type != Part.Type.FIRST]
    return {
        "type": "conversation_part.list",
        "conversation_parts": [conversation_part(p, plain=plain) for p in shown[-NEWEST_PARTS:]],
        "total_count": len(shown),
    }


def whole_conversation(ticket: Ticket, *, plain: bool = False) -> Json:
    """A conversation with its parts, as GET, reply and manage return it."""
    parts = list(ticket.parts.all())
    for part in parts:
        part.ticket = ticket  # spares a query for each
    unassigned = None if ticket.account.setting("unassigned_null") else 0
    return {
        **conversation(ticket, parts, plain=plain, unassigned=unassigned),
        "conversation_parts": part_list(parts, plain=plain),
    }
