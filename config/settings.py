"""Django's settings. What can be set stands in .env.example, one sentence each."""

import tomllib
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from kombu import Queue

from config import logs
from config.env import BASE_DIR as BASE_DIR  # noqa: PLC0414  # a setting as well
from config.env import (
    HOW_TO_MAKE_A_FERNET_KEY,
    HOW_TO_MAKE_A_KEY,
    database,
    mail,
    read_env,
    split_list,
)
from config.unfold import UNFOLD as UNFOLD  # noqa: PLC0414  # a setting as well

env = read_env()

VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

# --- Who we are, and which secrets we hold ---

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", HOW_TO_MAKE_A_KEY)
# The first encrypts, all decrypt.
ENCRYPTION_KEYS = split_list(env.secret("ENCRYPTION_KEYS", HOW_TO_MAKE_A_FERNET_KEY))
PORT = env.int("PORT", default=8000)
# What webhook addresses are built from; never the Host header, which a caller chooses.
PUBLIC_URL = env.str("PUBLIC_URL", default="") or f"http://127.0.0.1:{PORT}"
_PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname or "localhost"
_HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = split_list(env.str("ALLOWED_HOSTS", default="")) or [
    _PUBLIC_HOST,
    "127.0.0.1",
    "localhost",
]
# Hosts and networks that outgoing calls may reach though they are private.
ALLOWED_PRIVATE_TARGETS = split_list(env.str("ALLOWED_PRIVATE_TARGETS", default=""))
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Port on which each worker process serves its own metrics; 0: none does.
METRICS_PORT = env.int("METRICS_PORT", default=0)

# --- Parts ---

INSTALLED_APPS = [
    # Unfold replaces templates of the admin and of the packages below, so it comes first.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "simple_history",
    "import_export",
    "axes",
    "django_prometheus",
    "health_check",
    "django_structlog",
    "config.apps.ProjectConfig",
    "hitl_bridge.apps.HitlBridgeConfig",
    "conversations.apps.ConversationsConfig",
]

# A test holds each of these to work in async without a thread (see config.middleware).
MIDDLEWARE = [
    "config.middleware.livez",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.csp.content_security",
    "config.middleware.bounded",
    "config.middleware.StaticFiles",
    "config.middleware.viewers_time",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    # Last, as axes asks: it answers a locked-out login whatever the others made of it.
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Where things are kept ---

DATABASES = {
    "default": database(
        env.str("DATABASE_URL", default="") or "sqlite:///var/bridge.sqlite3",
        pool_size=env.int("DATABASE_POOL_SIZE", default=20),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Per process, on purpose: what it holds (throttling of callers) is a courtesy, and must not fail
# a request when Redis does.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Empty: no broker, the embedded mode.
REDIS_URL = env.str("REDIS_URL", default="")
# How many of a WSGI process's threads may wait for events, and for a ticket (`Prefer: wait`); who
# finds no place is answered at once. Together less than WEB_THREADS.
FEED_WAITERS = env.int("FEED_WAITERS", default=4)
TICKET_WAITERS = env.int("TICKET_WAITERS", default=8)
# A webhook, an API call or an admin form; files go by address, never through here.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# Files of agents' messages, for the web and the worker processes; served by conversations.media
# alone, so there is no MEDIA_URL.
MEDIA_ROOT = str(BASE_DIR / (env.str("MEDIA_ROOT", default="") or "var/media"))
MAX_MEDIA_BYTES = env.int("MAX_MEDIA_BYTES", default=25 * 1024 * 1024)
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

STATIC_URL = "/static/"
# Set, it holds what collectstatic collected, served by hashed name for ever; empty, files are
# served straight from the packages, so that a fresh clone needs no build step.
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- Security ---

# A webhook or an API call is never redirected (callers would drop the body): a missing slash is
# mended for the admin's pages alone, which browsers ask for, and so is http.
APPEND_SLASH = True
SECURE_SSL_REDIRECT = _HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(?!admin/)"]
_PROXY_HEADER = env.str("SECURE_PROXY_SSL_HEADER", default="")
SECURE_PROXY_SSL_HEADER = (
    (f"HTTP_{_PROXY_HEADER.upper().replace('-', '_')}", "https") if _PROXY_HEADER else None
)
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if _HTTPS else 0
# The bridge is one host; what its subdomains or a browser's preload list do is not ours to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if _HTTPS else []
CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_SECURE = _HTTPS
# A login ends so long after it began, and so long after it was last used (hitl_bridge.site).
SESSION_SECONDS = env.int("SESSION_HOURS", default=12) * 3600
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_MINUTES", default=60) * 60
SESSION_COOKIE_AGE = SESSION_SECONDS
# Lax, not Strict: help desks send operators back here after OAuth.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
# Browsers take a __Host- cookie from this host and by https alone. Without https there is none, but
# browsers share cookies between the ports of a host, and two instances on one machine would log
# each other's users out.
SESSION_COOKIE_NAME = "__Host-bridge_session" if _HTTPS else f"bridge_session_{PORT}"
CSRF_COOKIE_NAME = "__Host-bridge_csrf" if _HTTPS else f"bridge_csrf_{PORT}"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "hitl_bridge.roles.MembershipBackend",
]
# The audit log and the admin's own notes are kept so long; 0: for ever.
AUDIT_DAYS = env.int("AUDIT_DAYS", default=730)
# Roles whose people must set up a second login step: platform, operator, support.
REQUIRE_SECOND_STEP = split_list(env.str("REQUIRE_SECOND_STEP", default=""))
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Proxies in front, each of which adds an address to X-Forwarded-For.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
AXES_CLIENT_IP_CALLABLE = "hitl_bridge.callers.address"
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "hitl_bridge/admin/locked.html"
# What is not stored of a failed login's form.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "csrfmiddlewaretoken"]

# --- The bot's API ---

# Calls per API key and process, a courtesy to the others rather than a guarantee.
API_RATE = env.str("API_RATE", default="6000/min")
# Likewise per webhook address, and refused ones per caller's address (conversations.api.guard).
WEBHOOKS_PER_MINUTE = env.int("WEBHOOKS_PER_MINUTE", default=30_000)
REFUSED_PER_MINUTE = env.int("REFUSED_PER_MINUTE", default=300)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["conversations.api.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "conversations.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "HITL bridge",
    "DESCRIPTION": "Hands a bot's conversation to a human at a help desk, and back.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "WEBHOOKS": ["conversations.api.describe.CALLBACKS"],
    # Served from here, so that the docs work where browsers reach no other host.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- The admin ---

# A cell that begins like a formula would run in the spreadsheet of whoever opens an export.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
FORMS_URLFIELD_ASSUME_HTTPS = True

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Celery: wakes workers, holds no truth (design.md, section 4) ---

BEAT_SCHEDULE_FILE = env.str("BEAT_SCHEDULE_FILE", default=str(BASE_DIR / "var/celerybeat"))

CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Publishing gives up at once, because the sweep finds what a lost wake-up leaves behind: a request
# must not wait for a Redis that is down.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 0,
    "interval_start": 0,
    "connect_retries_timeout": 1,
    "socket_connect_timeout": 1,
    "socket_timeout": 1,
    "socket_keepalive": True,
}
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_EAGER_RESULT = False
CELERY_TASK_SERIALIZER = "json"
# What is worth doing now or not at all does not stand in line behind messages.
CELERY_TASK_QUEUES = [Queue("celery"), Queue("passing")]
CELERY_TASK_ROUTES = {
    f"conversations.tasks.{name}": {"queue": "passing"}
    for name in ("show_typing", "show_read", "tell_in_passing")
}
CELERY_ACCEPT_CONTENT = ["json"]
# Tasks wait for help desks most of the time, so threads do.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=16)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE_FILENAME = BEAT_SCHEDULE_FILE
CELERY_BEAT_MAX_LOOP_INTERVAL = 5


def _every(task: str, seconds: int) -> dict[str, Any]:
    # A run that no worker took in time is dropped: the next one does the same work.
    return {"task": task, "schedule": float(seconds), "options": {"expires": seconds}}


CELERY_BEAT_SCHEDULE = {
    "sweep": _every("conversations.tasks.sweep", 5),
    "run_timers": _every("conversations.tasks.run_timers", 5),
    "catch_up": _every("conversations.tasks.catch_up", 30),
    "housekeeping": _every("conversations.tasks.housekeeping", 600),
}

# --- Alerts to operators (docs/operations.md); tenants have addresses of their own ---

ALERT_EMAILS = split_list(env.str("ALERT_EMAILS", default=""))
ALERT_WEBHOOK_URL = env.str("ALERT_WEBHOOK_URL", default="")
ALERT_WEBHOOK_SECRET = env.str("ALERT_WEBHOOK_SECRET", default="")
# What the links to the run book begin with.
DOCS_URL = env.str("DOCS_URL", default="docs")
EMAIL_CONFIGURED = bool(env.str("EMAIL_URL", default=""))
vars().update(mail(env.str("EMAIL_URL", default="")))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="") or f"bridge@{_PUBLIC_HOST}"

# --- Logs ---

LOGGING = logs.configure(
    level=env.str("LOG_LEVEL", default="INFO").upper(),
    style=env.str("LOG_FORMAT", default="console" if DEBUG else ""),
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# One line per request when it is done is enough, and none for each turn of the sweep.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = 10
# Addresses of people belong to the proxy's log, where whoever runs it decides how long they stay.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
