"""Beside Celery's own threads each worker process sweeps: a dead broker then stops nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings

from conversations.engine import chores, local

THREADS = 4  # for lanes that no wake-up reached; Celery's threads have the rest

_runners: list[local.Runner] = []


@worker_ready.connect
def start_runner(**_kwargs: Any) -> None:
    """The worker takes tasks now: sweep as well."""
    runner = chores.runner(
        threads=THREADS,
        interval=1.0,
        grace=timedelta(seconds=1),
        extra_threads=settings.CELERY_WORKER_CONCURRENCY,
    )
    _runners.append(runner)
    runner.start()


@worker_shutting_down.connect
def stop_runner(**_kwargs: Any) -> None:
    """SIGTERM: take nothing new, finish what runs."""
    while _runners:
        _runners.pop().stop()
