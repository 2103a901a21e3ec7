"""Messages of every type as what any help desk can take: texts and media.

The payloads are those of the HITL interface 2.1.0 (see `MessageType`).
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

MEDIA_KEYS = {"image": "imageUrl", "audio": "audioUrl", "video": "videoUrl", "file": "fileUrl"}


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Plain text, within the limit that was asked for."""

    text: str


@dataclass(frozen=True, slots=True)
class MediaPiece:
    """A file to send as a file, or as `fallback` where the vendor takes none."""

    kind: str  # image, audio, video, file
    url: str
    title: str = ""

    @property
    def is_fetchable(self) -> bool:
        """Whether the address is one that a file can be fetched from."""
        return self.url.startswith(("https://", "http://"))

    @property
    def filename(self) -> str:
        """The address's last part, else a name that says what it is."""
        name = PurePosixPath(unquote(urlsplit(self.url).path)).name
        return name or f"{self.kind}{mimetypes.guess_extension(self.mime_type) or ''}"

    @property
    def mime_type(self) -> str:
        """By the address's ending, else by the kind."""
        guessed, _ = mimetypes.guess_type(urlsplit(self.url).path)
        usual = {"image": "image/png", "audio": "audio/mpeg", "video": "video/mp4"}
        return guessed or usual.get(self.kind, "application/octet-stream")

    @property
    def fallback(self) -> str:
        """A line of text that leads to the file."""
        label = self.title or self.kind.capitalize()
        return f"{label}: {self.url}"


Piece: TypeAlias = TextPiece | MediaPiece


def pieces(type_: str, payload: Mapping[str, Any], limit: int) -> tuple[Piece, ...]:
    """What a message becomes, in order; texts hold at most `limit` characters each."""
    found: list[Piece] = []
    for piece in _PIECES.get(type_, _unknown)(payload):
        if isinstance(piece, TextPiece):
            found.extend(TextPiece(part) for part in split_text(piece.text, limit))
        else:
            found.append(piece)
    return tuple(found)


def as_text(type_: str, payload: Mapping[str, Any]) -> str:
    """The message as one readable text, media as links."""
    return "\n".join(
        piece.text if isinstance(piece, TextPiece) else piece.fallback
        for piece in _PIECES.get(type_, _unknown)(payload)
    )


def readings(piece: Piece) -> list[str]:
    """How the piece's text may read at a help desk; the last reading needs no file."""
    if isinstance(piece, TextPiece):
        return [piece.text]
    return [piece.title or piece.filename, piece.fallback]


def split_text(text: str, limit: int) -> list[str]:
    """Parts of at most `limit` characters, cut at a paragraph, a line, a word, or anywhere."""
    parts = []
    rest = text.strip()
    while len(rest) > limit:
        cut = -1
        for mark in ("\n\n", "\n", " "):  # a better kind of break beats a later one
            cut = rest.rfind(mark, limit // 2, limit)
            if cut > 0:
                break
        cut = cut if cut > 0 else limit
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*parts, rest] if rest else parts


def _text(payload: Mapping[str, Any]) -> Iterator[Piece]:
    yield TextPiece(str(payload.get("text", "")))


def _markdown(payload: Mapping[str, Any]) -> Iterator[Piece]:
    yield TextPiece(str(payload.get("markdown", "")))


def _media(kind: str) -> Callable[[Mapping[str, Any]], Iterator[Piece]]:
    def render(payload: Mapping[str, Any]) -> Iterator[Piece]:
        yield MediaPiece(
            kind, str(payload.get(MEDIA_KEYS[kind], "")), str(payload.get("title") or "")
        )

    return render


def _location(payload: Mapping[str, Any]) -> Iterator[Piece]:
    latitude, longitude = payload.get("latitude"), payload.get("longitude")
    label = " - ".join(str(payload[key]) for key in ("title", "address") if payload.get(key))
    link = f"https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}"
    yield TextPiece("\n".join(filter(None, ["Location: " + label if label else "Location:", link])))


def _card(payload: Mapping[str, Any]) -> Iterator[Piece]:
    if payload.get("imageUrl"):
        yield MediaPiece("image", str(payload["imageUrl"]), str(payload.get("title") or ""))
    lines = [str(payload[key]) for key in ("title", "subtitle") if payload.get(key)]
    for action in payload.get("actions") or []:
        label, value = str(action.get("label", "")), str(action.get("value", ""))
        lines.append(f"- {label}: {value}" if action.get("action") == "url" else f"- {label}")
    yield TextPiece("\n".join(lines))


def _carousel(payload: Mapping[str, Any]) -> Iterator[Piece]:
    for item in payload.get("items") or []:
        yield from _card(item)


def _choice(payload: Mapping[str, Any]) -> Iterator[Piece]:
    labels = [str(option.get("label", "")) for option in payload.get("options") or []]
    yield TextPiece("\n".join([str(payload.get("text", "")), *(f"- {label}" for label in labels)]))


def _bloc(payload: Mapping[str, Any]) -> Iterator[Piece]:
    for item in payload.get("items") or []:
        yield from _PIECES.get(str(item.get("type")), _unknown)(item.get("payload") or {})


def _unknown(payload: Mapping[str, Any]) -> Iterator[Piece]:
    yield TextPiece(str(payload.get("text") or "(a message of a kind that can't be shown here)"))


_PIECES: dict[str, Callable[[Mapping[str, Any]], Iterator[Piece]]] = {
    "text": _text,
    "markdown": _markdown,
    "location": _location,
    "card": _card,
    "carousel": _carousel,
    "choice": _choice,
    "dropdown": _choice,
    "bloc": _bloc,
    **{kind: _media(kind) for kind in MEDIA_KEYS},
}
