"""Plain text to the HTML that help desks store, and back."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

import nh3

BLOCKS = {"p", "div", "li", "ul", "ol", "h1", "h2", "h3", "pre", "blockquote", "tr", "table"}
SHOWN_TAGS = BLOCKS | {"a", "b", "strong", "i", "em", "u", "br", "code", "img", "span", "hr"}
LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


def text_to_html(text: str) -> str:
    """Paragraphs and line breaks, with addresses made into links, as a composer does."""
    paragraphs = re.split(r"\n{2,}", text.strip())
    return "".join(f"<p>{_line(paragraph)}</p>" for paragraph in paragraphs if paragraph)


def _line(text: str) -> str:
    """Escape first and link afterwards: what a customer types is never markup."""

    def link(match: re.Match[str]) -> str:
        return f'<a href="{match[0]}" rel="nofollow noopener noreferrer">{match[0]}</a>'

    return LINK.sub(link, escape(text)).replace("\n", "<br>")


def html_to_text(html: str) -> str:
    """Readable text: blocks become lines, a link becomes `label (address)`."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(reader.out))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def clean_html(html: str) -> str:
    """The same HTML without anything that could run or load in our own pages."""
    return nh3.clean(
        html,
        tags=SHOWN_TAGS,
        attributes={"a": {"href"}, "img": {"src", "alt"}},
        url_schemes={"http", "https", "mailto"},
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.link = ""
        self.label: list[str] = []
        self.skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"script", "style"}:
            self.skipping += 1
        elif tag == "a":
            self.link, self.label = values.get("href") or "", []
        elif tag == "img":
            self.out.append(f'[Image "{values.get("alt") or "image"}"]')
        elif tag == "br":
            self.out.append("\n")
        elif tag == "li":
            self.out.append("\n- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self.skipping = max(0, self.skipping - 1)
        elif tag == "a":
            if self.link and "".join(self.label).strip() != self.link:
                self.out.append(f" ({self.link})")
            self.link = ""
        elif tag == "p":
            self.out.append("\n\n")
        elif tag in BLOCKS:
            self.out.append("\n")

    def handle_data(self, data: str) -> None:
        if self.skipping:
            return
        self.out.append(data)
        if self.link:
            self.label.append(data)
