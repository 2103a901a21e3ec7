"""The environment that the tests run in, whatever the machine's own or a .env file says."""

import os
import tempfile

FIXED = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "ENV_FILE": "",
    "DEBUG": "False",
    "SECRET_KEY": "only-for-tests-" + "0123456789abcdef" * 4,
    "ENCRYPTION_KEYS": "A" * 43 + "=",  # thirty-two zero bytes
    "PUBLIC_URL": "https://bridge.example.com",
    "PORT": "8000",
    "ALLOWED_HOSTS": "bridge.example.com,testserver,127.0.0.1,localhost",
    "ALLOWED_PRIVATE_TARGETS": "",
    "SECURE_PROXY_SSL_HEADER": "",
    "TRUSTED_PROXIES": "0",
    "REFUSED_PER_MINUTE": "0",  # all tests come from one address
    "METRICS_TOKEN": "",
    "METRICS_PORT": "0",
    "EMAIL_URL": "",
    "EMAIL_FROM": "",
    "ALERT_EMAILS": "",
    "ALERT_WEBHOOK_URL": "",
    "ALERT_WEBHOOK_SECRET": "",
    "DOCS_URL": "docs",
    "STATIC_ROOT": "",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
    # pytest-django destroys the database while threads of a pool would still hold connections.
    "DATABASE_POOL_SIZE": "0",
    "MEDIA_ROOT": tempfile.mkdtemp(prefix="bridge-media-"),
}


def set_environment() -> None:
    """Fix all of it but DATABASE_URL and REDIS_URL, which choose what the tests run against.

    Not set, REDIS_URL stays so: xdist's workers inherit this environment, and to be set and empty
    means something else (see tests.services).
    """
    os.environ.update(FIXED)
    os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")
