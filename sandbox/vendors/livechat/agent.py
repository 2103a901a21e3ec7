"""The Agent Chat API, in the name of the agent who connected.

https://platform.text.com/docs/messaging/agent-chat-api
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from sandbox import desk, webhooks
from sandbox.models import Agent, Contact, Team, Ticket
from sandbox.vendors.livechat import books, customer, events, hooks, shapes
from sandbox.vendors.livechat.errors import ApiError
from sandbox.vendors.livechat.http import Call, Methods, active, invalid, one

Json = dict[str, Any]
CHATS = "chats--all:rw"
NOBODY = "Cannot assign any agent from requested groups"


def _present(call: Call, ticket: Ticket) -> None:
    """Raises ApiError unless the caller is in the chat, or says that this does not matter."""
    ignore = call.flag("ignore_requester_presence")
    if not ignore and call.by_agent.vendor_id not in books.present(ticket):
        raise ApiError("authorization", "Requester is not a user of the chat")


def _agent(call: Call, vendor_id: str) -> Agent:
    found = Agent.objects.filter(account=call.account, vendor_id=vendor_id).first()
    if found is None:
        raise ApiError("not_found", "Agent not found")
    return found


def list_chats(call: Call) -> Json:
    """Summaries of all chats, newest first; only active or inactive ones, if `filters` says so."""
    rows = Ticket.objects.filter(account=call.account).select_related("account", "contact", "team")
    wanted = call.part("filters").get("active")
    found = [
        row
        for row in rows.order_by("-id")
        if wanted is None or books.last_thread(row)["active"] is wanted
    ]
    shown = found[: int(call.body.get("limit") or 10)]
    summaries = [shapes.summary(row, to_customer=False) for row in shown]
    return {"chats_summary": summaries, "found_chats": len(found)}


def _customer_of(call: Call, chat: Json) -> Contact:
    """The one customer among `chat.users`."""
    for user in chat.get("users") or []:
        if user.get("type") == "customer":
            found = Contact.objects.filter(account=call.account, vendor_id=user.get("id")).first()
            if found:
                return found
    raise invalid("`chat.users` must name a known customer")


@transaction.atomic
def start_chat(call: Call) -> Json:
    """A chat that the caller is in from the first."""
    chat = call.part("chat")
    contact = _customer_of(call, chat)
    if Ticket.objects.filter(account=call.account, contact=contact).exists():
        raise ApiError("limit_reached", "Chats limit reached")
    seat = call.by_agent.vendor_id
    ticket = customer.open_chat(call, contact, events.Sent(desk.NOTHING), chat, seat)
    answer = customer.entered(ticket, _say_all(call, ticket, customer.initial(call, chat)))
    return answer | {"chat_id": ticket.vendor_id}


@transaction.atomic
def resume_chat(call: Call) -> Json:
    """A new thread that the caller is in from the first."""
    chat = call.part("chat")
    ticket = one(call, call.text("id", chat))
    if books.last_thread(ticket)["active"]:
        raise invalid("Chat is already active")
    seat = call.by_agent.vendor_id
    customer.reopen_chat(call, ticket, events.Sent(desk.NOTHING), chat, seat)
    return customer.entered(ticket, _say_all(call, ticket, customer.initial(call, chat)))


def _say_all(call: Call, ticket: Ticket, given: list[events.Sent]) -> list[str]:
    return [_say(call, ticket, sent) for sent in given]


def _say(call: Call, ticket: Ticket, sent: events.Sent) -> str:
    """The caller's words into the chat's last thread; the event's id."""
    ticket.refresh_from_db()
    books.expect(ticket, **sent.extra)
    say = desk.note if sent.private else desk.agent_says
    return say(ticket, call.by_agent, sent.said, via_api=True).vendor_id


@transaction.atomic
def send_event(call: Call) -> Json:
    """Only from inside the chat; `visibility: agents` makes a private note."""
    ticket = one(call, call.text("chat_id"))
    sent = events.read(call, call.body.get("event"))
    if not call.flag("attach_to_last_thread"):
        active(ticket)
    _present(call, ticket)
    return {"event_id": _say(call, ticket, sent)}


@transaction.atomic
def deactivate_chat(call: Call) -> None:
    """The caller closes the chat."""
    ticket = one(call, call.text("id"))
    active(ticket)
    _present(call, ticket)
    desk.close(ticket, call.by_agent, via_api=True)


@transaction.atomic
def transfer_chat(call: Call) -> None:
    """To an agent or a group; into a queue only with `ignore_agents_availability`."""
    ticket = one(call, call.text("id"))
    active(ticket)
    _present(call, ticket)
    target = call.part("target") or {"type": "group", "ids": books.groups(ticket)}
    ids = target.get("ids")
    if target.get("type") not in ("group", "agent") or not isinstance(ids, list) or not ids:
        raise invalid("`target` needs a type and ids")
    to: Team | Agent
    if target["type"] == "group":
        to = _group(call, ids)
    else:
        to = _agent(call, str(ids[0]))
        if to.away:
            raise ApiError("agent_offline")
    desk.assign(ticket, call.by_agent, to, via_api=True)


def _group(call: Call, ids: list[Any]) -> Team:
    rows = Team.objects.filter(account=call.account, vendor_id__in=[str(id_) for id_ in ids])
    found = rows.order_by("id").first()
    if found is None:
        raise ApiError("group_not_found")
    queues = call.flag("ignore_agents_availability")
    if not queues and books.free_agent(call.account, [int(id_) for id_ in ids]) is None:
        raise invalid(NOBODY)
    return found


@transaction.atomic
def add_user_to_chat(call: Call) -> None:
    """Bring an agent in, seen by all or by agents only."""
    ticket, agent = _user(call)
    visibility = call.text("visibility")
    if visibility not in ("all", "agents"):
        raise invalid("`visibility` is invalid")
    active(ticket)
    _present(call, ticket)
    if agent.vendor_id in books.present(ticket):
        raise invalid("User is already in the chat")
    books.sit(ticket, agent, visibility)
    _tell(ticket, "user_added_to_chat", hooks.added(ticket, agent, call.by_agent.vendor_id))


@transaction.atomic
def remove_user_from_chat(call: Call) -> None:
    """Take an agent out."""
    ticket, agent = _user(call)
    active(ticket)
    _present(call, ticket)
    if agent.vendor_id not in books.present(ticket):
        raise invalid("User is not in the chat")
    books.leave(ticket, agent)
    _tell(ticket, "user_removed_from_chat", hooks.removed(ticket, agent, call.by_agent.vendor_id))


def _user(call: Call) -> tuple[Ticket, Agent]:
    ticket = one(call, call.text("chat_id"))
    if call.text("user_type") != "agent":
        raise invalid("`user_type` is invalid")
    return ticket, _agent(call, call.text("user_id"))


def _tell(ticket: Ticket, action: str, payload: Json) -> None:
    for envelope in hooks.addressed(ticket, action, payload):
        webhooks.enqueue(ticket.account, ticket.vendor_id, action, envelope)


def get_customer(call: Call) -> Json:
    """A customer by their id."""
    rows = Contact.objects.filter(account=call.account, archived=False)
    found = rows.filter(vendor_id=call.text("id")).first()
    if found is None:
        raise ApiError("not_found", "Customer not found")
    return shapes.customer_user(found)


METHODS: Methods = {
    "list_chats": (list_chats, CHATS),
    "start_chat": (start_chat, CHATS),
    "resume_chat": (resume_chat, CHATS),
    "get_customer": (get_customer, "customers:rw"),
    "get_chat": (customer.get_chat, CHATS),
    "list_threads": (customer.list_threads, CHATS),
    "send_event": (send_event, CHATS),
    "upload_file": (events.upload, CHATS),
    "deactivate_chat": (deactivate_chat, CHATS),
    "transfer_chat": (transfer_chat, CHATS),
    "add_user_to_chat": (add_user_to_chat, CHATS),
    "remove_user_from_chat": (remove_user_from_chat, CHATS),
    "mark_events_as_seen": (customer.accept, CHATS),
    "send_typing_indicator": (customer.accept, CHATS),
}
