"""Which of the services that some tests need answer on this machine."""

import os
import shutil
from pathlib import Path

import psycopg
import redis

LOCAL_POSTGRES = "postgres://postgres@127.0.0.1:5432/test"
LOCAL_REDIS = "redis://127.0.0.1:6379/9"


def postgres_answers(url: str) -> bool:
    """Say whether a PostgreSQL server answers there (its database named there need not exist)."""
    try:
        psycopg.connect(url.rpartition("/")[0] + "/postgres", connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def redis_url() -> str | None:
    """Return the Redis for tests: REDIS_URL, or where that is not set the local one; None if none.

    Set and empty, REDIS_URL says that there shall be none.
    """
    url = os.environ.get("REDIS_URL", LOCAL_REDIS)
    if not url:
        return None
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, retry=None) as client:
            client.ping()
    except redis.RedisError:
        return None
    return url


def chromium() -> str | None:
    """Return the path of a Chromium to drive, None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def node_packages() -> bool:
    """Say whether there is a Node.js, and `make integrations` has installed and built."""
    project = Path(__file__).resolve().parent.parent
    built = (project / "integrations/botpress/dist", project / "examples/typescript/dist")
    return shutil.which("node") is not None and all(folder.is_dir() for folder in built)
