"""What an agent (or a test in an agent's name) does to a ticket, from a JSON body.

The inbox page and the control API share this: what a test can do, a person can do.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

from sandbox import desk, files, vendors
from sandbox.desk import Said
from sandbox.models import Account, Agent, Part, Team, Ticket
from sandbox.texts import text_to_html

Json = dict[str, Any]


class ActionError(Exception):
    """The body asks for something that does not exist. The message names it."""


def act(ticket: Ticket, action: str, body: Json) -> Part | None:
    """Carry out an action. Raises ActionError for an unknown one or an unknown name in the body."""
    if action not in ACTIONS:
        raise ActionError(f"Unknown action {action}; there are {', '.join(sorted(ACTIONS))}")
    return ACTIONS[action](ticket, body)


def agent_of(account: Account, wanted: str = "", *, bot: bool = False) -> Agent:
    """An agent by id or name; the first human (or bot) where none is named."""
    agents = account.agents.order_by("id")
    if not wanted:
        return agents.filter(is_bot=bot)[0]
    for agent in agents:
        if wanted == agent.vendor_id or agent.name.lower().startswith(wanted.lower()):
            return agent
    raise ActionError(f"No agent {wanted}")


def _by(ticket: Ticket, body: Json) -> Agent:
    return agent_of(ticket.account, str(body.get("agent") or ""))


def _said(account: Account, body: Json) -> Said:
    """`text` or `html`, and `files` of {name, data (Base64), content_type?, inline?}."""
    html = str(body.get("html") or "") or text_to_html(str(body.get("text") or ""))
    attachments: list[Json] = []
    for upload in body.get("files") or []:
        attachment = files.attachment(_store(account, upload))
        inline = ""
        if upload.get("inline") and attachment["content_type"].startswith("image/"):
            url, name = escape(attachment["url"]), escape(attachment["name"])
            inline = vendors.of(account).inline_image(url, name)
        html += inline
        attachments += [] if inline else [attachment]
    return Said.rich(html, attachments) if html else Said(attachments=attachments)


def _store(account: Account, upload: Json) -> Any:
    try:
        data = base64.b64decode(upload["data"], validate=True)
        name = str(upload["name"])
    except (KeyError, TypeError, binascii.Error):
        raise ActionError("A file needs a name and Base64 data") from None
    kind = str(upload.get("content_type") or "")
    ttl = account.setting("file_url_ttl")
    return files.store(name, data, kind, ttl, owner=f"{account.pk}-own")


def _words(ticket: Ticket, body: Json) -> Said:
    said = _said(ticket.account, body)
    if not said:
        raise ActionError("Nothing to say: text, html or files wanted")
    return said


def _accept(ticket: Ticket, body: Json) -> Part:
    agent = _by(ticket, body)
    return desk.assign(ticket, agent, agent)


def _reply(ticket: Ticket, body: Json) -> Part:
    ride_on = str(body.get("as") or "comment")
    if ride_on not in ("comment", "assignment", "close", "open"):
        raise ActionError("as: comment, assignment, close or open")
    return desk.agent_says(ticket, _by(ticket, body), _words(ticket, body), ride_on=ride_on)


def _bot_reply(ticket: Ticket, body: Json) -> Part:
    bot = agent_of(ticket.account, str(body.get("agent") or ""), bot=True)
    return desk.agent_says(ticket, bot, _words(ticket, body))


def _note(ticket: Ticket, body: Json) -> Part:
    return desk.note(ticket, _by(ticket, body), _words(ticket, body))


def _assign(ticket: Ticket, body: Json) -> Part:
    to = agent_of(ticket.account, str(body["to"])) if body.get("to") else None
    return desk.assign(ticket, _by(ticket, body), to, _said(ticket.account, body))


def _assign_team(ticket: Ticket, body: Json) -> Part:
    wanted = str(body.get("to") or "")
    for team in Team.objects.filter(account=ticket.account):
        if wanted and (wanted == team.vendor_id or team.name.lower() == wanted.lower()):
            return desk.assign(ticket, _by(ticket, body), team)
    raise ActionError(f"No team {wanted}")


def _close(ticket: Ticket, body: Json) -> Part:
    return desk.close(ticket, _by(ticket, body), _said(ticket.account, body))


def _reopen(ticket: Ticket, body: Json) -> Part:
    return desk.reopen(ticket, _by(ticket, body))


def _snooze(ticket: Ticket, body: Json) -> Part:
    until = datetime.fromtimestamp(float(body.get("until") or 0), UTC)
    return desk.snooze(ticket, _by(ticket, body), until)


def _unsnooze(ticket: Ticket, body: Json) -> Part:
    return desk.unsnooze(ticket, _by(ticket, body))


def _customer_reply(ticket: Ticket, body: Json) -> Part:
    """The customer writes in the vendor's own messenger, past the bridge."""
    return desk.customer_says(ticket, _words(ticket, body))


def _seen(ticket: Ticket, body: Json) -> None:
    """The agent has the ticket open."""
    desk.see(ticket, _by(ticket, body))


def _redact(ticket: Ticket, body: Json) -> Part:
    part = ticket.parts.filter(vendor_id=str(body.get("part") or "")).first()
    if part is None:
        raise ActionError("No such part")
    desk.redact(part)
    return part


def _delete(ticket: Ticket, body: Json) -> None:
    desk.delete(ticket)


ACTIONS: dict[str, Callable[[Ticket, Json], Part | None]] = {
    "accept": _accept,
    "reply": _reply,
    "bot_reply": _bot_reply,
    "note": _note,
    "assign": _assign,
    "assign_team": _assign_team,
    "close": _close,
    "reopen": _reopen,
    "snooze": _snooze,
    "unsnooze": _unsnooze,
    "customer_reply": _customer_reply,
    "seen": _seen,
    "redact": _redact,
    "delete": _delete,
}
