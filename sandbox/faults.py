"""Things that go wrong on request: rules that match a call or a webhook, and what they do.

Kinds for calls: an HTTP status (429, 500, 503, 401, ...), `reset` (connection reset, nothing
carried out), `timeout_after_accept` (carried out, never answered), `slow`.
Kinds for webhooks: `webhook_lost`, `webhook_doubled`, `webhook_delayed`, `webhook_shuffled`.
"""

from __future__ import annotations

import errno
import random
import re
import socket
import struct
import time
from collections.abc import Iterator

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, StreamingHttpResponse

from sandbox.models import Account, FaultRule

WEBHOOK_KINDS = ("webhook_lost", "webhook_doubled", "webhook_delayed", "webhook_shuffled")
CALL_KINDS = ("reset", "timeout_after_accept", "slow")


def is_known(kind: str) -> bool:
    """Whether a rule may have this kind."""
    return kind in WEBHOOK_KINDS + CALL_KINDS or (kind.isdigit() and 400 <= int(kind) <= 599)


def for_call(account: Account, method: str, path: str) -> FaultRule | None:
    """The first rule that strikes this call, counted as used up by one."""
    rules = FaultRule.objects.filter(account=account).exclude(kind__in=WEBHOOK_KINDS)
    return next(
        (
            rule
            for rule in rules.order_by("id")
            if rule.method in ("", method) and re.search(rule.path, path) and _strikes(rule)
        ),
        None,
    )


def for_webhook(account: Account, topic: str) -> FaultRule | None:
    """The first rule that strikes a webhook of this topic, counted as used up by one."""
    rules = FaultRule.objects.filter(account=account, kind__in=WEBHOOK_KINDS)
    return next((r for r in rules.order_by("id") if re.search(r.path, topic) and _strikes(r)), None)


@transaction.atomic
def _strikes(rule: FaultRule) -> bool:
    """Count one look at the rule; parallel calls each get their own number."""
    if not FaultRule.objects.filter(pk=rule.pk).update(seen=F("seen") + 1):
        return False
    rule.refresh_from_db()
    # Seeded by number: the same seed makes the same calls fail in every run.
    if (
        rule.remaining == 0
        or random.Random(f"{rule.seed}:{rule.seen}").random() >= rule.probability
    ):
        return False
    rule.hits += 1
    if rule.remaining is not None:
        rule.remaining -= 1
    rule.save(update_fields=["hits", "remaining"])
    return True


def reset(request: HttpRequest) -> StreamingHttpResponse:
    """An answer that is a TCP reset."""
    return silence(request, 0)


def silence(request: HttpRequest, seconds: float) -> StreamingHttpResponse:
    """An answer that never comes: the connection is reset after `seconds`."""
    return StreamingHttpResponse(_Break(request.META.get("gunicorn.socket"), seconds))


class _Break:
    """A body that cuts the connection when the server asks for it, before any header is sent."""

    def __init__(self, connection: socket.socket | None, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        time.sleep(self._seconds)
        if self._connection is not None:
            # Lingering for zero seconds turns close() into a reset. Closed here, because the
            # server would shut the connection down politely first.
            linger = struct.pack("ii", 1, 0)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._connection.close()
        raise ConnectionResetError(errno.ECONNRESET, "broken off by a fault rule")
