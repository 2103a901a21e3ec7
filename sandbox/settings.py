"""Settings of the sandbox site: a loopback-only development tool with its own SQLite file.

Environment: SANDBOX_DB (path of the SQLite file), SANDBOX_SECRET_KEY; the rest is read by
environment.py.
"""

import os
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# Signs nothing that outlives the process but the demo chat's cookie; the supervisor hands in a
# kept key so that a chat survives a restart.
SECRET_KEY = os.environ.get("SANDBOX_SECRET_KEY") or secrets.token_urlsafe(32)
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ROOT_URLCONF = "sandbox.urls"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
# Files are taken straight from the source tree: no collectstatic for a development tool.
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024  # vendors take files of up to 50 MB
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = ["django.contrib.staticfiles", "sandbox.apps.SandboxConfig"]
MIDDLEWARE = [
    "sandbox.middleware.BrowserGuard",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "sandbox.gateway.VendorGateway",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "hitl_bridge.sqlite",
        "NAME": os.environ.get("SANDBOX_DB", str(BASE_DIR / "var" / "sandbox.sqlite3")),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # Faults answer 4xx and 5xx on purpose; a line for each would bury the real ones.
    "loggers": {"django.request": {"level": "CRITICAL"}},
}
