"""What is said of a handoff, in words that suit any help desk."""

from __future__ import annotations

import re
from datetime import UTC

from providers.types import OpenRequest, Person, TranscriptLine

_SPACE = re.compile(r"\s+")


def opening_words(request: OpenRequest, limit: int) -> str:
    """What a ticket starts with, in the customer's name: if possible their own words.

    At most `limit` characters.
    """
    own = [line.text for line in request.transcript if line.author == "user" and line.text.strip()]
    words = own[-1] if own else request.description or request.title
    return (words.strip() or "I would like to talk to a person.")[:limit]


def about_person(person: Person) -> list[tuple[str, str]]:
    """What is known of the customer, as (label, text)."""
    known = [("Name", person.name), ("E-mail", person.email), ("Phone", person.phone)]
    return [(label, text) for label, text in known if text]


def about_matter(request: OpenRequest) -> list[tuple[str, str]]:
    """What the bot says of the handoff, as (label, text)."""
    known = [("Subject", request.title), ("Description", request.description)]
    return [(label, text) for label, text in known if text]


def said(line: TranscriptLine) -> str:
    """The line's words, and the address of its file unless they hold it already."""
    link = "" if line.media_url in line.text else line.media_url
    return "\n".join(filter(None, [line.text, link]))


def said_at(line: TranscriptLine) -> str:
    """When that was, to stand behind a name: " (09:30 UTC)"; empty if it is not known."""
    return f" ({line.created_at.astimezone(UTC):%H:%M} UTC)" if line.created_at else ""


def same_words(one: str, other: str) -> bool:
    """Whether both are one text; white space does not count."""
    return without_space(one) == without_space(other)


def without_space(text: str) -> str:
    """The text without any white space, to compare it."""
    return _SPACE.sub("", text)
