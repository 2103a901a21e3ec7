"""What agents read first in HubSpot."""

from __future__ import annotations

from collections.abc import Iterator

from providers.hubspot.declaration import ticket_properties
from providers.render import split_text
from providers.texts import about_matter, about_person, said, said_at
from providers.types import OpenRequest

# HubSpot documents no limit; its inbox folds longer messages.
TEXT_LIMIT = 5000


def briefing(request: OpenRequest) -> list[str]:
    """Comments for the agent, as plain texts: the matter, the person, the whole transcript."""
    asked = ticket_properties(request.session).items()
    known = [
        *about_person(request.person),
        *about_matter(request),
        *((label, value) for label, value in asked if value not in ("", None)),
    ]
    lines = [f"{label}: {value}" for label, value in known]
    if request.transcript:
        lines += ["", "Conversation so far"]
        lines += [f"{line.author_name}{said_at(line)}: {said(line)}" for line in request.transcript]
    return list(_packed(lines))


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
