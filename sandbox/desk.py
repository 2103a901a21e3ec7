"""What can happen in a help desk, whoever causes it: the vendor's API, the inbox, a test.

Every function changes the ticket, adds a part, and writes the webhooks that report it, in one
transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import transaction
from django.utils import timezone

from sandbox import vendors, webhooks
from sandbox.models import Account, Agent, Contact, Part, Team, Ticket
from sandbox.texts import html_to_text, text_to_html
from sandbox.vendors.base import Change

Type = Part.Type
P = ParamSpec("P")
R = TypeVar("R")
MARKUP = re.compile(r"<[a-zA-Z/!]")


@dataclass(frozen=True)
class Said:
    """The content of a part."""

    html: str = ""
    text: str = ""
    attachments: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def plain(cls, text: str, attachments: list[dict[str, Any]] | None = None) -> Said:
        """Typed text; nothing in it is markup."""
        return cls(text_to_html(text), text.strip(), attachments or [])

    @classmethod
    def rich(cls, html: str, attachments: list[dict[str, Any]] | None = None) -> Said:
        """HTML from a composer or an API."""
        whole = html if MARKUP.search(html) else text_to_html(html)
        return cls(whole, html_to_text(whole), attachments or [])

    def __bool__(self) -> bool:
        return bool(self.html or self.attachments)


NOTHING = Said()


def _change(
    act: Callable[Concatenate[Ticket, P], R],
) -> Callable[Concatenate[Ticket, P], R]:
    """Run in a transaction, on the ticket as it is by then: two callers never undo each other."""

    @wraps(act)
    def changed(ticket: Ticket, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic():
            ticket.refresh_from_db()
            return act(ticket, *args, **kwargs)

    return changed


def _author(who: Agent | Contact) -> tuple[str, dict[str, str]]:
    if isinstance(who, Contact):
        return "contact", {"id": who.vendor_id, "name": who.name, "email": who.email}
    kind = "bot" if who.is_bot else "agent"
    return kind, {"id": who.vendor_id, "name": who.name, "email": who.email}


def _add(
    ticket: Ticket,
    kind: Part.Type,
    who: Agent | Contact,
    said: Said = NOTHING,
    *,
    assigned_to: dict[str, Any] | None = None,
    via_api: bool = False,
) -> Part:
    """Save the ticket and add a part to it."""
    author_kind, author = _author(who)
    part = Part(
        ticket=ticket,
        type=kind,
        author_kind=author_kind,
        author=author,
        html=said.html,
        text=said.text,
        attachments=said.attachments,
        assigned_to=assigned_to,
        state=ticket.state,
        via_api=via_api,
        created_at=timezone.now(),
    )
    part.vendor_id = vendors.of(ticket.account).part_id(part)
    ticket.save()
    part.save()
    return part


def _announce(event: str, ticket: Ticket, part: Part | None = None) -> None:
    account = ticket.account
    vendor = vendors.of(account)
    for topic, payload in vendor.announce(Change(event, ticket, part)):
        webhooks.enqueue(account, vendor.lane(ticket, topic), topic, payload)


@transaction.atomic
def open_ticket(
    contact: Contact,
    said: Said,
    *,
    via_api: bool = False,
    history: Sequence[Part] = (),
    **fields: Any,
) -> Ticket:
    """A customer starts a conversation. `history`: unsaved parts of what was said elsewhere
    before. `fields` of the ticket may be given: `team=...`."""
    account = contact.account
    ticket = Ticket(
        account=account,
        vendor_id=vendors.of(account).ticket_id(account),
        contact=contact,
        waiting_since=timezone.now(),
        **fields,
    )
    if history:
        ticket.save()
    for earlier in history:
        earlier.ticket = ticket
        earlier.save()
    part = _add(ticket, Type.FIRST, contact, said, via_api=via_api)
    _announce("created", ticket, part)
    return ticket


@_change
def customer_says(
    ticket: Ticket, said: Said, *, via_api: bool = False, reopen: bool = True
) -> Part:
    """The customer writes; a closed ticket opens again by it, unless `reopen` is off."""
    reopens = ticket.state == Ticket.CLOSED and reopen
    if reopen:
        ticket.state, ticket.snoozed_until = Ticket.OPEN, None
        ticket.waiting_since = ticket.waiting_since or timezone.now()
    ticket.read = False
    kind = Type.OPEN if reopens else Type.COMMENT
    part = _add(ticket, kind, ticket.contact, said, via_api=via_api)
    _announce("replied", ticket, part)
    return part


@_change
def agent_says(
    ticket: Ticket, agent: Agent, said: Said, *, ride_on: str = "comment", via_api: bool = False
) -> Part:
    """An agent (or the vendor's bot) answers. `ride_on` puts the text on another kind of part,
    as vendors do when an answer also assigns, closes or reopens the ticket."""
    assigned_to = None
    if ride_on == Type.ASSIGNMENT:
        ticket.agent, assigned_to = agent, {"kind": "agent", "id": agent.vendor_id}
    elif ride_on == Type.CLOSE:
        ticket.state = Ticket.CLOSED
    elif ride_on == Type.OPEN:
        ticket.state = Ticket.OPEN
    ticket.waiting_since, ticket.read = None, True
    part = _add(ticket, Type(ride_on), agent, said, assigned_to=assigned_to, via_api=via_api)
    _announce("replied", ticket, part)
    if ride_on == Type.ASSIGNMENT:
        _announce("assigned", ticket, part)
    if ride_on == Type.CLOSE:
        _announce("closed", ticket, part)
    return part


@_change
def note(ticket: Ticket, agent: Agent, said: Said, *, via_api: bool = False) -> Part:
    """A private note, for colleagues only."""
    part = _add(ticket, Type.NOTE, agent, said, via_api=via_api)
    _announce("noted", ticket, part)
    return part


@_change
def assign(
    ticket: Ticket,
    by: Agent,
    to: Agent | Team | None,
    said: Said = NOTHING,
    *,
    via_api: bool = False,
) -> Part:
    """Give the ticket to an agent or a team, or to nobody. A closed ticket opens by it."""
    places = vendors.of(ticket.account).teams_are_places
    if isinstance(to, Team):
        ticket.team, assigned_to = to, {"kind": "team", "id": to.vendor_id}
        ticket.agent = None if places else ticket.agent
    elif to is None:
        ticket.agent, ticket.team = None, ticket.team if places else None
        assigned_to = {"kind": "nobody", "id": ""}
    else:
        ticket.agent, assigned_to = to, {"kind": "agent", "id": to.vendor_id}
    if ticket.state == Ticket.CLOSED:
        ticket.state = Ticket.OPEN
        assigned_to["reopened"] = "yes"
    part = _add(ticket, Type.ASSIGNMENT, by, said, assigned_to=assigned_to, via_api=via_api)
    _announce("assigned", ticket, part)
    return part


@_change
def close(
    ticket: Ticket, by: Agent | Contact, said: Said = NOTHING, *, via_api: bool = False
) -> Part:
    """Close the ticket, perhaps with a last word."""
    ticket.state, ticket.snoozed_until, ticket.waiting_since = Ticket.CLOSED, None, None
    part = _add(ticket, Type.CLOSE, by, said, via_api=via_api)
    _announce("closed", ticket, part)
    return part


@_change
def reopen(ticket: Ticket, by: Agent, *, via_api: bool = False) -> Part:
    """Open a closed or snoozed ticket again."""
    ticket.state, ticket.snoozed_until = Ticket.OPEN, None
    part = _add(ticket, Type.OPEN, by, via_api=via_api)
    _announce("opened", ticket, part)
    return part


@_change
def snooze(ticket: Ticket, by: Agent, until: datetime, *, via_api: bool = False) -> Part:
    """Put the ticket away until a time."""
    ticket.state, ticket.snoozed_until = Ticket.SNOOZED, until
    part = _add(ticket, Type.SNOOZED, by, via_api=via_api)
    _announce("snoozed", ticket, part)
    return part


@_change
def unsnooze(ticket: Ticket, by: Agent) -> Part:
    """Take a snoozed ticket up again."""
    ticket.state, ticket.snoozed_until = Ticket.OPEN, None
    part = _add(ticket, Type.UNSNOOZED, by)
    _announce("unsnoozed", ticket, part)
    return part


@_change
def see(ticket: Ticket, agent: Agent) -> None:
    """An agent looks at what the customer wrote last."""
    part = ticket.parts.filter(author_kind="contact").order_by("id").last()
    if part is None or ticket.attributes.get("seen_part") == part.vendor_id:
        return
    ticket.attributes |= {"seen_part": part.vendor_id, "seen_by": agent.vendor_id}
    _note_aside(ticket)
    if vendors.of(ticket.account).tells_seen:
        _announce("seen", ticket, part)


def note_customer(ticket: Ticket, **what: str) -> None:
    """Keep what the customer does beside writing: `typing_at` and `read_to`, as ISO times."""
    ticket.attributes |= what
    _note_aside(ticket)


def _note_aside(ticket: Ticket) -> None:
    """Without the ticket becoming the newest of the list."""
    Ticket.objects.filter(pk=ticket.pk).update(attributes=ticket.attributes)


@transaction.atomic
def redact(part: Part) -> None:
    """Blank what was said."""
    part.html, part.text, part.attachments, part.redacted = "", "", [], True
    part.save()
    _announce("redacted", part.ticket, part)


@_change
def delete(ticket: Ticket) -> None:
    """Remove the ticket for good."""
    _announce("deleted", ticket)
    ticket.delete()


def add_contact(account: Account, **fields: Any) -> Contact:
    """A customer whom the vendor did not know yet."""
    return Contact.objects.create(
        account=account, vendor_id=vendors.of(account).contact_id(account), **fields
    )
