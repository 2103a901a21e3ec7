"""A Celery worker that dies of certain messages, as of a crash in a library: for `poison` only.

celery -A bench.reliability.poisoned worker
"""

from __future__ import annotations

import os
import signal
from typing import Any

import django

from bench.reliability import POISON
from config.celery import app as app  # noqa: PLC0414 - Celery looks for it here

django.setup()

from conversations.flows import outgoing  # noqa: E402 - needs the models

_perform = outgoing.SendMessage.perform


def _perform_or_die(self: Any, delivery: Any, *arguments: Any) -> Any:
    if delivery.message is not None and POISON in str(delivery.message.payload.get("text")):
        os.kill(os.getpid(), signal.SIGKILL)
    return _perform(self, delivery, *arguments)


outgoing.SendMessage.perform = _perform_or_die  # type: ignore[assignment,method-assign]
