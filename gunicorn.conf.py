"""gunicorn's settings: it reads this file by itself where `gunicorn config.wsgi` is started."""

import os
import shutil
import subprocess
import sys
import tempfile
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
threads = int(os.environ.get("WEB_THREADS", "8"))
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


def when_ready(_server: Any) -> None:
    """Ask for what help desks told nobody while no web process listened."""
    # A process of its own: this one must hold no connection that its workers would share.
    subprocess.Popen(
        [sys.executable, "-m", "django", "ask_what_was_missed", "--verbosity=0"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.DEVNULL,
    )


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker process that has gone."""
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Leave no folder of counters behind."""
    if _own_folder:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
