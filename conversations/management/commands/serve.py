"""The embedded mode: web and worker in one process, on the database alone."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from conversations.engine import chores, heartbeat, stopping
from conversations.flows import catching_up


class Command(BaseCommand):
    """`manage.py serve`: what `make run` starts; no broker, no second process."""

    help = "Serve web and worker in one process (embedded mode: no broker)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--threads", type=int, default=8, help="Lanes worked at a time.")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.REDIS_URL:
            raise CommandError(
                "REDIS_URL is set, so wake-ups go to Celery: start `gunicorn config.wsgi` and "
                "`celery -A config worker`, or unset REDIS_URL."
            )
        runner = chores.runner(threads=options["threads"], interval=0.5, grace=timedelta(seconds=0))
        heartbeat.beat()
        # While this process was away its webhooks were refused; some vendors try once again only.
        catching_up.after_down_time()
        runner.start()
        server = uvicorn.Server(
            uvicorn.Config(
                "config.asgi:application",
                host=options["host"],
                port=options["port"],
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=5,
                server_header=False,
            )
        )
        # uvicorn ends in order and then raises the signal once more, for whoever was there before
        # it: by default that would kill the process, with the runner in the middle of its work.
        signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            server.run()
        finally:
            stopping.request()
            runner.stop()
