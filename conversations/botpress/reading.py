"""Reading what Botpress sends: it declares little, so what is there is taken and the rest left."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from conversations.api.payloads import HISTORY, PAYLOADS
from conversations.botpress import description
from conversations.flows.botpress.handoff import Handoff
from conversations.flows.botpress.people import Identity
from conversations.flows.botpress.speaking import Incoming
from conversations.flows.problems import FlowError
from conversations.models.botpress import DOWNSTREAM_ID_LENGTH
from providers.render import as_text

Json = Mapping[str, Any]

BOT = "BOT"  # the author of what the plugin sends without a userId
UNSHOWABLE = "(a message of a kind that can't be shown here)"
MAX_DEPTH = 50
MAX_HISTORY = 2000
MAX_TITLE = 300
MAX_ID = 200
MAX_ADDITIONAL_DATA = 500
# The first key that a payload has says what it is; bloc and carousel both have `items`.
KINDS = {
    "options": "choice",
    "imageUrl": "image",
    "audioUrl": "audio",
    "videoUrl": "video",
    "fileUrl": "file",
    "markdown": "markdown",
    "latitude": "location",
    "text": "text",
}


def read(body: bytes) -> Json:
    """The body's JSON object; what no database can store is taken out. Raises FlowError."""
    try:
        value = json.loads(body.decode("utf-8-sig", "replace"), parse_constant=_refuse)
        clean = _storable(value, 0)
    except (ValueError, RecursionError):
        raise FlowError("The body is not valid JSON.") from None
    if not isinstance(clean, dict):
        raise FlowError("The body must be a JSON object.")
    return clean


def payload_of(call: Json) -> Json:
    """The call's own part. Raises FlowError."""
    payload = call.get("payload")
    if not isinstance(payload, dict):
        raise FlowError("This must be an object.", field="payload")
    return payload


def identity(payload: Json) -> Identity:
    """Whom createRemoteUser announces. Our own integration adds the Botpress user's id."""
    picture = _text(payload, "pictureUrl", 2000)
    return Identity.of(
        _text(payload, "email", 320),
        _text(payload, "name", 200),
        picture if picture.startswith(("https://", "http://")) else "",
        _text(payload, "userId", MAX_ID),
    )


def handoff(payload: Json) -> Handoff:
    """What createRemoteConversation hands over: the stock integration's title and description
    (its `messages` too, should they ever come) or all that our own sends. Raises FlowError."""
    who, text = description.split(_text(payload, "description"))
    session = payload.get("hitlSession")
    return Handoff(
        title=_text(payload, "title", MAX_TITLE),
        description=text,
        transcript=tuple(_history(payload)),
        hitl_session=session if isinstance(session, dict) else {},
        user_id=_text(payload, "userId", MAX_ID),
        identity=who,
        downstream_id=_text(payload, "botpressConversationId", DOWNSTREAM_ID_LENGTH),
    )


def incoming(call: Json) -> Incoming:
    """The message of a botSendsMessage. Raises FlowError.

    Nothing but text declares `userId` in the interface that the stock integration was built on,
    so an end user's files may come as the bot's. The plugin itself writes nothing but texts:
    whatever else comes from BOT is the user's.
    """
    payload = payload_of(call)
    conversation_id = _text(call, "remoteConversationId")
    if not conversation_id:
        raise FlowError("This must be the conversation's id.", field="remoteConversationId")
    author = _text(call, "remoteUserId", MAX_ID)
    kind, content = message(payload)
    from_bot = author in ("", BOT) and not _text(payload, "userId")
    return Incoming(
        conversation_id=conversation_id,
        user_id="" if author == BOT else author,
        by_bot=from_bot and kind_of(payload) == "text",
        type=kind,
        payload=content,
        additional_data=_text(payload, "additionalData", MAX_ADDITIONAL_DATA),
    )


def closing(payload: Json) -> tuple[str, str]:
    """(Botpress's id of what closeRemoteTicket closes, ours if the caller knows it)."""
    downstream_id = payload.get("botpressConversationId")
    if not isinstance(downstream_id, str) or not 0 < len(downstream_id) <= DOWNSTREAM_ID_LENGTH:
        raise FlowError("This must be a conversation's id.", field="payload.botpressConversationId")
    return downstream_id, _text(payload, "remoteConversationId", MAX_ID)


def message(payload: Json) -> tuple[str, Json]:
    """(type, payload) as the interface has them; as text where it is none of them."""
    kind = kind_of(payload)
    try:
        checked: Json = PAYLOADS[kind]().run_validation(dict(payload))
    except ValidationError:
        return "text", {"text": _as_text(kind, payload)}
    return kind, checked


def kind_of(payload: Json) -> str:
    """The message's type: Botpress sends none on this way, so its keys tell."""
    given = payload.get("type")
    if isinstance(given, str) and given in PAYLOADS:
        return given
    items = payload.get("items")
    if isinstance(items, list):
        typed = all(isinstance(item, dict) and "payload" in item for item in items)
        return "bloc" if typed else "carousel"
    if "actions" in payload:
        return "card"
    return next((kind for key, kind in KINDS.items() if payload.get(key) is not None), "text")


def _as_text(kind: str, payload: Json) -> str:
    try:
        text = as_text(kind, payload).strip()
    except (AttributeError, TypeError, ValueError):
        text = ""
    return text or UNSHOWABLE


def _history(payload: Json) -> list[Json]:
    """messageHistory, else the stock integration's `messages`; entries of no use are left out."""
    entries = payload.get("messageHistory")
    if isinstance(entries, list) and entries:
        return [line for entry in entries[-MAX_HISTORY:] if (line := _history_entry(entry))]
    lines = payload.get("messages")
    found: list[Json] = []
    for line in lines[-MAX_HISTORY:] if isinstance(lines, list) else []:
        if isinstance(line, dict) and (text := _text(line, "text").strip()):
            by_bot = _text(line, "author").lower() in ("bot", "assistant", "system")
            source = {"type": "bot" if by_bot else "user"}
            found.append({"source": source, "type": "text", "payload": {"text": text}})
    return found


def _history_entry(entry: Any) -> Json | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("payload"), dict):
        return None
    source = entry.get("source")
    by_user = isinstance(source, dict) and source.get("type") == "user"
    content = {"type": entry.get("type"), **entry["payload"]}
    kind, payload = message(content)
    if kind not in HISTORY:
        return None
    return {"source": {"type": "user" if by_user else "bot"}, "type": kind, "payload": payload}


def _text(source: Json, name: str, limit: int | None = None) -> str:
    value = source.get(name)
    return value[:limit] if isinstance(value, str) else ""


def _refuse(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _storable(value: Any, depth: int) -> Any:
    """The value without NUL and halves of surrogate pairs. Raises ValueError where it is no use."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(key, depth): _storable(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner, depth + 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("out of range")
    return value
