"""The sandbox's server: `python -m sandbox.serve --port 9000`.

One process with threads (gunicorn's gthread worker): a fault that never answers holds one
thread, and the thread's socket is at hand for faults that cut the connection.
"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from typing import Any

from gunicorn.app.base import BaseApplication

THREADS = 48


class Server(BaseApplication):
    """gunicorn without its command line and configuration file."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__()

    def load_config(self) -> None:
        """Settings of gunicorn."""
        settings = {
            "bind": f"127.0.0.1:{self.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "keepalive": 30,
            "timeout": 120,
            "graceful_timeout": 2,
            "loglevel": "warning",
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Runs in the worker process: the threads must live where the requests do."""
        wsgi = import_module("sandbox.wsgi")
        wsgi.prepare()
        return wsgi.application


def main() -> None:
    """Read the port and serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "9000")))
    port = parser.parse_args().port
    os.environ.setdefault("SANDBOX_URL", f"http://127.0.0.1:{port}")
    Server(port).run()


if __name__ == "__main__":
    main()
