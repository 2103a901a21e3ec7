"""A bot's or customer's file, fetched to be handed to a help desk."""

from __future__ import annotations

from typing import TypeAlias

from providers.base import Connection
from providers.errors import ProviderError, RateLimited
from providers.http import MAX_RESPONSE_BYTES, READ_TIMEOUT
from providers.render import MediaPiece

# Name, content and MIME type: as requests takes a file.
Upload: TypeAlias = tuple[str, bytes, str]


def fetched(
    connection: Connection,
    piece: MediaPiece,
    *,
    max_bytes: int = MAX_RESPONSE_BYTES,
    timeout: float = READ_TIMEOUT,
) -> Upload | None:
    """The piece's file; None if it can't be had or is too large: then send `piece.fallback`.

    `timeout` is seconds. Raises RateLimited.
    """
    if not piece.is_fetchable:
        return None
    try:
        answer = connection.http.request("GET", piece.url, timeout=timeout, max_bytes=max_bytes)
    except RateLimited:
        raise  # our own count, which says nothing about the file
    except ProviderError:
        return None
    if not answer.ok:
        return None
    vague = answer.media_type in ("", "application/octet-stream", "text/plain")
    return piece.filename, answer.content, piece.mime_type if vague else answer.media_type
