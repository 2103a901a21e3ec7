"""The query language of Intercom's search endpoints, and their pages."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sandbox.vendors.intercom.http import ApiError, parameter

Resolve = Callable[[str], Any]
T = TypeVar("T")
MAX_FILTERS = 15


def select(rows: Iterable[T], query: Any, resolver: Callable[[T], Resolve]) -> list[T]:
    """The rows that satisfy a query, which must at least look like one."""
    if not isinstance(query, dict) or not query:
        raise parameter("query", "Invalid query")
    return [row for row in rows if matches(query, resolver(row))]


def matches(query: Any, resolve: Resolve, depth: int = 0) -> bool:
    """Whether an object satisfies a query. `resolve` gives a field's value (a list: any of it)
    and raises KeyError for a field that cannot be searched."""
    if not isinstance(query, dict) or "operator" not in query or "value" not in query:
        raise parameter("query", "Invalid query")
    operator, value = query["operator"], query["value"]
    if "field" in query:
        try:
            found = resolve(str(query["field"]))
        except KeyError:
            raise parameter("field", f"Invalid field: {query['field']}") from None
        return _compare(operator, found, value)
    if operator not in ("AND", "OR") or not isinstance(value, list) or depth > 2:
        raise parameter("operator", "Invalid operator or nesting")
    if len(value) > MAX_FILTERS:
        raise parameter("value", "Too many filters")
    results = [matches(part, resolve, depth + 1) for part in value]
    return all(results) if operator == "AND" else any(results)


def _compare(operator: str, found: Any, value: Any) -> bool:
    if operator in ("IN", "NIN"):
        if not isinstance(value, list):
            raise parameter("value", "Value must be an array", "type_mismatch")
        inside = any(_compare("=", found, one) for one in value)
        return inside if operator == "IN" else not inside
    if operator in ("!=", "!~"):
        return not _compare(operator[-1], found, value)
    if isinstance(found, list):
        return any(_compare(operator, one, value) for one in found)
    if operator in ("<", ">", "<=", ">="):
        return _order(operator, found, value)
    have, want = _word(found), _word(value)
    tests = {
        "=": have == want,
        "~": want in have,
        "^": have.startswith(want),
        "$": have.endswith(want),
    }
    if operator not in tests:
        raise parameter("operator", f"Invalid operator: {operator}")
    return tests[operator]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).lower()


def _order(operator: str, found: Any, value: Any) -> bool:
    """Dates and integers. Strictness is Intercom's: `>` on conversations includes equality."""
    try:
        have, want = int(found), int(value)
    except (TypeError, ValueError):
        return False
    return have >= want if operator.startswith(">") else have <= want


def page(rows: Sequence[Any], pagination: Any, default: int) -> tuple[list[Any], dict[str, Any]]:
    """The wanted page of the rows and its `pages` object."""
    wanted = pagination if isinstance(pagination, dict) else {}
    try:
        per_page = min(150, max(1, int(wanted.get("per_page") or default)))
        after = wanted.get("starting_after")
        start = int(base64.urlsafe_b64decode(str(after)).decode()) if after else 0
    except ValueError:
        raise ApiError(400, "parameter_invalid", "Invalid pagination") from None
    pages: dict[str, Any] = {
        "type": "pages",
        "page": start // per_page + 1,
        "per_page": per_page,
        "total_pages": math.ceil(len(rows) / per_page),
    }
    if start + per_page < len(rows):
        cursor = base64.urlsafe_b64encode(str(start + per_page).encode()).decode()
        pages["next"] = {"per_page": per_page, "starting_after": cursor}
    return list(rows[start : start + per_page]), pages
