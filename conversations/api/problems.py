"""Errors as RFC 9457 problems that name the field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from rest_framework import exceptions
from rest_framework.utils.encoders import JSONEncoder

from conversations.flows.problems import FlowError

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
BUSY_FOR = 5  # seconds after which to try again when the database is out of reach


class Problem:
    """One kind of problem: the `type` that programs go by, the `title` that people read."""

    def __init__(self, status: int, name: str, title: str) -> None:
        self.status, self.type, self.title = status, f"urn:hitl-bridge:{name}", title


PROBLEMS = {
    problem.status: problem
    for problem in (
        Problem(400, "invalid-request", "The request is not valid"),
        Problem(401, "unauthorized", "A valid API key is needed"),
        Problem(403, "insufficient-scope", "The key may not do this"),
        Problem(404, "not-found", "There is no such thing"),
        Problem(405, "method-not-allowed", "This address does not take that method"),
        Problem(409, "conflict", "This does not go with the state that things are in"),
        Problem(413, "too-large", "The body is too large"),
        Problem(415, "unsupported-media-type", "The body must be JSON"),
        Problem(429, "too-many-requests", "Too many requests"),
        Problem(500, "internal-error", "The bridge made a mistake"),
        Problem(503, "unavailable", "The bridge can't do this right now"),
    )
}


class Unavailable(exceptions.APIException):
    """The bridge is well, but can't do this one thing now."""

    status_code = 503
    wait = BUSY_FOR


class InsufficientScope(exceptions.PermissionDenied):
    """The key lacks a scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This key lacks the scope {scope}.")
        self.scope = scope


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Every error of the API as a problem; what we did not expect is logged and told no one."""
    del context
    if isinstance(error, FlowError):
        return problem(error.status, error.detail, error.field, **error.more)
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, Http404):
        return problem(404, "There is no such thing.")
    if isinstance(error, PermissionDenied):
        return problem(403, "This is not allowed.")
    if isinstance(error, RequestDataTooBig):
        return problem(413, "The body is too large.")
    if isinstance(error, UnreadablePostError | RawPostDataException):
        return problem(400, "The body could not be read.")
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database_unavailable", exc_info=error)
        response = problem(503, "The database is out of reach: try again.")
        response["Retry-After"] = str(BUSY_FOR)
        return response
    log.error("api_failed", exc_info=error)
    return problem(500, "Something went wrong on our side; it has been logged.")


def problem(status: int, detail: str, field: str = "", **more: Any) -> HttpResponse:
    """The answer; `more` are further members of the problem."""
    kind = PROBLEMS.get(status) or Problem(status, "error", HTTPStatus(status).phrase)
    body = {"type": kind.type, "title": kind.title, "status": status, "detail": detail}
    if field:
        body["field"] = field
    text = JSONEncoder(ensure_ascii=False).encode({**body, **more})
    return HttpResponse(text, status=status, content_type=CONTENT_TYPE)


def _of_framework(error: exceptions.APIException) -> HttpResponse:
    if isinstance(error, exceptions.ValidationError):
        errors = [{"field": path, "detail": text} for path, text in flat(error.detail)]
        first = errors[0]
        named = f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]
        response = problem(400, named, first["field"], errors=errors)
    elif isinstance(error, InsufficientScope):
        response = problem(403, str(error.detail), scope=error.scope)
    else:
        response = problem(error.status_code, str(error.detail))
    wait = getattr(error, "wait", None)
    if wait is not None:
        response["Retry-After"] = str(max(1, math.ceil(wait)))
    auth_header = getattr(error, "auth_header", "")
    if auth_header:
        response["WWW-Authenticate"] = auth_header
    return response


def flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, sentence) of each error, in the request's spelling: `payload.items.0.imageUrl`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = path if name == "non_field_errors" else _joined(path, str(name))
            yield from flat(inner, own)
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            if isinstance(inner, Mapping):
                yield from flat(inner, _joined(path, str(number)))
            else:
                yield from flat(inner, path)
    else:
        yield path, str(detail)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
