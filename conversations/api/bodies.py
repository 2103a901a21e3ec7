"""Reading what a caller sends: bounded before it is read, checked before anything looks at it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import (
    APIException,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)

MAX_DEPTH = 20
MAX_WEBHOOK_DEPTH = 64  # help desks' go to about a dozen
# A string, also one that never ends, or a bracket; takes time in proportion to the body only.
_MARKS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class TooLarge(APIException):
    """The body is larger than what is taken."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


def read_body(request: HttpRequest) -> bytes:
    """The body. Raises TooLarge ahead of reading where the length is told, else at the limit."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 1024 * 1024
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise TooLarge(f"The body has more than {limit} bytes.")
    stream = cast(BinaryIO, request)
    if not length and request.META.get("wsgi.input_terminated"):
        # Sent in chunks: Django takes a missing length for an empty body, the server knows better.
        stream = request.META["wsgi.input"]
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"The body has more than {limit} bytes.")
    return body


def is_too_deep(body: bytes, most: int = MAX_WEBHOOK_DEPTH) -> bool:
    """Whether the body, if it is JSON, is nested deeper than that; told without decoding it."""
    depth = 0
    for mark in _MARKS.finditer(body):
        first = mark[0][:1]
        depth += (first in b"[{") - (first in b"]}")
        if depth > most:
            return True
    return False


def read_json(request: HttpRequest) -> Any:
    """The body's JSON value, `{}` where it is empty.

    Raises TooLarge, UnsupportedMediaType, ParseError (not JSON) and ValidationError (JSON that no
    database can store), so that nothing below needs to be on its guard.
    """
    body = read_body(request)
    if not body.strip():
        return {}
    if request.content_type != "application/json":
        raise UnsupportedMediaType(request.content_type or "none")
    try:
        value = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ParseError("The body is not valid JSON.") from None
    _require_storable(value)
    return value


def require_storable_text(name: str, text: str) -> None:
    """Raise ValidationError for text that PostgreSQL refuses."""
    if not _is_storable(text):
        raise ValidationError({name[:80] if _is_storable(name) else "": [_UNSTORABLE]})


_UNSTORABLE = "This holds characters that can't be stored (NUL or half of a surrogate pair)."


def _refuse(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _is_storable(text: str) -> bool:
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _require_storable(value: Any) -> None:
    """Walk the value without recursion; paths are only put together once something is wrong."""
    stack: list[tuple[Any, tuple[Any, ...]]] = [(value, ())]
    while stack:
        item, path = stack.pop()
        problem = _problem_of(item, len(path))
        if problem:
            raise ValidationError({".".join(map(str, path)): [problem]})
        stack.extend((inner, (*path, name)) for name, inner in _inside(item))


def _problem_of(item: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        return f"This is nested deeper than {MAX_DEPTH} levels."
    if isinstance(item, str) and not _is_storable(item):
        return _UNSTORABLE
    if isinstance(item, dict) and not all(_is_storable(name) for name in item):
        return _UNSTORABLE
    if isinstance(item, float) and not math.isfinite(item):
        return "This number is out of range."
    return ""


def _inside(item: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(item, dict):
        yield from item.items()
    elif isinstance(item, list):
        yield from enumerate(item)
