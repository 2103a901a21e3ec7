"""Cursor pages: stable while rows are added, without counting."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from conversations.api.bodies import require_storable_text
from conversations.api.shapes import Shape

M = TypeVar("M", bound=Model)

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
_CURSOR = re.compile(r"[A-Za-z0-9_]{1,40}\Z")
LARGEST_POSITION = 10**18 - 1


def parameters(query: QueryDict, *known: str) -> dict[str, str]:
    """The query's parameters, the last where one is repeated. Raises ValidationError.

    A name that ends in a dot allows all that begin so. What is misspelt is refused: a filter that
    is left out would list everything.
    """
    found = {name: str(query[name]) for name in query}
    for name, value in found.items():
        require_storable_text(name, name + value)
        if name not in known and f"{name.partition('.')[0]}." not in known:
            raise ValidationError({name: ["There is no such parameter."]})
    return found


def limit_of(given: Mapping[str, str]) -> int:
    """The page's size. Raises ValidationError."""
    return whole_number(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)


def whole_number(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A number within bounds. Raises ValidationError."""
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
        raise ValidationError({name: [f"This must be a whole number from {least} to {most}."]})
    return int(text)


def page(
    rows: QuerySet[M],
    given: Mapping[str, str],
    by: str,
    read: Callable[[str], Any] = str,
    shape: type[Shape] = Shape,
) -> dict[str, Any]:
    """One page of `rows`, ordered by the unique column `by` (with `-`: downwards)."""
    column, limit = by.removeprefix("-"), limit_of(given)
    cursor = _decoded(given.get("cursor", ""))
    if cursor:
        side = "lt" if by.startswith("-") else "gt"
        try:
            rows = rows.filter(**{f"{column}__{side}": read(cursor)})
        except ValueError:
            raise _invalid() from None
    found = list(rows.order_by(by)[: limit + 1])
    shown = found[:limit]
    more = len(found) > limit
    return {
        "items": [shape(row).data for row in shown],
        "nextCursor": _encoded(str(getattr(shown[-1], column))) if more else None,
    }


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    if not cursor:
        return ""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError):
        raise _invalid() from None
    if not _CURSOR.match(text):
        raise _invalid()
    return text


def _invalid() -> ValidationError:
    return ValidationError({"cursor": ["This is not a cursor that a page gave."]})
