"""Texts for Intercom: notes in its simple HTML, and whether two texts are the same words."""

from __future__ import annotations

import re
from datetime import UTC
from html import escape

from bs4 import BeautifulSoup

from providers.html import looks_like_html
from providers.render import split_text
from providers.types import OpenRequest, TranscriptLine

# Intercom documents no limit; its own composer gets slow far beyond this.
TEXT_LIMIT = 5000
_SPACE = re.compile(r"\s+")


def opening_words(request: OpenRequest) -> str:
    """What the conversation starts with, in the customer's name: if possible their own words."""
    own = [line.text for line in request.transcript if line.author == "user" and line.text.strip()]
    words = own[-1] if own else request.description or request.title
    return (words.strip() or "I would like to talk to a person.")[:TEXT_LIMIT]


def briefing(request: OpenRequest) -> list[str]:
    """Notes for the agent: the matter, the person, the whole transcript, as HTML."""
    person = request.person
    known = [
        ("Name", person.name),
        ("E-mail", person.email),
        ("Phone", person.phone),
        ("Subject", request.title),
        ("Description", request.description),
    ]
    blocks = [block for label, text in known if text for block in _blocks(label, text)]
    if request.transcript:
        blocks.append("<p><b>Conversation so far</b></p>")
        blocks += [block for line in request.transcript for block in _line(line)]
    notes = [""]
    for block in blocks:
        if notes[-1] and len(notes[-1]) + len(block) > TEXT_LIMIT:
            notes.append("")
        notes[-1] += block
    return notes


def note(text: str) -> str:
    """A plain text as a note."""
    return f"<p>{paragraph(text)}</p>"


def paragraph(text: str) -> str:
    """A text that a chatbot or its user wrote, harmless inside a paragraph."""
    return escape(text.strip(), quote=False).replace("\n", "<br>")


def same_words(one: str, other: str) -> bool:
    """Whether both are one text, however Intercom wrapped or escaped it."""
    return not _forms(one).isdisjoint(_forms(other))


def _forms(text: str) -> set[str]:
    """The text as it is and, if it is markup, as it reads; white space does not count."""
    forms = {_SPACE.sub("", text)}
    if looks_like_html(text) or "&" in text:
        forms.add(_SPACE.sub("", BeautifulSoup(text, "html.parser").get_text()))
    return forms


def _line(line: TranscriptLine) -> list[str]:
    when = f" ({line.created_at.astimezone(UTC):%H:%M} UTC)" if line.created_at else ""
    words = "\n".join(filter(None, [line.text, line.media_url]))
    return _blocks(f"{line.author_name}{when}", words)


def _blocks(label: str, text: str) -> list[str]:
    """A labelled paragraph; a text beyond the limit goes on in further ones."""
    first, *rest = split_text(text, TEXT_LIMIT // 2) or [""]
    lines = [f"<b>{paragraph(label)}:</b> {paragraph(first)}", *map(paragraph, rest)]
    return [f"<p>{line}</p>" for line in lines]
