"""Texts for Intercom: notes in its simple HTML, and whether two texts are the same words."""

from __future__ import annotations

from bs4 import BeautifulSoup

from providers.html import inline, looks_like_html
from providers.render import split_text
from providers.texts import about_matter, about_person, said, said_at, without_space
from providers.types import OpenRequest

# Intercom documents no limit; its own composer gets slow far beyond this.
TEXT_LIMIT = 5000


def briefing(request: OpenRequest) -> list[str]:
    """Notes for the agent: the matter, the person, the whole transcript, as HTML."""
    known = [*about_person(request.person), *about_matter(request)]
    blocks = [block for label, text in known for block in _blocks(label, text)]
    if request.transcript:
        blocks.append("<p><b>Conversation so far</b></p>")
        for line in request.transcript:
            blocks += _blocks(f"{line.author_name}{said_at(line)}", said(line))
    notes = [""]
    for block in blocks:
        if notes[-1] and len(notes[-1]) + len(block) > TEXT_LIMIT:
            notes.append("")
        notes[-1] += block
    return notes


def same_words(one: str, other: str) -> bool:
    """Whether both are one text, however Intercom wrapped or escaped it."""
    return not _forms(one).isdisjoint(_forms(other))


def _forms(text: str) -> set[str]:
    """The text as it is and, if it is markup, as it reads; white space does not count."""
    forms = {without_space(text)}
    if looks_like_html(text) or "&" in text:
        forms.add(without_space(BeautifulSoup(text, "html.parser").get_text()))
    return forms


def _blocks(label: str, text: str) -> list[str]:
    """A labelled paragraph; a text beyond the limit goes on in further ones."""
    first, *rest = split_text(text, TEXT_LIMIT // 2) or [""]
    lines = [f"<b>{inline(label)}:</b> {inline(first)}", *map(inline, rest)]
    return [f"<p>{line}</p>" for line in lines]
