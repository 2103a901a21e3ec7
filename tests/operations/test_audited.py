"""What people do stands in the audit log: who, what, from where, and no secret."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client

from hitl_bridge import audit
from hitl_bridge.declarative import apply_file
from hitl_bridge.models import AuditAction, AuditEntry, Bot, Membership
from tests import factories

pytestmark = pytest.mark.django_db
SECRET = "whsec_" + "Q" * 40 + "AAA="


@pytest.fixture(autouse=True)
def _plain_http(settings) -> None:
    settings.SECURE_SSL_REDIRECT = False


def entries(**where) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(**where))


def dumped() -> str:
    return json.dumps([[one.target_label, one.details] for one in entries()])


def test_a_change_in_the_admin_says_what_was_and_what_is(admin_client: Client) -> None:
    bot = factories.bot(name="Old name", connector="feed", callback_url="", callback_secret="")
    page = f"/admin/hitl_bridge/bot/{bot.pk}/change/"
    data = {"slug": bot.slug, "name": "New name", "connector": "callback", "enabled": "on",
            "callback_url": "https://bot.example.com/new", "callback_secret": SECRET}  # fmt: skip
    form = admin_client.get(page).context["inline_admin_formsets"][0].formset
    answer = admin_client.post(page, {**management(form), **data})
    assert answer.status_code == 302
    entry = AuditEntry.objects.get(target_type="hitl_bridge.bot")
    assert entry.details["changes"]["name"] == ["Old name", "New name"]
    assert entry.details["changes"]["callback_secret"] == "changed"
    assert (entry.actor_name, entry.ip, entry.tenant) == ("admin", "127.0.0.1", bot.tenant)
    assert SECRET not in dumped()
    assert Bot.objects.get().callback_secret == SECRET


def management(formset) -> dict[str, int]:
    """What a form of rows within another posts of itself."""
    form = formset.management_form
    return {f"{formset.prefix}-{name}": form.initial[name] for name in form.initial}


def test_keys_are_noted_when_issued_and_revoked(admin_client: Client) -> None:
    bot = factories.bot()
    page = f"/admin/hitl_bridge/bot/{bot.pk}/act/issue-key/"
    shown = admin_client.post(page, {"name": "main", "scopes": ["read"]}).context["text"]
    key = bot.api_keys.get()
    admin_client.post(f"/admin/hitl_bridge/apikey/{key.pk}/act/revoke/")
    assert [one.details["did"] for one in entries(action="changed")] == [
        "Revoked.", "Issued the API key “main”."
    ]  # fmt: skip
    assert shown not in dumped()


def test_reading_a_transcript_is_noted_once_per_page(admin_client: Client) -> None:
    session = factories.conversation(factories.installation(), title="Private matter")
    page = f"/admin/conversations/conversation/{session.pk}/change/"
    assert admin_client.get(page).status_code == 200
    entry = AuditEntry.objects.get(action="read")
    assert (entry.target_id, entry.tenant) == (session.pk, session.tenant)
    assert "Private" not in dumped()


def test_logins_and_failed_logins_are_noted(client: Client) -> None:
    person = User.objects.create_user("olga", password="pw-of-olga", is_staff=True)
    for password in ("wrong-canary", "pw-of-olga"):
        client.post("/admin/login/", {"username": "olga", "password": password})
    client.post("/admin/logout/")
    Client().post("/admin/login/", {"username": "pw-typed-as-name", "password": "x"})
    found = [(one.action, one.actor_name) for one in reversed(entries())]
    assert found == [
        ("loginFailed", "olga"), ("loggedIn", "olga"), ("loggedOut", "olga"),
        ("loginFailed", "an unknown name"),
    ]  # fmt: skip
    assert {one.ip for one in entries()} == {"127.0.0.1"}
    assert "canary" not in dumped()
    assert entries(actor=person)


def test_a_new_account_is_noted_without_its_password(admin_client: Client) -> None:
    tenant = factories.tenant()
    data = {"username": "rui", "password1": "canary-Word-77", "password2": "canary-Word-77",
            "usable_password": "true", "tenant": tenant.pk, "role": "support"}  # fmt: skip
    answer = admin_client.post("/admin/auth/user/add/", data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    (entry,) = entries(target_type="auth.user", target_label="rui")
    assert entry.tenant == tenant  # whose operators see it
    assert "canary" not in dumped()


def test_a_changed_role_is_noted(admin_client: Client) -> None:
    member = Membership.objects.create(
        user=User.objects.create_user("rui"), tenant=factories.tenant(), role="support"
    )
    admin_client.post(f"/admin/hitl_bridge/membership/{member.pk}/change/", {"role": "operator"})
    entry = AuditEntry.objects.get(target_type="hitl_bridge.membership")
    assert entry.details["changes"] == {"role": ["support", "operator"]}
    assert entry.tenant == member.tenant


def test_apply_notes_what_it_changed(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text("tenants: [{slug: acme, name: Acme, bots: [{slug: b, connector: feed}]}]")
    apply_file(file)
    apply_file(file)
    assert sorted(one.target_type for one in entries()) == [
        "hitl_bridge.bot", "hitl_bridge.tenant"
    ]  # fmt: skip
    assert {one.actor_name for one in entries()} == {"manage.py apply"}


def test_a_dry_run_notes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text("tenants: [{slug: acme}]")
    apply_file(file, dry_run=True)
    assert not entries()


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_is_filtered_is_exported_and_noted(admin_client: Client, kind: str) -> None:
    tenant = factories.tenant(slug="acme", name="=HYPERLINK(1)")
    audit.record("cron", AuditAction.READ, tenant)
    chosen = AuditEntry.objects.get(action="read")
    answer = admin_client.post(
        "/admin/hitl_bridge/auditentry/?action__exact=read",
        {"action": f"export_{kind}", "_selected_action": [chosen.pk], "select_across": "1"},
    )
    text = answer.getvalue().decode()
    if kind == "csv":
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["target_label"] == "'=HYPERLINK(1)"
    else:
        (row,) = [json.loads(line) for line in text.splitlines()]
    assert (row["tenant"], row["actor_name"], row["action"]) == ("acme", "cron", "read")
    assert AuditEntry.objects.get(action="exported").details["rows"] == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE hitl_bridge_auditentry SET actor_name = 'x'",
        "UPDATE hitl_bridge_auditentry SET ip = '10.0.0.1'",
        "UPDATE hitl_bridge_auditentry SET actor_id = NULL, details = '{}'",
        "DELETE FROM hitl_bridge_auditentry",
    ],
)
def test_the_database_refuses_what_the_model_would(statement: str) -> None:
    audit.record("cron", AuditAction.READ, factories.tenant(), what="a list")
    refused = pytest.raises(DatabaseError, match="only ever added to")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.get().actor_name == "cron"
