"""Attachments: kept in the database, served under an address that cannot be guessed."""

from __future__ import annotations

import mimetypes
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from sandbox.environment import SANDBOX_URL
from sandbox.models import StoredFile, new_token

# What a browser may show by itself; all else is offered as a download.
INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/", "text/plain")


def store(
    name: str,
    data: bytes,
    content_type: str = "",
    ttl: float | None = None,
    *,
    owner: str = "",
) -> StoredFile:
    """Keep a file. With `ttl` (seconds) its address dies, as signed vendor addresses do.
    `owner` begins the token, for vendors whose files are found by id."""
    guessed = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return StoredFile.objects.create(
        name=name.replace("/", "_")[:255] or "file",
        content_type=guessed[:100],
        data=data,
        token=f"{owner}-{new_token()}" if owner else new_token(),
        expires_at=timezone.now() + timedelta(seconds=ttl) if ttl else None,
    )


def url_of(stored: StoredFile) -> str:
    """The file's absolute address."""
    return f"{SANDBOX_URL}/files/{stored.token}/{quote(stored.name)}"


def attachment(stored: StoredFile) -> dict[str, Any]:
    """The file as a part's attachment."""
    return {
        "id": stored.pk,
        "name": stored.name,
        "url": url_of(stored),
        "content_type": stored.content_type,
        "size": len(stored.data),
    }


def serve(request: HttpRequest, token: str, name: str) -> HttpResponse:
    """GET /files/<token>/<name>."""
    stored = get_object_or_404(StoredFile, token=token)
    if stored.expires_at and stored.expires_at < timezone.now():
        return HttpResponse("Request has expired", status=403, content_type="text/plain")
    response = HttpResponse(bytes(stored.data), content_type=stored.content_type)
    how = "inline" if stored.content_type.startswith(INLINE) else "attachment"
    response["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(stored.name)}"
    return response
