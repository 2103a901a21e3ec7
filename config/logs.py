"""Logging: one line of JSON per event (or colours on a terminal), never a secret or a message.

Every record, ours or a library's, passes `redact` as the last step before it is written.
"""

import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

HIDDEN = "[hidden]"

# A name that ends in one of these words carries a secret or what somebody wrote:
# `access_token`, `clientSecret`, `X-Api-Key`, `message_text`, but not `context` or `key_prefix`.
_SENSITIVE_NAME = re.compile(
    r"(?:^|[_\-. ]|(?<=[a-z])(?=[A-Z]))"
    r"(?i:authorization|cookie|token|secret|signature|password|credential|key|text|body|payload)s?$"
)
# Addresses of webhooks and of Botpress carry a token in their path, OAuth's carry codes in their
# query; libraries log addresses as they are.
_PATH_TOKEN = re.compile(
    r"(/(?:webhooks/[a-z0-9_-]+(?:/app)?|botpress)/)[^/?#\s\"']+|(/media/)[^\s\"']+"
)
_QUERY = re.compile(r"((?:https?://|/)[^\s?\"']*)\?[^\s\"']+")


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Hide secrets and message texts in a log event, by name, at any depth."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if value is not None and _SENSITIVE_NAME.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", inner) for inner in value]
    if isinstance(value, str):
        return _QUERY.sub(r"\1?" + HIDDEN, _PATH_TOKEN.sub(r"\1\2" + HIDDEN, value))
    return value


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(level: str, style: str) -> dict[str, Any]:
    """Set structlog up and return the LOGGING dictionary for Django.

    `level` is the least severe level written; `style` is "json", "console", or "" for console on
    a terminal and JSON elsewhere.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    console = style == "console" or (not style and sys.stderr.isatty())
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    # Plain tracebacks: structlog's pretty ones print every local variable.
                    structlog.processors.format_exc_info,
                    redact,
                    _renderer(console=console),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": _loggers(),
    }


def _renderer(*, console: bool) -> Processor:
    if console:
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(default=str)


def _loggers() -> dict[str, dict[str, Any]]:
    # Django's own handlers would write each line a second time, unredacted.
    ours = {
        name: {"handlers": [], "propagate": True}
        for name in ("django", "django.server", "gunicorn.error", "uvicorn", "uvicorn.error")
    }
    # Connection pools log each address they call at DEBUG, and it may hold a secret.
    quiet = {name: {"level": "WARNING"} for name in ("urllib3", "kombu", "amqp", "asyncio")}
    # Neither is every turn of the sweep worth three lines.
    quiet |= {
        name: {"level": "WARNING"}
        for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace")
    }
    # django-structlog writes one line per request; these would repeat it with the whole address.
    silent = {name: {"handlers": [], "propagate": False} for name in ("uvicorn.access",)}
    # gunicorn warns of every answer to HEAD that Django leaves a body on; it drops the body itself.
    noisy = {"gunicorn.http.wsgi": {"level": "ERROR"}}
    return {**ours, **quiet, **silent, **noisy}
