"""What a file is, by its first bytes: what a help desk or a file name says is not believed."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileType:
    """A kind of file that may be served by its own type, because browsers run nothing in it."""

    content_type: str
    suffix: str
    inline: bool = True  # whether a browser may show it by itself


UNKNOWN = FileType("application/octet-stream", "", inline=False)

# Pictures, sounds and films only: never HTML, SVG, XML or text, which browsers run or guess at.
_TYPES: tuple[tuple[bytes, FileType], ...] = (
    (rb"\x89PNG\r\n\x1a\n", FileType("image/png", ".png")),
    (rb"\xff\xd8\xff", FileType("image/jpeg", ".jpg")),
    (rb"GIF8[79]a", FileType("image/gif", ".gif")),
    (rb"RIFF.{4}WEBP", FileType("image/webp", ".webp")),
    (rb".{4}ftypavi[fs]", FileType("image/avif", ".avif")),
    (rb".{4}ftyp(?:hei[cx]|mif1)", FileType("image/heic", ".heic", inline=False)),
    (rb".{4}ftypM4[AB]", FileType("audio/mp4", ".m4a")),
    (rb".{4}ftypqt", FileType("video/quicktime", ".mov")),
    (rb".{4}ftyp", FileType("video/mp4", ".mp4")),
    (rb"\x1aE\xdf\xa3", FileType("video/webm", ".webm")),
    (rb"ID3|\xff[\xfa\xfb\xf2\xf3]", FileType("audio/mpeg", ".mp3")),
    (rb"\xff[\xf0\xf1\xf8\xf9]", FileType("audio/aac", ".aac")),
    (rb"OggS", FileType("audio/ogg", ".ogg")),
    (rb"RIFF.{4}WAVE", FileType("audio/wav", ".wav")),
    (rb"fLaC", FileType("audio/flac", ".flac")),
    (rb"#!AMR", FileType("audio/amr", ".amr", inline=False)),
    (rb"%PDF-", FileType("application/pdf", ".pdf", inline=False)),
)
_PATTERNS = tuple((re.compile(start, re.DOTALL), type_) for start, type_ in _TYPES)
_BY_NAME = {type_.content_type: type_ for _, type_ in _TYPES}


def of_content(content: bytes) -> FileType:
    """The type that the file's first bytes show; UNKNOWN for all that is not on the list."""
    return next((type_ for start, type_ in _PATTERNS if start.match(content)), UNKNOWN)


def of_name(content_type: str) -> FileType:
    """The type of that name, if it is on the list, else UNKNOWN."""
    return _BY_NAME.get(content_type, UNKNOWN)
