"""What an agent sent, as messages that every bot can show."""

from __future__ import annotations

from collections.abc import Iterator

from providers.livechat.models import Element, Event
from providers.render import MEDIA_KEYS
from providers.types import Content, MessageType

MEDIA_KINDS: dict[str, MessageType] = {"image": "image", "audio": "audio", "video": "video"}
LINKS = frozenset({"url", "webview", "phone"})  # buttons that lead somewhere


def contents_of(event: Event) -> tuple[Content, ...]:
    """The contents of a message, a file or a rich message; nothing for other kinds."""
    if event.type == "message":
        text = event.text.strip()
        return (Content("text", {"text": text}),) if text else ()
    if event.type == "file":
        return tuple(_file(event))
    if event.type == "rich_message":
        return tuple(content for element in event.elements for content in _element(element))
    return ()


def _file(event: Event) -> Iterator[Content]:
    if not event.url.startswith(("https://", "http://")):
        return
    kind = MEDIA_KINDS.get(event.content_type.partition("/")[0], "file")
    title = {"title": event.name} if event.name else {}
    yield Content(kind, {MEDIA_KEYS[kind]: event.url, **title})


def _element(element: Element) -> Iterator[Content]:
    """A card: its picture, its words with the links, and what can be answered as a choice."""
    if element.image and element.image.url.startswith(("https://", "http://")):
        yield Content("image", {"imageUrl": element.image.url})
    links = [
        f"{button.text}: {button.value}" if button.text else button.value
        for button in element.buttons
        if button.type in LINKS and button.value
    ]
    text = "\n".join(filter(None, [element.title, element.subtitle, *links]))
    answers = [
        {"label": button.text, "value": button.value or button.text}
        for button in element.buttons
        if button.type not in LINKS and button.text
    ]
    if answers:
        yield Content("choice", {"text": text or "Please choose:", "options": answers})
    elif text:
        yield Content("text", {"text": text})
