"""The visitor's API, for organizations' tokens: open a chat, say something, leave.

https://www.zoho.com/salesiq/help/developer-section/open-conversation-visitor-v1.html
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from sandbox import desk, files
from sandbox.desk import Said
from sandbox.models import Account, Contact, Part, Team, Ticket
from sandbox.texts import text_to_html
from sandbox.vendors.zoho import shapes, waits
from sandbox.vendors.zoho.http import Answer, ApiError, Call

Json = dict[str, Any]
LONGEST_WAIT = 999  # seconds
MAX_FILE = 50 * 1024 * 1024  # bytes


def open_chat(call: Call) -> Answer:
    """POST /conversations. A second one of the same visitor is another conversation."""
    if call.text("app_id") != call.account.credentials["app_id"]:
        raise ApiError(1019, json_key="app_id")
    team = Team.objects.filter(account=call.account, vendor_id=call.text("department_id")).first()
    if team is None:
        raise ApiError(1025, json_key="department_id")
    question = call.text("question")
    wait, past = _wait(call), _past(call)
    contact = _contact(call)
    account = call.account
    number = account.next_number()
    info = call.body.get("customer_info") or {}
    if not isinstance(info, dict):
        raise ApiError(1011, json_key="customer_info")
    ticket = desk.open_ticket(
        contact,
        Said.plain(question),
        via_api=True,
        history=past,
        team=team,
        attributes={
            "hash": secrets.token_hex(16),
            "wms": f"LD_22432{number}_{secrets.randbelow(10**9)}",
            "chat": secrets.token_hex(8),
            "reference": str(number),
            "question": question,
            "app_id": account.credentials["app_id"],
            "customer_info": info,
            waits.UNTIL: time.time() + wait,
        },
    )
    return "conversations", shapes.opened(ticket)


def _wait(call: Call) -> float:
    """Seconds until the chat is missed: the request's, or the brand's."""
    value = call.body.get("custom_wait_time")
    if value is None:
        return float(call.account.setting("waiting_time", 60))
    if isinstance(value, bool) or not str(value).isdigit() or not 1 <= int(value) <= LONGEST_WAIT:
        raise ApiError(1011, json_key="custom_wait_time")
    return float(value)


def _past(call: Call) -> list[Part]:
    """What was said before. Setting `past_messages` false: Zoho does not know the field."""
    given = call.body.get("past_messages")
    if given is None:
        return []
    if not call.account.setting("past_messages", True):
        raise ApiError(1015, json_key="past_messages")
    if not isinstance(given, list):
        raise ApiError(1011, json_key="past_messages")
    return [_past_part(call.account, one) for one in given]


def _past_part(account: Account, one: Any) -> Part:
    kinds = {"visitor": "contact", "bot": "bot"}
    try:
        kind, name, text = kinds[one["sender_type"]], str(one["sender_name"]), str(one["text"])
        at = shapes.from_ms(str(one["time"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ApiError(1011, json_key="past_messages") from None
    part = Part(
        type=Part.Type.COMMENT,
        author_kind=kind,
        author={"id": "b633800" if kind == "bot" else "633800", "name": name, "email": ""},
        html=text_to_html(text),
        text=text.strip(),
        via_api=True,
        created_at=at,
    )
    part.vendor_id = f"{shapes.ms(at)}_{account.next_number()}"
    return part


def _contact(call: Call) -> Contact:
    given = call.body.get("visitor")
    if not isinstance(given, dict) or not given.get("user_id"):
        raise ApiError(1011, json_key="visitor.user_id")
    external_id = str(given["user_id"])[:255]
    fields = {name: str(given.get(name) or "")[:60] for name in ("name", "email", "phone")}
    known = Contact.objects.filter(account=call.account, external_id=external_id).first()
    if known is None:
        fields["name"] = fields["name"] or "Visitor"
        return desk.add_contact(call.account, external_id=external_id, **fields)
    for name, value in fields.items():
        setattr(known, name, value or getattr(known, name))
    known.save()
    return known


def one(account: Account, conversation_id: str) -> Ticket:
    """The conversation of that number; the visitor's hash is none."""
    rows = Ticket.objects.select_related("account", "contact", "agent", "team")
    ticket = rows.filter(account=account, vendor_id=conversation_id).first()
    if ticket is None:
        raise ApiError(1019)
    return ticket


def still_open(ticket: Ticket) -> Ticket:
    """Refuse a closed one. What Zoho answers is not documented: setting `closed_code`."""
    if ticket.state == Ticket.CLOSED:
        raise ApiError(int(ticket.account.setting("closed_code", 1019)))
    return ticket


def said(call: Call) -> Said:
    """`{"text"}`, or a form with `file` and `comment`."""
    upload = call.request.FILES.get("file")
    if upload is None:
        text = call.body.get("text")
        if not isinstance(text, str) or not text.strip():
            raise ApiError(1018, json_key="text")
        return Said.plain(text)
    if upload.size is None or upload.size > MAX_FILE:
        raise ApiError(1027, json_key="file")
    stored = files.store(upload.name or "file", upload.read(), upload.content_type or "")
    return Said.plain(str(call.body.get("comment") or ""), [files.attachment(stored)])


def say(call: Call, conversation_id: str) -> Answer:
    """POST /conversations/{id}/messages: in the visitor's name. Setting `silent_messages`: the
    answer does not tell the message, as Zoho documents none."""
    ticket = still_open(one(call.account, conversation_id))
    part = desk.customer_says(ticket, said(call), via_api=True)
    made = next(shapes.said_in(part))
    return "messages", {} if call.account.setting("silent_messages") else made


def leave(call: Call, visitor_conversation_id: str) -> Answer:
    """/visitor/v2/{s}/conversations/{hash}/close."""
    rows = Ticket.objects.filter(account=call.account)
    ticket = rows.filter(attributes__hash=visitor_conversation_id).first()
    if ticket is None:
        raise ApiError(1019)
    desk.close(still_open(ticket), ticket.contact, via_api=True)
    return "conversations", shapes.opened(ticket)
