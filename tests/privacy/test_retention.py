"""What a tenant keeps no longer goes by itself; what statistics need stays."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from conversations.flows.privacy import retention
from conversations.models import (
    Conversation,
    Delivery,
    DeliveryState,
    Message,
    Receipt,
    User,
)
from conversations.models.users import KNOWN_CUSTOMER
from hitl_bridge import audit
from hitl_bridge.declarative import DeclarationError, apply_file
from hitl_bridge.models import AuditAction, AuditEntry, Tenant
from tests import factories
from tests.privacy.conftest import CANARY, canaries, files, fill

pytestmark = pytest.mark.django_db
SEARCHED = (
    "User",
    "Conversation",
    "Message",
    "Event",
    "Delivery",
    "Contact",
    "MediaFile",
    "Attempt",
)


def age(session: Conversation, days: int) -> None:
    """As if it had ended so long ago."""
    then = timezone.now() - timedelta(days=days)
    Delivery.objects.filter(conversation=session).update(state=DeliveryState.DONE)
    Conversation.objects.filter(pk=session.pk).update(
        status="stopped", stop_reason="agentClosed", stopped_at=then
    )
    User.objects.filter(pk=session.user_id).update(updated_at=then)
    Receipt.objects.update(received_at=then)


def purge() -> dict[str, int]:
    return dict(retention.run_for(60, lambda: 0.0))


def contents() -> list[str]:
    """The rows in which something is left that was said, or of whom."""
    labels = tuple(f"conversations.{name}" for name in SEARCHED)
    left = [line for line in canaries() if line.startswith(labels)]
    # What the bot or the help desk calls them stays.
    return [one for one in left if CANARY in one.replace(f"{CANARY}-chat", "").replace(
        f"{CANARY}-crm", "")]  # fmt: skip


def test_old_contents_go_and_the_figures_stay(session: Conversation, media_root: Path) -> None:
    age(session, 91)
    assert contents()
    done = purge()
    assert (done["conversations"], done["customers"], done["webhooks"]) == (1, 1, 2)
    assert not contents()
    assert not files(media_root)
    session.refresh_from_db()
    assert session.purged_at
    assert session.remote_id
    message = Message.objects.get(author="user")
    assert (message.payload, message.status, message.type) == ({}, "sent", "text")
    assert message.redacted_at
    assert purge() == {}


def test_what_is_younger_stays(session: Conversation) -> None:
    age(session, 13)
    assert purge() == {}
    assert contents()


def test_webhooks_go_before_contents_do(session: Conversation) -> None:
    age(session, 15)
    assert purge() == {"webhooks": 2}
    assert contents()


def test_a_tenant_may_keep_for_ever(session: Conversation) -> None:
    Tenant.objects.update(content_days=None, receipt_days=None)
    age(session, 4000)
    assert purge() == {}


def test_open_sessions_and_what_is_on_its_way_stay(session: Conversation) -> None:
    Conversation.objects.update(created_at=timezone.now() - timedelta(days=200))
    User.objects.update(updated_at=timezone.now() - timedelta(days=200))
    assert "conversations" not in purge()
    age(session, 91)
    Delivery.objects.filter(pk=Delivery.objects.all()[0].pk).update(state=DeliveryState.PENDING)
    assert "conversations" not in purge()
    assert User.objects.filter(KNOWN_CUSTOMER).exists()


def test_a_webhook_that_waits_to_be_applied_stays(session: Conversation) -> None:
    age(session, 91)
    Receipt.objects.filter(key="1").update(retry_at=timezone.now())
    purge()
    assert Receipt.objects.get().key == "1"


def test_it_goes_on_where_it_was_stopped(session: Conversation) -> None:
    fill(session, 2 * retention.ROWS)
    age(session, 91)
    steps = retention.steps()
    next(step for step in steps if step[0] == "messages")
    del steps  # which is what a stop does to it
    assert contents()
    purge()
    assert not contents()


def test_the_command_counts_and_purges(session: Conversation) -> None:
    age(session, 91)
    out = io.StringIO()
    call_command("purge", dry_run=True, stdout=out)
    assert "2 webhooks, 1 conversations" in out.getvalue()
    assert contents()
    call_command("purge", tenant=session.tenant.slug, stdout=out)
    assert "Purged: " in out.getvalue()
    assert not contents()


def test_a_purged_conversation_can_still_be_looked_at(
    session: Conversation, admin_client: object, drain: Callable[..., None]
) -> None:
    age(session, 91)
    purge()
    page = admin_client.get(f"/admin/conversations/conversation/{session.pk}/change/")  # type: ignore[attr-defined]
    assert page.status_code == 200
    assert CANARY not in page.content.decode().replace(f"{CANARY}-chat", "")


def test_old_entries_of_the_audit_log_go(settings: object) -> None:
    entry = audit.record("cron", AuditAction.READ, factories.tenant())
    assert purge() == {}
    done = dict(retention.steps(now=entry.at + timedelta(days=731)))
    assert done["audit"] == 1
    assert not AuditEntry.objects.exists()


def test_a_file_declares_it(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    text = "tenants:\n  - slug: acme\n    retention: {content_days: 30, receipt_days: forever}\n"
    file.write_text(text)
    apply_file(file)
    tenant = Tenant.objects.get()
    assert (tenant.content_days, tenant.receipt_days) == (30, None)
    assert not apply_file(file).changes
    file.write_text(text.replace("30", "0"))
    with pytest.raises(DeclarationError, match="from 1 to 3650, or forever"):
        apply_file(file)


@pytest.mark.postgres
def test_batches_are_found_by_index(session: Conversation) -> None:
    """On hot tables: no plan may read a table from end to end, were it large."""
    tenant, before = session.tenant, timezone.now()
    plans = [
        retention.old_conversations(tenant, before).order_by("stopped_at")[:100],
        retention.old_customers(tenant, before).order_by("updated_at")[:100],
        retention._old_receipts(tenant, before).order_by("received_at")[:500],
        Message.objects.filter(conversation=session, sequence__gt=0, sequence__lte=500),
        Delivery.objects.filter(conversation=session, pk__gt=0).order_by("pk")[:500],
    ]
    hot = ("conversations_conversation", "conversations_user", "conversations_receipt",
           "conversations_message", "conversations_delivery")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # the test's tables are small
    for rows in plans:
        plan = rows.explain()
        for table in hot:
            assert f"Seq Scan on {table} " not in plan, plan
