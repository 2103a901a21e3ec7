"""Texts for LiveChat: what an agent reads first, and LiveChat's limit."""

from __future__ import annotations

from providers.render import split_text
from providers.texts import about_matter, about_person, said, said_at
from providers.types import OpenRequest

MAX_BYTES = 16_000  # of UTF-8; LiveChat says 16 KB
BYTES_PER_CHARACTER = 4  # at most


def limit_for(*texts: str) -> int:
    """How many characters of these texts are sure to fit into one event."""
    plain = all(text.isascii() for text in texts)
    return MAX_BYTES if plain else MAX_BYTES // BYTES_PER_CHARACTER


def bot_line(name: str) -> str:
    """What stands before a bot's words, so that nobody takes them for the customer's."""
    return f"{name[:100]} (bot): "


def briefing(request: OpenRequest) -> list[str]:
    """The chat's first texts: the matter, the person, the whole transcript."""
    known = [*about_matter(request), *about_person(request.person)]
    lines = [f"{label}: {text}" for label, text in known]
    if request.transcript:
        lines += ["", "Conversation with the chatbot so far:"]
    for line in request.transcript:
        who = f"{line.author_name} (bot)" if line.author == "bot" else line.author_name
        lines.append(f"{who}{said_at(line)}: {said(line)}")
    text = "\n".join(lines).strip() or "The customer would like to talk to a person."
    return split_text(text, limit_for(text))
