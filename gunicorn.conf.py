"""gunicorn's settings: it reads this file by itself where `gunicorn config.wsgi` is started."""

import logging
import os
import shutil
import tempfile
from importlib import import_module
from typing import Any

# Each worker process writes its counters here, and /metrics adds them up. prometheus_client looks
# for the folder when it is imported, so this comes first.
_own_folder = "PROMETHEUS_MULTIPROC_DIR" not in os.environ
if _own_folder:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="bridge-metrics-")

from prometheus_client import multiprocess  # noqa: E402

bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "16"))
# Longer than the longest answer held back by `Prefer: wait`.
timeout = 90
# What runs when SIGTERM comes may end; less than docker-compose's stop_grace_period.
graceful_timeout = 30
# More than what proxies usually keep a connection for, so that it is never us who hangs up on them.
keepalive = 75
# Files that workers touch to show they live must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
# django-structlog logs requests, without the tokens that addresses carry.
accesslog = None
# Two instances of one user would fight over its path, and a read-only home has no place for it.
control_socket_disable = True


def post_worker_init(_worker: Any) -> None:
    """Have workers ask for what help desks told nobody while this process did not listen."""
    try:
        import_module("conversations.flows.catching_up").after_down_time()
    except Exception:  # the database may come later than we do, and asks are made regularly anyway
        logging.getLogger(__name__).exception("catch_up_not_requested")


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker process that has gone."""
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Leave no folder of counters behind."""
    if _own_folder:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
