"""Encrypting stored secrets anew, row by row, while everything runs.

No lock is held but a row's own while it is written, and a value is replaced only where it is still
the one that was read: what somebody writes meanwhile, such as a refreshed token, is never undone.
Whatever is under the first key already is left alone, so it can be broken off and begun again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Cast

from hitl_bridge.encryption import (
    DecryptionError,
    EncryptedJSONField,
    EncryptedTextField,
    is_current,
    rotate,
)

TRIES = 3  # at a value that somebody else writes at the same time


@dataclass(slots=True)
class Progress:
    """How far one table is."""

    table: str
    seen: int = 0
    rewritten: int = 0
    outdated: int = 0  # found under another key than the first
    unreadable: list[str] = field(default_factory=list)  # column and row, never a value


def tables() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Every model that holds secrets, with its encrypted columns."""
    for model in apps.get_models():
        columns = [
            one.attname
            for one in model._meta.concrete_fields
            if isinstance(one, EncryptedTextField | EncryptedJSONField)
        ]
        if columns and model._meta.managed and not model._meta.proxy:
            yield model, columns


def rekey(
    model: type[models.Model], columns: list[str], *, batch: int = 500, write: bool = True
) -> Iterator[Progress]:
    """Go through one table, telling after each batch how far it is; `write=False` only looks."""
    progress = Progress(model._meta.label)
    last: Any = None
    while True:
        found = list(_stored(model, columns, last, batch))
        for pk, *values in found:
            for column, value in zip(columns, values, strict=True):
                _one(progress, model, pk, column, value, write)
        progress.seen += len(found)
        yield progress
        if len(found) < batch:
            return
        last = found[-1][0]


def _stored(model: type[models.Model], columns: list[str], after: Any, batch: int) -> Any:
    """The next rows as the database has them: key, ciphertexts."""
    rows = model._base_manager.order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    raw = [Cast(F(column), models.TextField()) for column in columns]
    return rows.values_list("pk", *raw)[:batch]


def _one(
    progress: Progress, model: type[models.Model], pk: Any, column: str, value: str, write: bool
) -> None:
    for attempt in range(TRIES):
        if not value or is_current(value):
            return
        progress.outdated += not attempt
        try:
            fresh = rotate(value)
        except DecryptionError:
            progress.unreadable.append(f"{column} of {pk}")
            return
        if not write:
            return
        if _replaced(model, pk, column, value, fresh):
            progress.rewritten += 1
            return
        # Somebody wrote it in between: their value counts, under whichever key it is.
        row = model._base_manager.filter(pk=pk)
        value = row.values_list(Cast(F(column), models.TextField()), flat=True).first() or ""


def _replaced(model: type[models.Model], pk: Any, column: str, old: str, new: str) -> bool:
    rows = model._base_manager.alias(stored=Cast(F(column), models.TextField()))
    changed = rows.filter(pk=pk, stored=old).update(
        **{column: Value(new, output_field=models.TextField())}
    )
    return bool(changed)
