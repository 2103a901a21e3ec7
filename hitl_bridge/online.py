"""Changes to the schema that lock nothing: for migrations on tables that may be large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.migrations import AddIndex, RunPython
from django.db.migrations.operations.base import Operation

log = structlog.get_logger(__name__)


class AddIndexOnline(AddIndex):
    """AddIndex that lets others write meanwhile on PostgreSQL; its migration is not atomic."""

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return super().database_forwards(app_label, schema_editor, from_state, to_state)
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            # One that was cut off leaves a half-made index of that name.
            schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{self.index.name}"')
            schema_editor.add_index(model, self.index, concurrently=True)
        return None


def part_index(name: str, table: str, expression: str) -> Operation:
    """An index of all parts of a text, on PostgreSQL, if its extension pg_trgm is to be had.

    It comes with PostgreSQL, and whoever owns the database may switch it on. Without it nothing
    is missing but speed.
    """

    def make(apps: Any, schema_editor: Any) -> None:
        del apps
        if schema_editor.connection.vendor != "postgresql":
            return
        try:
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except DatabaseError as error:
            log.warning("no_index_of_parts", index=name, error=type(error).__name__)
            return
        schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
        schema_editor.execute(
            f'CREATE INDEX CONCURRENTLY "{name}" ON "{table}"'
            f" USING gin (({expression}) gin_trgm_ops)"
        )

    return RunPython(make, _drop(name))


def word_index(name: str, table: str, expression: str) -> Operation:
    """An index of the words in an expression, on PostgreSQL; other databases have none."""

    def make(apps: Any, schema_editor: Any) -> None:
        del apps
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
            schema_editor.execute(
                f'CREATE INDEX CONCURRENTLY "{name}" ON "{table}" USING gin ({expression})'
            )

    return RunPython(make, _drop(name))


def _drop(name: str) -> Callable[[Any, Any], None]:
    def drop(apps: Any, schema_editor: Any) -> None:
        del apps
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f'DROP INDEX IF EXISTS "{name}"')

    return drop
