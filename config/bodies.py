"""The limit on bodies under ASGI, where Django stores a whole one before it looks at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

REFUSAL = (
    b'{"type": "urn:hitl-bridge:too-large", "title": "The body is too large", "status": 413, '
    b'"detail": "The body is larger than what is taken."}'
)


class _TooLarge(Exception):
    """More has come than what is taken."""


def bounded(app: App) -> App:
    """The application, whose requests end with 413 at DATA_UPLOAD_MAX_MEMORY_SIZE."""

    async def answer(scope: Any, receive: Receive, send: Send) -> None:
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        if scope["type"] != "http" or not limit:
            await app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > limit:
            await _refuse(send)
            return
        try:
            await app(scope, _counting(receive, limit), send)
        except _TooLarge:  # while Django read it, ahead of any answer
            await _refuse(send)

    return answer


def _counting(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _TooLarge
        return message

    return counted


async def _refuse(send: Send) -> None:
    """And hang up: whatever is still coming would only be read to be thrown away."""
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(REFUSAL)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSAL})
