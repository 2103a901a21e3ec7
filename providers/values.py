"""Types for vendors' JSON, where one thing is now a text, now a number, now null.

Pydantic's own checks follow: what these functions leave alone is an error where it is no text.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from providers.types import storable

T = TypeVar("T")


def clean_text(value: Any) -> Any:
    """A text that any database and UTF-8 can hold; null counts as empty."""
    if value is None:
        return ""
    return storable(value) if isinstance(value, str) else value


def number_or_text(value: Any) -> Any:
    """Ids are numbers in one place and texts in the next; null counts as empty."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _empty_if_null(value: Any) -> Any:
    return [] if value is None else value


Text = Annotated[str, BeforeValidator(clean_text)]
ListOf = Annotated[list[T], BeforeValidator(_empty_if_null)]
TupleOf = Annotated[tuple[T, ...], BeforeValidator(_empty_if_null)]
