"""Each migration can run while the release before it still works (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models.fields import NOT_PROVIDED

APPS = ("hitl_bridge", "conversations")
# What the first release was made of: no release is older, so nothing worked on an older schema.
BEFORE_THE_FIRST_RELEASE = {
    "hitl_bridge": "0003_encrypted_receipts_and_retries",
    "conversations": "0004_encrypted_receipts_and_retries",
}
FORBIDDEN = {
    operations.RemoveField: "removes a column: stop using it in one release, remove it in the next",
    operations.DeleteModel: "removes a table: likewise, one release later",
    operations.RenameField: "renames a column: add a new one, copy, remove the old one later",
    operations.RenameModel: "renames a table: likewise",
    operations.AlterModelTable: "renames a table: likewise",
}


def problem(operation: Operation) -> str:
    """Why the code of the release before could not work beside it; empty if it could."""
    for kind, why in FORBIDDEN.items():
        if isinstance(operation, kind):
            return why
    if isinstance(operation, operations.AddField) and not _may_be_left_out(operation.field):
        return "adds a column that older code does not fill: give it null=True or db_default"
    return ""


def _may_be_left_out(field: models.Field[Any, Any]) -> bool:
    return field.null or field.many_to_many or field.db_default is not NOT_PROVIDED


def released() -> Iterator[tuple[str, Sequence[Operation]]]:
    """Each migration since the first release, with its operations."""
    loader = MigrationLoader(None)
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in APPS and name > BEFORE_THE_FIRST_RELEASE[app]:
            yield f"{app}.{name}", migration.operations


def test_the_release_before_works_on_the_new_schema() -> None:
    wrong = {
        f"{name}: {operation.describe()}": why
        for name, found in released()
        for operation in found
        if (why := problem(operation))
    }
    assert not wrong


@pytest.mark.parametrize(
    "operation",
    [
        operations.RemoveField("bot", "name"),
        operations.RenameField("bot", "name", "title"),
        operations.DeleteModel("bot"),
        operations.AddField("bot", "x", models.CharField(max_length=1, default="")),
    ],
)
def test_the_check_finds_what_breaks_the_release_before(operation: Operation) -> None:
    assert problem(operation)


@pytest.mark.parametrize(
    "field",
    [models.CharField(max_length=1, null=True), models.CharField(max_length=1, db_default="")],
)
def test_the_check_lets_pass_what_older_code_need_not_know(field: models.Field[Any, Any]) -> None:
    assert not problem(operations.AddField("bot", "x", field))


def test_the_boundary_names_migrations_that_there_are(project: Path) -> None:
    for app, name in BEFORE_THE_FIRST_RELEASE.items():
        assert (project / app / "migrations" / f"{name}.py").exists()
