"""Serving the files of agents' messages to whoever has a signed address.

What agents upload is anybody's: it never runs here. Its type is one of a safe list or none, a
browser is told not to guess, and what it shows by itself it shows in an empty sandbox.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.core.files import File
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from conversations.flows import file_types, media

CHUNK = 64 * 1024
HEADERS = {
    "Cache-Control": "private, max-age=300",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


@require_safe
def serve(request: HttpRequest, media_id: str, signature: str, filename: str) -> HttpResponseBase:
    """GET /media/<id>/<signature>/<filename>; the file name is there for people to read."""
    del filename
    kept = media.signed(media_id, signature)
    if kept is None:
        raise Http404
    try:
        file = kept.file.open()
    except FileNotFoundError:
        raise Http404 from None
    type_ = file_types.of_name(kept.content_type)
    response = FileResponse(
        file,
        as_attachment=not type_.inline,
        filename=kept.name,
        content_type=type_.content_type,
        headers=HEADERS,
    )
    response.block_size = CHUNK
    if request.method == "HEAD":
        response.close()
        return HttpResponse(headers=dict(response.items()))
    if isinstance(request, ASGIRequest):
        # Django would read the whole file into memory first.
        response.streaming_content = _chunks(file)
    return response


async def _chunks(file: File[bytes]) -> AsyncIterator[bytes]:
    read = sync_to_async(file.read, thread_sensitive=False)
    while chunk := await read(CHUNK):
        yield chunk
