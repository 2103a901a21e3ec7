"""Fetching the files of agents' messages before the help desk's links to them die."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import structlog
from django.conf import settings

from conversations.flows import media
from conversations.flows.inbound import message_key
from conversations.models import Conversation, Message
from providers.base import Journal, Provider
from providers.errors import Permanent, ProviderError, Retry
from providers.http import error_for_status
from providers.render import MEDIA_KEYS, MediaPiece
from providers.types import AgentMessage, Content, InboundEvent

log = structlog.get_logger(__name__)

PATIENCE = 10.0  # seconds for one file, with all tries; the customer waits for the message
TRIES = 2
REDIRECTS = 3  # a help desk's links often lead to its storage
MAX_FILES = 20  # of one content; what is beyond keeps its link

_KEYS = {**MEDIA_KEYS, "card": "imageUrl"}


def has_media(event: InboundEvent) -> bool:
    """Whether the event shows files that are not kept here (yet)."""
    if not isinstance(event, AgentMessage):
        return False
    found: list[str] = []

    def note(url: str, title: str) -> str:
        del title
        found.append(url)
        return url

    for content in event.contents:
        _with_addresses(content.type, content.payload, note)
    return bool(found)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches for one delivery of one conversation."""

    provider: Provider
    conversation: Conversation
    journal: Journal

    def with_our_addresses(self, event: InboundEvent) -> InboundEvent:
        """The event with its files fetched and kept; a file that can't be had keeps its link."""
        if not isinstance(event, AgentMessage) or not has_media(event):
            return event
        keys = [message_key(event, part) for part in range(len(event.contents))]
        # Catching up tells again what was taken in long ago.
        known = set(
            Message.objects.filter(conversation=self.conversation, effect_key__in=keys).values_list(
                "effect_key", flat=True
            )
        )
        contents = tuple(
            content if key in known else self._kept(key, content)
            for key, content in zip(keys, event.contents, strict=True)
        )
        return replace(event, contents=contents)

    def _kept(self, key: str, content: Content) -> Content:
        positions = itertools.count()

        def keep(url: str, title: str) -> str:
            return self._address(key, next(positions), url, title) or url

        return replace(content, payload=_with_addresses(content.type, content.payload, keep))

    def _address(self, key: str, position: int, url: str, title: str) -> str:
        """Our address of the file, the same for every attempt at the delivery; or nothing."""
        if position >= MAX_FILES:
            return ""

        def find(_: object) -> str | None:
            kept = media.stored(self.conversation, key, position)
            return media.address(kept) if kept else None

        def keep() -> str:
            return find(None) or self._keep(key, position, url, title)

        return self.journal.once(f"media-{key}-{position}", keep, find)

    def _keep(self, key: str, position: int, url: str, title: str) -> str:
        try:
            content = self._fetch(url)
            name = title or MediaPiece("file", url).filename
            return media.address(media.store(self.conversation, key, position, name, content))
        except (ProviderError, OSError) as error:
            # The host alone: the rest of such an address may be all that it takes to read it.
            host = urlsplit(url).hostname
            log.warning("media_not_kept", message=key, host=host, error=type(error).__name__)
            return ""

    def _fetch(self, url: str) -> bytes:
        """The file's contents. Raises ProviderError."""
        deadline = time.monotonic() + PATIENCE
        for _ in range(TRIES - 1):
            try:
                return self._try(url, deadline)
            except Retry:
                if time.monotonic() > deadline - 1:
                    raise
        return self._try(url, deadline)

    def _try(self, url: str, deadline: float) -> bytes:
        found = self.provider.fetch_media(url)
        content = self._get(url, deadline) if found is None else found[0]
        if len(content) > settings.MAX_MEDIA_BYTES:
            raise Permanent("The file is too large.")
        return content

    def _get(self, url: str, deadline: float) -> bytes:
        """As anyone gets it, by a client that checks every address it is led to."""
        for _ in range(1 + REDIRECTS):
            answer = self.provider.connection.http.request(
                "GET",
                url,
                timeout=max(1.0, deadline - time.monotonic()),
                max_bytes=settings.MAX_MEDIA_BYTES,
            )
            if answer.ok:
                return answer.content
            target = answer.headers.get("Location")
            if not target or not 300 <= answer.status < 400:
                raise error_for_status(answer.status, "The file can't be read.", safe=True)
            url = _joined(url, target)
        raise Permanent("The file's address leads on and on.")


def _with_addresses(
    type_: str, payload: Mapping[str, Any], change: Callable[[str, str], str]
) -> dict[str, Any]:
    """The payload with `change(address, title)` in place of each address of a foreign file."""
    changed = dict(payload)
    key = _KEYS.get(type_, "")
    if _is_foreign(changed.get(key)):
        changed[key] = change(changed[key], str(changed.get("title") or ""))
    if type_ == "carousel":
        changed["items"] = [
            _with_addresses("card", item, change) for item in changed.get("items") or []
        ]
    if type_ == "bloc":
        changed["items"] = [
            {
                **item,
                "payload": _with_addresses(
                    str(item.get("type")), item.get("payload") or {}, change
                ),
            }
            for item in changed.get("items") or []
        ]
    return changed


def _is_foreign(url: object) -> bool:
    if not isinstance(url, str) or media.is_ours(url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError:
        raise Permanent("The file's address leads nowhere.") from None
