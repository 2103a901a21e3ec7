"""Texts for HubSpot: the first words, notes as text and as HTML, and comparing words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from html import escape

from providers.hubspot.declaration import ticket_properties
from providers.render import split_text
from providers.types import OpenRequest, TranscriptLine

# HubSpot documents no limit; its inbox folds longer messages.
TEXT_LIMIT = 5000
_SPACE = re.compile(r"\s+")


def opening_words(request: OpenRequest) -> str:
    """What the thread starts with, in the customer's name: if possible their own words."""
    own = [line.text for line in request.transcript if line.author == "user" and line.text.strip()]
    words = own[-1] if own else request.description or request.title
    return (words.strip() or "I would like to talk to a person.")[:TEXT_LIMIT]


def briefing(request: OpenRequest) -> list[str]:
    """Comments for the agent, as plain texts: the matter, the person, the whole transcript."""
    person = request.person
    known = [
        ("Name", person.name),
        ("E-mail", person.email),
        ("Phone", person.phone),
        ("Subject", request.title),
        ("Description", request.description),
        *ticket_properties(request.session).items(),
    ]
    lines = [f"{label}: {value}" for label, value in known if value not in ("", None)]
    if request.transcript:
        lines += ["", "Conversation so far"]
        lines += [_line(line) for line in request.transcript]
    return list(_packed(lines))


def html(text: str) -> str:
    """A text that a chatbot or its user wrote, as harmless HTML."""
    return "<p>" + escape(text.strip(), quote=False).replace("\n", "<br>") + "</p>"


def same_words(one: str, other: str) -> bool:
    """Whether both are one text; white space does not count."""
    return _SPACE.sub("", one) == _SPACE.sub("", other)


def _packed(lines: list[str]) -> Iterator[str]:
    """The lines in as few texts as the limit allows."""
    packed = ""
    for line in lines:
        for part in split_text(line, TEXT_LIMIT) or [""]:
            if packed and len(packed) + 1 + len(part) > TEXT_LIMIT:
                yield packed.strip()
                packed = ""
            packed += f"\n{part}" if packed else part
    if packed.strip():
        yield packed.strip()


def _line(line: TranscriptLine) -> str:
    when = f" ({line.created_at.astimezone(UTC):%H:%M} UTC)" if line.created_at else ""
    media = line.media_url if line.media_url not in line.text else ""
    return f"{line.author_name}{when}: " + "\n".join(filter(None, [line.text, media]))
