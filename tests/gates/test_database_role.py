"""The role that docs/operators/database-role.md describes is enough to work, and for no more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from tests.environment import FIXED

pytestmark = pytest.mark.postgres
WORK = """
from conversations.flows.messages import NewMessage, send_message
from conversations.models import Message
from hitl_bridge import audit
from hitl_bridge.models import AuditAction, AuditEntry
from django.utils import timezone
from tests import factories
session = factories.conversation()
send_message(session.bot, session.pk, NewMessage("text", {"text": "Hi"}, user_id=session.user_id))
Message.objects.all().delete()
audit.record("a test", AuditAction.CHANGED, session)
assert AuditEntry.objects.filter(pk__gt=0).forget(timezone.now()) >= 1
audit.record("a test", AuditAction.CHANGED, session)
print("worked")
"""
FORBIDDEN = (
    "update hitl_bridge_auditentry set actor_name = 'x'",
    "delete from hitl_bridge_auditentry",
    "truncate hitl_bridge_auditentry",
    "drop trigger hitl_bridge_audit_append_only on hitl_bridge_auditentry",
    "alter table hitl_bridge_auditentry disable trigger all",
    "set session_replication_role = replica",
    "drop table hitl_bridge_bot",
    "create table mine (id int)",
    "create role another",
    "select pg_read_file('/etc/passwd')",
    "copy hitl_bridge_bot to program 'cat'",
)


def _server() -> str:
    """The address of the server that the tests' database is on, without a database."""
    given = settings.DATABASES["default"]
    return f"{given['HOST'] or '127.0.0.1'}:{given['PORT'] or 5432}"


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """Of the owner and of the application's role, in a database of their own."""
    given = settings.DATABASES["default"]
    name = f"bridge_role_{uuid.uuid4().hex[:8]}"
    admin = {"host": given["HOST"] or "127.0.0.1", "user": given["USER"], "autocommit": True}
    admin |= {"port": given["PORT"] or 5432, "password": given["PASSWORD"] or None}
    page = Path(settings.BASE_DIR, "docs/operators/database-role.md").read_text()
    found = re.search(r"```sql\n(.*?)```", page, re.DOTALL)
    assert found is not None
    sql = re.sub(r"\bbridge(_owner|_app)?\b", lambda one: name + (one[1] or ""), found[1])
    sql = re.sub(r"(LOGIN)", r"\1 PASSWORD 'made-up'", sql)
    before, after = sql.split(f"\\c {name}\n")
    try:
        for database, text in (("postgres", before), (name, after)):
            with psycopg.connect(dbname=database, **admin) as connection:
                for statement in filter(str.strip, text.split(";")):
                    connection.execute(statement)
        yield (
            f"postgres://{name}_owner:made-up@{_server()}/{name}",
            f"postgres://{name}_app:made-up@{_server()}/{name}",
        )
    finally:
        with psycopg.connect(dbname="postgres", **admin) as connection:
            connection.execute(f'drop database if exists "{name}" with (force)')
            for role in ("_owner", "_app"):
                connection.execute(f'drop role if exists "{name}{role}"')


def manage(url: str, *words: str) -> str:
    environment = {**os.environ, **FIXED, "DATABASE_URL": url, "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_application_works_with_rows_alone(urls: tuple[str, str]) -> None:
    owner, app = urls
    manage(owner, "migrate", "--verbosity", "0")
    assert "worked" in manage(app, "shell", "-c", WORK)
    assert "Every stored secret" in manage(app, "rekey")
    with psycopg.connect(app, autocommit=True) as connection:
        count = connection.execute("select count(*) from hitl_bridge_auditentry").fetchone()
        assert count is not None
        assert count[0] >= 1
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
