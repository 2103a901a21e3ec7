"""Beside Celery's own threads each worker process sweeps: a dead broker then stops nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from prometheus_client import start_http_server

from conversations.engine import chores, local, stopping

log = structlog.get_logger(__name__)

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
    if settings.METRICS_PORT:
        _serve_metrics(settings.METRICS_PORT)


def _serve_metrics(port: int) -> None:
    """What this process counts; a port that is taken must not keep it from its work."""
    try:
        start_http_server(port)
    except OSError as error:
        log.warning("metrics_not_served", port=port, error=type(error).__name__)


@worker_shutting_down.connect
@worker_shutdown.connect
def stop_runner(**_kwargs: Any) -> None:
    """SIGTERM, or Celery has given up: take nothing new, finish what runs.

    It gives up when Redis goes away twice in a row at a bad moment (a fault of kombu 5.6); whoever
    started the process starts it again.
    """
    stopping.request()
    while _runners:
        _runners.pop().stop()
