"""Idempotency-Key: a repeated POST gets the first one's answer, byte for byte.

The key's row is inserted ahead of the action, in the same transaction. Who comes second waits
at the unique key until the first has committed, and then reads its answer; where the first
failed, nothing of it is left and the second carries the action out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.utils.encoders import JSONEncoder

from conversations.flows.problems import Conflict
from conversations.models import IdempotentRequest
from hitl_bridge.models import Bot

HEADER = "Idempotency-Key"
MAX_LENGTH = 255


class KeyReused(Conflict):
    """The same key came with another request before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST is answered with: the text exactly as it is sent."""

    status: int
    text: str
    replayed: bool = False

    @classmethod
    def of(cls, status: int, body: Mapping[str, Any]) -> Answer:
        """The answer with this JSON object."""
        return cls(status, JSONEncoder(ensure_ascii=False).encode(body))

    def response(self) -> HttpResponse:
        """As HTTP."""
        headers = {"Idempotency-Replayed": "true"} if self.replayed else {}
        return HttpResponse(
            self.text, status=self.status, content_type="application/json", headers=headers
        )


def key_of(request: HttpRequest) -> str:
    """The request's key, empty if there is none. Raises ValidationError."""
    key = request.headers.get(HEADER)
    if key is None:
        return ""
    if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise ValidationError(
            {HEADER: [f"The key must be 1 to {MAX_LENGTH} printable ASCII characters."]}
        )
    return key


def fingerprint(method: str, path: str, body: Any) -> str:
    """The same for the same request, however its JSON was written down."""
    text = json.dumps([method, path, body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def once(bot: Bot, key: str, print_: str, act: Callable[[], Answer]) -> Answer:
    """Carry `act` out and keep its answer, or give the answer that was kept.

    What `act` raises undoes everything and is not kept. Raises KeyReused.
    """
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = IdempotentRequest.objects.create(bot=bot, key=key, fingerprint=print_)
        except IntegrityError:
            return _kept(bot, key, print_)
        answer = act()
        row.status, row.response = answer.status, answer.text
        row.save(update_fields=["status", "response"])
    return answer


def amend(bot: Bot, key: str, answer: Answer) -> None:
    """Keep what the first caller was told in the end, after having waited for it."""
    IdempotentRequest.objects.filter(bot=bot, key=key).update(
        status=answer.status, response=answer.text
    )


def _kept(bot: Bot, key: str, print_: str) -> Answer:
    row = IdempotentRequest.objects.get(bot=bot, key=key)
    if row.fingerprint != print_:
        raise KeyReused("This Idempotency-Key was used for another request.", field=HEADER)
    return Answer(row.status or 200, str(row.response), replayed=True)
