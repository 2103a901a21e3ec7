"""Changes to the schema that lock nothing: for migrations on tables that may be large."""

from __future__ import annotations

from typing import Any

from django.db.migrations import AddIndex, RunPython
from django.db.migrations.operations.base import Operation


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


def word_index(name: str, table: str, expression: str) -> Operation:
    """An index of the words in an expression, on PostgreSQL; other databases have none."""

    def make(apps: Any, schema_editor: Any) -> None:
        del apps
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
            schema_editor.execute(
                f'CREATE INDEX CONCURRENTLY "{name}" ON "{table}" USING gin ({expression})'
            )

    def drop(apps: Any, schema_editor: Any) -> None:
        del apps
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f'DROP INDEX IF EXISTS "{name}"')

    return RunPython(make, drop)
