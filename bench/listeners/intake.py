"""Webhooks of a help desk, as fast as they are taken in."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import itertools
import json
import statistics
import threading
import time
from dataclasses import dataclass

from bench.listeners.stack import SECRET, TICKET, World

SENDERS = 4
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Measured:
    """One round: webhooks a second, and how long each took in milliseconds."""

    rate: float
    median: float
    p95: float
    worst: float


def measure(world: World, seconds: float) -> Measured:
    """A round of that length. Raises RuntimeError if one was not taken."""
    took: list[float] = []
    troubles: list[int] = []
    until = time.monotonic() + seconds
    senders = [
        threading.Thread(target=_send, args=(world, until, took, troubles)) for _ in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if troubles or not took:
        raise RuntimeError(f"webhooks were answered {troubles[:5]}")
    took.sort()
    return Measured(
        len(took) / seconds, statistics.median(took), took[int(len(took) * 0.95)], took[-1]
    )


def _send(world: World, until: float, took: list[float], troubles: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=30)
    while time.monotonic() < until:
        body = _agents_message(next(_numbers))
        signature = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
        headers = {"X-Hub-Signature": f"sha1={signature}", "Content-Type": "application/json"}
        began = time.monotonic()
        connection.request("POST", world.webhook, body, headers)
        answer = connection.getresponse()
        answer.read()
        took.append((time.monotonic() - began) * 1000)
        if answer.status != 200:
            troubles.append(answer.status)
    connection.close()


def _agents_message(number: int) -> bytes:
    """An agent's answer in Intercom's words, each of its own."""
    author = {"type": "admin", "id": "814860", "name": "Rui", "email": "rui@acme.test"}
    part = {
        "type": "conversation_part",
        "id": str(10_000 + number),
        "part_type": "comment",
        "body": f"<p>Answer {number}</p>",
        "created_at": 1790000000 + number,
        "author": author,
        "attachments": [],
    }
    parts = {"type": "conversation_part.list", "conversation_parts": [part], "total_count": 1}
    item = {"type": "conversation", "id": TICKET, "state": "open", "conversation_parts": parts}
    notification = {
        "type": "notification_event",
        "id": f"notif_{number}",
        "topic": "conversation.admin.replied",
        "created_at": 1790000000 + number,
        "data": {"type": "notification_event_data", "item": item},
    }
    return json.dumps(notification).encode()
