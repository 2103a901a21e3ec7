"""A copy of the database can be made while it is in use, and is looked at before it is used."""

from __future__ import annotations

import sqlite3
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from hitl_bridge import encryption
from tests import factories
from tests.conftest import ON_POSTGRES

OTHER_KEY = "B" * 42 + "A="


def said(command: str, *arguments: object) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.skipif(ON_POSTGRES, reason="PostgreSQL is copied by pg_dump")
@pytest.mark.django_db(transaction=True)
def test_a_copy_holds_what_was_committed(tmp_path: Path) -> None:
    desk = factories.installation()
    said("backup", tmp_path / "copy.sqlite3")
    with sqlite3.connect(tmp_path / "copy.sqlite3") as copy:
        assert copy.execute("SELECT id FROM hitl_bridge_installation").fetchall() == [(desk.pk,)]
    copy.close()
    assert (tmp_path / "copy.sqlite3").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(ON_POSTGRES, reason="PostgreSQL is copied by pg_dump")
@pytest.mark.django_db
def test_a_copy_replaces_no_file(tmp_path: Path) -> None:
    (tmp_path / "copy").touch()
    with pytest.raises(CommandError, match="exists already"):
        said("backup", tmp_path / "copy")


@pytest.mark.postgres
@pytest.mark.django_db
def test_on_postgresql_it_names_the_right_tool(tmp_path: Path) -> None:
    assert connection.vendor == "postgresql"
    with pytest.raises(CommandError, match="pg_dump"):
        said("backup", tmp_path / "copy")


@pytest.mark.django_db
def test_a_restored_database_is_read_whole(settings) -> None:
    talk = factories.conversation()
    assert talk.is_open
    found = said("check_restore")
    assert "hitl_bridge.installation.credentials: 1 of 1 can be read" in found
    assert "1 sessions are open" in found


@pytest.mark.django_db
def test_a_wrong_key_is_noticed_before_anything_runs(settings) -> None:
    factories.installation()
    settings.ENCRYPTION_KEYS = [OTHER_KEY]
    assert encryption.encrypt("x")
    with pytest.raises(CommandError, match="ENCRYPTION_KEYS"):
        said("check_restore")
