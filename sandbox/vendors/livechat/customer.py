"""The Customer Chat API. A customer has one chat; each session is a thread of it.

https://platform.text.com/docs/messaging/customer-chat-api
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from sandbox import desk
from sandbox.desk import NOTHING
from sandbox.models import Contact, Part, Team, Ticket
from sandbox.vendors.livechat import books, events, shapes
from sandbox.vendors.livechat.errors import ApiError
from sandbox.vendors.livechat.events import Sent
from sandbox.vendors.livechat.http import Call, Methods, active, invalid, one

Json = dict[str, Any]
MOST_FIELDS = 100


def list_chats(call: Call) -> Json:
    """Summaries of the customer's chats: one or none."""
    rows = Ticket.objects.filter(account=call.account, contact=call.by_customer)
    shown = [shapes.summary(row, to_customer=True) for row in rows.order_by("-id")]
    return {"total_chats": len(shown), "chats_summary": shown}


def list_threads(call: Call) -> Json:
    """The chat's threads, newest first."""
    ticket = one(call, call.text("chat_id"))
    entries = list(reversed(ticket.attributes["threads"]))
    limit = int(call.body.get("limit") or 3)
    to_customer = call.customer is not None
    shown = [shapes.thread(ticket, entry, to_customer=to_customer) for entry in entries[:limit]]
    return {"threads": shown, "found_threads": len(entries)}


def get_chat(call: Call) -> Json:
    """A chat with its latest thread, or the wanted one."""
    ticket = one(call, call.text("chat_id"))
    wanted = call.body.get("thread_id") or books.last_thread(ticket)["id"]
    for entry in ticket.attributes["threads"]:
        if entry["id"] == wanted:
            return shapes.chat(ticket, entry, to_customer=call.customer is not None)
    raise ApiError("not_found", "Thread not found")


@transaction.atomic
def start_chat(call: Call) -> Json:
    """The customer's first chat. A second one is refused."""
    customer, chat = call.by_customer, call.part("chat")
    known = Ticket.objects.filter(account=call.account, contact=customer).first()
    if known:
        raise ApiError("limit_reached", "Chats limit reached")
    first, rest = _initial(call, chat)
    ticket = open_chat(call, customer, first, chat)
    ids = [_first_id(ticket), *(_say(ticket, sent) for sent in rest)]
    return entered(ticket, ids if first.said else []) | {"chat_id": ticket.vendor_id}


@transaction.atomic
def resume_chat(call: Call) -> Json:
    """A new thread in the customer's chat."""
    chat = call.part("chat")
    ticket = one(call, call.text("id", chat))
    if books.last_thread(ticket)["active"]:
        raise invalid("Chat is already active")
    first, rest = _initial(call, chat)
    part = reopen_chat(call, ticket, first, chat)
    ids = [part.vendor_id, *(_say(ticket, sent) for sent in rest)]
    return entered(ticket, ids if first.said else [])


def open_chat(call: Call, customer: Contact, first: Sent, chat: Json, seat: str = "") -> Ticket:
    """A chat's first thread; `seat`: the id of the agent who starts it."""
    groups = _groups(call, chat)
    source = {"source": {"client_id": call.account.credentials["client_id"]}}
    thread = _thread(chat).get("properties")
    return desk.open_ticket(
        customer,
        first.said,
        via_api=True,
        attributes={
            **books.expect(None, thread_properties=thread, seat=seat, **first.extra),
            "groups": groups,
            "properties": {**source, **(chat.get("properties") or {})},
        },
        team=Team.objects.get(account=call.account, vendor_id=str(groups[0])),
        state=Ticket.OPEN if call.flag("active", True) else Ticket.CLOSED,
    )


def reopen_chat(call: Call, ticket: Ticket, first: Sent, chat: Json, seat: str = "") -> Part:
    """A further thread; the part that begins it."""
    ticket.attributes["groups"] = groups = _groups(call, chat)
    ticket.attributes.setdefault("properties", {}).update(chat.get("properties") or {})
    ticket.team = Team.objects.get(account=call.account, vendor_id=str(groups[0]))
    thread = _thread(chat).get("properties")
    books.expect(ticket, thread_properties=thread, seat=seat, **first.extra)
    return desk.customer_says(ticket, first.said, via_api=True)


def _thread(chat: Json) -> Json:
    thread = chat.get("thread") or {}
    if not isinstance(thread, dict):
        raise invalid("`chat.thread` must be an object")
    return thread


def initial(call: Call, chat: Json) -> list[Sent]:
    """The events that a thread begins with."""
    return [events.read(call, event) for event in _thread(chat).get("events") or []]


def _initial(call: Call, chat: Json) -> tuple[Sent, list[Sent]]:
    """The first event, which may be missing, and those after it."""
    given = initial(call, chat)
    return (given[0], given[1:]) if given else (Sent(NOTHING), [])


def _groups(call: Call, chat: Json) -> list[int]:
    """The groups that a chat is for. Unless `continuous`, one of them must be online."""
    ids = (chat.get("access") or {}).get("group_ids") or [books.GENERAL]
    if not all(isinstance(id_, int) for id_ in ids):
        raise invalid("`chat.access.group_ids` must be numbers")
    teams = list(Team.objects.filter(account=call.account, vendor_id__in=[str(id_) for id_ in ids]))
    if len(teams) < len(set(ids)):
        raise ApiError("group_not_found")
    if not call.flag("continuous") and all(books.status_of(team) == "offline" for team in teams):
        raise ApiError("groups_offline")
    return list(ids)


def _first_id(ticket: Ticket) -> str:
    return ticket.parts.order_by("id")[0].vendor_id


def entered(ticket: Ticket, ids: list[str]) -> Json:
    """The answer to starting or resuming."""
    answer: Json = {"thread_id": books.last_thread(ticket)["id"]}
    return answer | ({"event_ids": ids} if ids else {})


def _say(ticket: Ticket, sent: Sent) -> str:
    """Into the active thread; the event's id."""
    ticket.refresh_from_db()
    books.expect(ticket, **sent.extra)
    return desk.customer_says(ticket, sent.said, via_api=True).vendor_id


@transaction.atomic
def send_event(call: Call) -> Json:
    """Into the active thread, or (`attach_to_last_thread`) a closed one."""
    ticket = one(call, call.text("chat_id"))
    sent = events.read(call, call.body.get("event"))
    if books.last_thread(ticket)["active"]:
        return {"event_id": _say(ticket, sent)}
    if not call.flag("attach_to_last_thread"):
        raise ApiError("chat_inactive")
    books.expect(ticket, **sent.extra)
    part = desk.customer_says(ticket, sent.said, via_api=True, reopen=False)
    return {"event_id": part.vendor_id}


@transaction.atomic
def deactivate_chat(call: Call) -> None:
    """The customer closes the chat."""
    ticket = one(call, call.text("id"))
    active(ticket)
    desk.close(ticket, call.by_customer, via_api=True)


@transaction.atomic
def update_customer(call: Call) -> None:
    """Name, e-mail, picture, session fields: at least one."""
    customer, body = call.by_customer, call.body
    if not set(body) & {"name", "email", "avatar", "session_fields", "omnichannel", "address"}:
        raise invalid("At least one parameter is required")
    for theirs, ours in (("name", "name"), ("email", "email"), ("avatar", "avatar_url")):
        if theirs in body:
            setattr(customer, ours, call.text(theirs))
    if "email" in body and "@" not in customer.email:
        raise invalid("`email` is invalid")
    if "session_fields" in body:
        customer.attributes["session_fields"] = _fields(body["session_fields"])
    customer.save()


@transaction.atomic
def set_customer_session_fields(call: Call) -> None:
    """Session fields alone."""
    customer = call.by_customer
    customer.attributes["session_fields"] = _fields(call.body.get("session_fields"))
    customer.save()


def _fields(given: Any) -> list[Json]:
    """`[{"key": "value"}, ...]`: one pair in each object, texts only."""
    if not isinstance(given, list) or len(given) > MOST_FIELDS:
        raise invalid("`session_fields` must be an array of up to 100 objects")
    for one_field in given:
        if not isinstance(one_field, dict) or len(one_field) != 1:
            raise invalid("`session_fields` must hold key-value pairs")
        if not all(isinstance(value, str) for value in one_field.values()):
            raise invalid("`session_fields` must hold texts")
    return given


def get_customer(call: Call) -> Json:
    """The customer who asks."""
    return shapes.customer_user(call.by_customer)


def list_group_statuses(call: Call) -> Json:
    """Whether the groups are online; unknown ones are left out."""
    rows = Team.objects.filter(account=call.account).order_by("id")
    if not call.flag("all"):
        if not isinstance(call.body.get("group_ids"), list):
            raise invalid("`all` or `group_ids` is required")
        rows = rows.filter(vendor_id__in=[str(id_) for id_ in call.body["group_ids"]])
    return {"groups_status": {row.vendor_id: books.status_of(row) for row in rows}}


@transaction.atomic
def mark_events_as_seen(call: Call) -> None:
    """The customer has read up to a time."""
    ticket = one(call, call.text("chat_id"))
    desk.note_customer(ticket, read_to=call.text("seen_up_to"))


@transaction.atomic
def send_sneak_peek(call: Call) -> None:
    """The customer is typing; agents see what."""
    ticket = one(call, call.text("chat_id"))
    active(ticket)
    call.text("sneak_peek_text")
    desk.note_customer(ticket, typing_at=timezone.now().isoformat())


def accept(call: Call) -> None:
    """A method that leaves no trace here."""


METHODS: Methods = {
    "list_chats": (list_chats, ""),
    "list_threads": (list_threads, ""),
    "get_chat": (get_chat, ""),
    "start_chat": (start_chat, ""),
    "resume_chat": (resume_chat, ""),
    "deactivate_chat": (deactivate_chat, ""),
    "send_event": (send_event, ""),
    "upload_file": (events.upload, ""),
    "update_customer": (update_customer, ""),
    "set_customer_session_fields": (set_customer_session_fields, ""),
    "get_customer": (get_customer, ""),
    "list_group_statuses": (list_group_statuses, ""),
    "mark_events_as_seen": (mark_events_as_seen, ""),
    "send_sneak_peek": (send_sneak_peek, ""),
}
