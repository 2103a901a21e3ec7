"""Help desks' HTML to the Markdown that bots show, and bots' texts to harmless HTML."""

from __future__ import annotations

import re
from html import escape

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

_TAG = re.compile(r"<(?:/?[a-zA-Z][a-zA-Z0-9]*)(?:\s[^<>]*)?/?>")
_LINK = re.compile(r"^(https?|mailto|tel):", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


class _Converter(MarkdownConverter):
    """Safe links only; images are taken out beforehand, they travel as messages of their own."""

    def convert_a(self, el, text, parent_tags):  # type: ignore[no-untyped-def]
        href = el.get("href") or ""
        if not _LINK.match(href):
            return text
        if text.strip() in (href, href.removeprefix("mailto:")):
            return text
        return super().convert_a(el, text, parent_tags)  # type: ignore[misc]


def looks_like_html(body: str) -> bool:
    """Whether the text holds markup, as opposed to a plain text with a stray `<`."""
    return bool(_TAG.search(body))


def to_markdown(body: str) -> tuple[str, list[str]]:
    """(Markdown, addresses of the images in it); a plain text comes back as it is.

    Scripts, styles and links to anything but http(s), mailto and tel are left out.
    """
    if not looks_like_html(body):
        return body.strip(), []
    soup = BeautifulSoup(body, "html.parser")
    for tag in soup(["script", "style", "template", "iframe", "object"]):
        tag.decompose()
    images: list[str] = []
    for image in soup("img"):
        source = str(image.get("src") or "")
        if source.startswith(("https://", "http://")) and source not in images:
            images.append(source)
        image.decompose()
    converter = _Converter(
        heading_style="atx",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
        newline_style="backslash",
    )
    text = converter.convert_soup(soup).replace("\\\n", "\n")
    return _BLANK_LINES.sub("\n\n", text).strip(), images


def paragraph(text: str) -> str:
    """A text that a chatbot or its user wrote, as a harmless paragraph."""
    return f"<p>{inline(text)}</p>"


def inline(text: str) -> str:
    """The same, to stand inside a paragraph."""
    return escape(text.strip(), quote=False).replace("\n", "<br>")
