"""What happened in a chat, from webhooks; `chat` has the same from reading it, by the same keys.

https://www.zoho.com/salesiq/help/developer-section/workflows-module-conversation.html

A corrected message (message.edited) is not told: what the customer has been sent can't be
changed, and Zoho does not document which text the webhook holds, the old or the new one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from providers.errors import BadPayload
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    Content,
    InboundEvent,
    JsonObject,
    MessageRedacted,
    TicketChanged,
    TicketClosed,
    TicketReopened,
    TicketTransferred,
    WebhookRequest,
)
from providers.zoho.models import Entity, Message, Notification, Party, from_ms, to_ms


@dataclass(frozen=True, slots=True)
class Happening:
    """A webhook, whichever of its shapes it has."""

    event: str  # without "conversation."; empty: the shape must tell
    remote_id: str
    at: datetime
    account_id: str
    entity: Entity
    fields: Mapping[str, Any]  # the entity as it came

    @property
    def about(self) -> JsonObject:
        return {"remote_id": self.remote_id, "at": self.at, "account_id": self.account_id}


# --- webhooks ---------------------------------------------------------------------------------


def parse_webhook(request: WebhookRequest) -> list[InboundEvent]:
    """The events of one webhook. Raises BadPayload."""
    try:
        happening = _read(request)
        rule = _RULES.get(happening.event if happening else "ignored")
        return list(rule(happening)) if happening and rule else []
    except (ValueError, RecursionError):  # also ValidationError, JSON and Unicode errors
        raise BadPayload("The body is not a SalesIQ webhook.") from None


def webhook_key(body: bytes) -> str:
    """What its repeats have in common: all but `attempt`; empty if that is not to be had."""
    try:
        note = Notification.model_validate(json.loads(body))
        entity = Entity.model_validate(note.entity)
    except (ValueError, RecursionError):
        return ""
    message = entity.message.key if entity.message else ""
    if not (note.event and note.entity_id and note.event_time):
        return ""
    return f"{note.event}:{note.entity_id}:{to_ms(note.event_time)}:{message}"


def _read(request: WebhookRequest) -> Happening | None:
    """The envelope's conversation, or the conversation alone, as workflows send it."""
    body = json.loads(request.body)
    if not isinstance(body, dict):
        raise ValueError("not an object")  # noqa: TRY004  # caught with the other errors
    bare = "entity" not in body
    note = Notification.model_validate({**body, "entity": body} if bare else body)
    if note.entity_type not in ("", "conversation"):
        return None
    event = note.event.removeprefix("conversation.")
    if event and event not in _RULES:
        return None
    entity = Entity.model_validate(note.entity)
    remote_id = note.entity_id or entity.id
    if not remote_id:
        raise ValueError("no conversation")
    at = note.event_time or entity.event_time or _own_time(entity) or request.received_at
    event = event or _kind_of(entity, note.entity)
    return Happening(event, remote_id, at, note.org_id, entity, note.entity)


def _own_time(entity: Entity) -> datetime | None:
    message = entity.message
    if message and message.time:
        return message.time
    stamp = message.key.partition("_")[0] if message else ""
    if re.fullmatch(r"\d{13}", stamp):
        return from_ms(int(stamp))
    return entity.end_time or entity.missed_time or entity.attended_time


def _kind_of(entity: Entity, fields: Mapping[str, Any]) -> str:
    """The event of a conversation that came without its name."""
    marks = " ".join(fields)
    if entity.message:
        if re.search(r"deleted|edited", marks):
            return "message.deleted" if "deleted" in marks else "message.edited"
        return "operator.replied"
    if entity.missed_time:
        return "missed"
    if entity.end_time or entity.ended_by:
        return "completed"
    return "attender.updated" if entity.owner else "ignored"


def _replied(happening: Happening) -> Iterator[InboundEvent]:
    """Only an operator's words; where the webhook does not tell all, the chat is read."""
    message = happening.entity.message or Message()
    sender = message.sender or Party()
    by_operator = sender.is_operator
    owner = happening.entity.owner
    if by_operator is None and owner and sender.id == owner.id and owner.is_operator is not False:
        by_operator = sender.id != ""
    if by_operator is False:
        return
    about = happening.about
    tells_all = by_operator and message.key and message.words and message.is_mere_text
    if not tells_all:
        name = message.key or f"reply@{to_ms(happening.at)}"
        yield TicketChanged(key=f"{name}:look", **about)
        return
    agent = agent_of(sender, happening.entity)
    contents = (Content("text", {"text": message.words}),)
    yield AgentMessage(key=message.key, agent=agent, contents=contents, **about)


def _attended(happening: Happening) -> Iterator[InboundEvent]:
    """The agent is the `owner`; the visitor stands beside it."""
    yield from _assigned(happening, happening.entity.owner)


def _accepted(happening: Happening) -> Iterator[InboundEvent]:
    by = happening.entity.accepted_by
    who = Party.model_validate(by) if isinstance(by, Mapping) else None
    yield from _assigned(happening, who if who and who.id else happening.entity.owner)


def _assigned(happening: Happening, who: Party | None) -> Iterator[InboundEvent]:
    if who is None or not who.id or who.is_operator is False:
        return
    key = assignment_key(who.id, happening.at)
    yield AgentAssigned(key=key, agent=agent_of(who, happening.entity), **happening.about)


def _transferred(happening: Happening) -> Iterator[InboundEvent]:
    yield TicketTransferred(
        key=f"transfer@{to_ms(happening.at)}", to=_whither(happening.fields), **happening.about
    )


def _whither(fields: Mapping[str, Any]) -> str:
    """Where a transfer goes, if it says so: its payload is not documented."""
    target = next((value for name, value in fields.items() if "transfer" in name.lower()), None)
    while isinstance(target, Mapping):
        inner = (target.get(key) for key in ("to", "operator", "department", "name"))
        target = next((value for value in inner if value), None)
    if not isinstance(target, str) or target.isdigit():
        return ""
    return Party(name=target).name[:200]


def _missed(happening: Happening) -> Iterator[InboundEvent]:
    entity = happening.entity.model_copy(
        update={"missed_time": happening.entity.missed_time or happening.at}
    )
    yield closing(entity, happening.about)


def _completed(happening: Happening) -> Iterator[InboundEvent]:
    yield closing(happening.entity, happening.about)


def _deleted(happening: Happening) -> Iterator[InboundEvent]:
    message = happening.entity.message
    if message is None or not message.key:
        return
    if message.sender and message.sender.is_operator is False:
        return
    yield redaction(message.key, happening.about)


def _reopened(happening: Happening) -> Iterator[InboundEvent]:
    yield TicketReopened(key=f"reopened@{to_ms(happening.at)}", **happening.about)


_RULES: dict[str, Callable[[Happening], Iterator[InboundEvent]]] = {
    "operator.replied": _replied,
    "attender.updated": _attended,
    "missed": _missed,
    "completed": _completed,
    "transfer.initiated": _transferred,
    "transfer.accepted": _accepted,
    "transfer.rejected": _attended,  # it stays with the owner
    "message.deleted": _deleted,
    "reopened": _reopened,
}


# --- both -------------------------------------------------------------------------------------


def assignment_key(agent_id: str, at: datetime) -> str:
    """The key of an assignment; a second one to the same agent is another."""
    return f"{agent_id}@{to_ms(at)}"


def redaction(message_key: str, about: JsonObject) -> MessageRedacted:
    """A message's deletion."""
    return MessageRedacted(key=f"{message_key}:deleted", message_key=message_key, **about)


def closing(entity: Entity, about: JsonObject) -> TicketClosed:
    """The chat's end, by whoever; missed: nobody answered in time."""
    reason: Literal["missed", "userEnded", "agentClosed"] = "agentClosed"
    at = entity.end_time or about["at"]
    if entity.is_missed:
        reason, at = "missed", entity.missed_time or at
    elif entity.ended_by.lower() == "visitor":
        reason = "userEnded"
    key = f"{'missed' if reason == 'missed' else 'closed'}@{to_ms(at)}"
    return TicketClosed(key=key, reason=reason, **about)


def agent_of(who: Party, entity: Entity) -> Agent:
    """The operator; e-mail and name from wherever in the conversation they stand."""
    others = [entity.owner, entity.attender]
    for group in (entity.participants, entity.supervisors):
        others += [_party(one) for one in group] if isinstance(group, list) else []
    same = [who, *(one for one in others if one and one.id == who.id)]
    name = next((one.name for one in same if one.name), "")
    return Agent(who.id, name, next((one.address for one in same if one.address), ""))


def _party(value: Any) -> Party | None:
    try:
        return Party.model_validate(value)
    except ValueError:
        return None
