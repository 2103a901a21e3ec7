"""Reading the environment: every variable may also come from a file named by NAME_FILE.

Files are how container platforms hand over secrets. What a variable means stands in .env.example.
"""

import os
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

BASE_DIR = Path(__file__).resolve().parent.parent

# Django's backend, with a fair queue for this process's threads.
SQLITE = "hitl_bridge.sqlite"

# Deleted is overwritten: who is erased must not be found in the file (docs/operators/privacy.md).
SQLITE_INIT = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;"

# How to make a value, for the sentence an operator reads when one is missing.
HOW_TO_MAKE_A_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
HOW_TO_MAKE_A_FERNET_KEY = (
    "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)


class EnvironmentOrFiles(FileAwareMapping):
    """The process environment, where NAME_FILE, if set, names the file that holds NAME's value."""

    def __getitem__(self, key: str) -> str:
        """Return NAME's value without surrounding white space (files end in a newline).

        Raises KeyError where it is not set, ImproperlyConfigured where its file can't be read.
        """
        try:
            return str(super().__getitem__(key)).strip()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{key}_FILE names a file that can't be read: {error.strerror}."
            ) from error


class Env(environ.Env):
    """django-environ, reading files as well, with a clear word about a secret that is missing."""

    ENVIRON = EnvironmentOrFiles(cache=False)

    def secret(self, name: str, how_to_make: str) -> str:
        """Return a value the product can't run without, taken literally (`$` has no meaning).

        Raises ImproperlyConfigured, naming the variable and the command that makes a value.
        """
        value = self.ENVIRON.get(name, "")
        if not value:
            raise ImproperlyConfigured(
                f"{name} is not set. Set {name}, or {name}_FILE to the path of a file that holds "
                f"it. To make one: {how_to_make}"
            )
        return str(value)


def read_env() -> Env:
    """Return the environment, filled up from the .env file (what is set already wins).

    ENV_FILE names another file than the project's .env; set and empty, no file is read.
    """
    env = Env()
    file = os.environ.get("ENV_FILE", str(BASE_DIR / ".env"))
    if file and Path(file).is_file():
        env.read_env(file)
    return env


def split_list(value: str) -> list[str]:
    """Return the entries of a comma-separated value, without white space or empty entries."""
    return [entry.strip() for entry in value.split(",") if entry.strip()]


def database(url: str, pool_size: int) -> dict[str, Any]:
    """Return Django's settings for one database address.

    `pool_size` is the most connections one process keeps to PostgreSQL; 0 opens one per request.
    """
    config: dict[str, Any] = Env.db_url_config(url)
    options = config.setdefault("OPTIONS", {})
    if config.get("ENGINE") == "django.db.backends.sqlite3":
        config["ENGINE"] = SQLITE
        config["NAME"] = _sqlite_file(config["NAME"])
        # IMMEDIATE takes the write lock when a transaction begins: a read that turns into a write
        # half way through fails at once otherwise, whatever the timeout.
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("timeout", 20)
        options.setdefault("init_command", SQLITE_INIT)
    elif pool_size:
        options.setdefault("pool", {"min_size": 1, "max_size": pool_size, "timeout": 10})
        # Looks at a connection before it is lent, so that a restart of PostgreSQL costs no request.
        config["CONN_HEALTH_CHECKS"] = True
    return config


def mail(url: str) -> dict[str, Any]:
    """Return Django's EMAIL_ settings for an address such as smtp+tls://user:password@host:587.

    Empty, e-mail goes nowhere. Raises ImproperlyConfigured where it is no such address.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    try:
        return dict(Env.email_url_config(url))
    except (KeyError, ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(
            "EMAIL_URL is no address of a mail server. "
            "Set it to something like smtp+tls://user:password@mail.example.com:587."
        ) from None


def _sqlite_file(name: str) -> str:
    """Return the absolute path of a SQLite file (relative ones start at the project)."""
    if name == ":memory:":
        return name
    path = BASE_DIR / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(path)
