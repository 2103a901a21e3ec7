"""Wake-ups: hints that a lane has work. What must happen is a row; a lost hint loses nothing.

With a broker a hint is a Celery task, sent after the commit and at most once per idle lane.
Without one it goes to the runner in this process, if there is one. Else the sweep finds the lane.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction

from conversations.engine import local

log = structlog.get_logger(__name__)

BROKER_REST = 2.0  # seconds without trying after the broker refused a hint


class _Broker:
    """What this process knows of the broker."""

    down_until = 0.0  # by the monotonic clock


def after_commit(lane: str) -> None:
    """Hint once the transaction is through; nothing if it is rolled back."""
    transaction.on_commit(partial(send, lane), robust=True)


def send(lane: str) -> None:
    """Hint now. Never raises and never waits long: a request is being answered meanwhile."""
    if not settings.REDIS_URL:
        local.submit(lane)
        return
    publish("conversations.tasks.run_lane", lane)


def publish(task: str, *args: Any, expires: float | None = None) -> bool:
    """Send a task to the broker; False if it is down. After `expires` seconds it is not run."""
    if time.monotonic() < _Broker.down_until:
        return False
    try:
        current_app.send_task(task, args=args, retry=False, ignore_result=True, expires=expires)
    except Exception as error:  # noqa: BLE001 - kombu, redis and socket errors alike
        _Broker.down_until = time.monotonic() + BROKER_REST
        log.warning("broker_unreachable", error=type(error).__name__)
        return False
    return True
