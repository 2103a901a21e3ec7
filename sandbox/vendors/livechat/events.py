"""Events that are sent through the APIs, made into what the desk understands; and files.

https://platform.text.com/docs/messaging/customer-chat-api/data-structures#events
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from sandbox import files
from sandbox.desk import Said
from sandbox.environment import SANDBOX_URL
from sandbox.models import StoredFile
from sandbox.texts import text_to_html
from sandbox.vendors.livechat.errors import ApiError
from sandbox.vendors.livechat.http import Call, invalid

Json = dict[str, Any]
MAX_TEXT = 16 * 1024  # bytes of UTF-8
MAX_FILE = 10 * 1024 * 1024  # bytes
MAX_ELEMENTS = 10
UNSENT = timedelta(hours=24)  # life of a file that no event mentions
EXECUTABLE = {".exe", ".bat", ".cmd", ".com", ".msi", ".scr", ".sh", ".app", ".jar", ".dll"}
TEMPLATES = ("cards", "sticker", "quick_replies")


@dataclass(frozen=True)
class Sent:
    """An event as it was sent: what it says, and the fields that a part has no place for."""

    said: Said
    extra: Json = field(default_factory=dict)
    private: bool = False


def read(call: Call, event: Any) -> Sent:
    """Check an event. Raises ApiError."""
    if not isinstance(event, dict):
        raise invalid("`event` is required")
    readers = {
        "message": _message,
        "file": _file,
        "system_message": _system_message,
        "rich_message": _rich_message,
    }
    reader = readers.get(str(event.get("type")))
    if reader is None:
        raise invalid("`event.type` is not supported")
    said, extra = reader(call, event)
    visibility = event.get("visibility", "all")
    if visibility not in ("all", "agents") or (call.customer and "visibility" in event):
        raise invalid("`event.visibility` is invalid")
    kept = {name: event[name] for name in ("custom_id", "properties") if event.get(name)}
    return Sent(said, kept | extra, visibility == "agents")


def _text(call: Call, event: Json) -> str:
    text = call.text("text", event)
    if len(text.encode()) > MAX_TEXT:
        raise invalid("`event.text` is too long: 16 KB at most")
    return text


def _message(call: Call, event: Json) -> tuple[Said, Json]:
    text = _text(call, event)
    postback = event.get("postback")
    return Said(text_to_html(text), text), {"postback": postback} if postback else {}


def _system_message(call: Call, event: Json) -> tuple[Said, Json]:
    text = _text(call, event)
    extra = {
        "type": "system_message",
        "system_message_type": call.text("system_message_type", event),
    }
    return Said(text_to_html(text), text), extra


def _rich_message(call: Call, event: Json) -> tuple[Said, Json]:
    elements = event.get("elements")
    if event.get("template_id") not in TEMPLATES:
        raise invalid("`event.template_id` is invalid")
    if not isinstance(elements, list) or not 0 < len(elements) <= MAX_ELEMENTS:
        raise invalid("`event.elements` must hold 1 to 10 elements")
    lines = []
    for element in elements:
        lines += [str(element.get("title", "")), str(element.get("subtitle", ""))]
        lines += [f"[{button.get('text', '')}]" for button in element.get("buttons", [])]
    text = "\n".join(filter(None, lines))
    extra = {
        "type": "rich_message",
        "template_id": event["template_id"],
        "elements": elements,
    }
    return Said(text_to_html(text), text), extra


def _file(call: Call, event: Json) -> tuple[Said, Json]:
    """A file lives on LiveChat's own server; once an event mentions it, for good."""
    stored = _stored(call.text("url", event))
    if stored is None:
        raise invalid("`event.url` must point to the LiveChat CDN")
    StoredFile.objects.filter(pk=stored.pk).update(expires_at=None)
    extra = {"alternative_text": str(event.get("alternative_text") or "")}
    return Said(attachments=[files.attachment(stored) | extra]), {}


def _stored(url: str) -> StoredFile | None:
    path = PurePosixPath(unquote(urlsplit(url).path)).parts
    if not url.startswith(f"{SANDBOX_URL}/files/") or len(path) < 3:
        return None
    found = StoredFile.objects.filter(token=path[2]).first()
    return found if found and not (found.expires_at and found.expires_at < timezone.now()) else None


def upload(call: Call) -> Json:
    """upload_file: multipart with `file`."""
    given = call.request.FILES.get("file")
    if not isinstance(given, UploadedFile):
        raise invalid("`file` is required")
    if (given.size or 0) > MAX_FILE:
        raise ApiError("entity_too_large")
    name = str(given.name or "file")
    if PurePosixPath(name.lower()).suffix in EXECUTABLE:
        raise invalid("Executable files are not allowed")
    kind = given.content_type or ""
    stored = files.store(name, given.read(), kind, UNSENT.total_seconds())
    return {"url": files.url_of(stored)}
