"""The audit log is added to and never changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from hitl_bridge import audit
from hitl_bridge.models import AuditAction, AuditEntry
from hitl_bridge.models.audit import AppendOnly
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_entry_outlives_who_and_what_it_tells_of() -> None:
    olga = User.objects.create_user("olga")
    bot = factories.bot()
    audit.record(olga, AuditAction.CHANGED, bot, fields=["name"])
    tenant = bot.tenant
    olga.delete()
    tenant.delete()
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.actor, entry.tenant) == ("olga", None, None)
    assert (entry.target_type, entry.details) == ("hitl_bridge.bot", {"fields": ["name"]})


def test_the_tenant_is_found_by_the_bot_as_well() -> None:
    key, _ = factories.api_key(factories.bot())
    assert audit.record("cron", AuditAction.READ, key).tenant == key.bot.tenant
    assert audit.record("cron", AuditAction.READ, key.bot.tenant).tenant == key.bot.tenant


def test_secrets_and_texts_are_masked() -> None:
    details = {"client_secret": "hush", "inner": [{"text": "hush"}], "count": 3}
    entry = audit.record("cron", AuditAction.EXPORTED, factories.tenant(), **details)
    assert "hush" not in repr(entry.details)
    assert entry.details["count"] == 3


def test_nothing_changes_or_removes_an_entry() -> None:
    entry = audit.record("cron", AuditAction.READ, factories.tenant())
    for change in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(actor_name="x"),
        AuditEntry.objects.all().delete,
    ):
        with pytest.raises(AppendOnly):
            change()


def test_retention_forgets_the_old_ones_only() -> None:
    audit.record("cron", AuditAction.READ, factories.tenant())
    assert AuditEntry.objects.forget(timezone.now() - timedelta(days=1)) == 0
    assert AuditEntry.objects.forget(timezone.now()) == 1
