"""Retention: what is older than a tenant keeps it goes, a few rows at a time.

Contents go, what statistics need stays: a conversation keeps its times, its status and its
ticket's id, a message its author, type, time and status. Customers of whom nothing was heard
keep their ids, so that what a bot has stored stays valid. Every step is a short transaction on
ended sessions alone, found by index; stopped anywhere, the next run goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from conversations.flows import media
from conversations.flows.locking import locked
from conversations.models import (
    UNFINISHED,
    Attempt,
    Contact,
    Conversation,
    ConversationTag,
    Delivery,
    Event,
    Message,
    Receipt,
    User,
    UserTag,
)
from conversations.models.users import KNOWN_CUSTOMER
from hitl_bridge.models import AuditEntry, Tenant

ROWS = 500  # at most in one transaction
FILES = 20  # at most between two looks at the clock
CONVERSATIONS = 100  # ids read at once

Step = tuple[str, int]  # what of, how many rows


def steps(now: datetime | None = None, tenants: QuerySet[Tenant] | None = None) -> Iterator[Step]:
    """Do it, yielding after each short transaction: stop whenever there is no more time."""
    now = now or timezone.now()
    for tenant in (Tenant.objects.all() if tenants is None else tenants).order_by("pk"):
        if tenant.receipt_days is not None:
            yield from _receipts(tenant, now - timedelta(days=tenant.receipt_days))
        if tenant.content_days is not None:
            before = now - timedelta(days=tenant.content_days)
            yield from _conversations(tenant, before)
            yield from _customers(tenant, before)
    if tenants is None and settings.AUDIT_DAYS:
        yield from _logs(now - timedelta(days=settings.AUDIT_DAYS))


def waiting(now: datetime | None = None, tenants: QuerySet[Tenant] | None = None) -> Counter[str]:
    """How much `steps` would find now."""
    now, found = now or timezone.now(), Counter[str]()
    for tenant in Tenant.objects.all() if tenants is None else tenants:
        if tenant.receipt_days is not None:
            before = now - timedelta(days=tenant.receipt_days)
            found["webhooks"] += _old_receipts(tenant, before).count()
        if tenant.content_days is not None:
            before = now - timedelta(days=tenant.content_days)
            found["conversations"] += old_conversations(tenant, before).count()
            found["customers"] += old_customers(tenant, before).count()
    return found


def run_for(seconds: float, clock: Callable[[], float]) -> Counter[str]:
    """As much as fits into so many seconds."""
    until, done = clock() + seconds, Counter[str]()
    for name, count in steps():
        done[name] += count
        if clock() > until:
            break
    return done


# --- webhooks -------------------------------------------------------------------------------------


def _old_receipts(tenant: Tenant, before: datetime) -> QuerySet[Receipt]:
    """Those that are not to be applied any more."""
    owned = Q(installation__in=tenant.installations.values("pk")) | Q(
        app__in=tenant.apps.values("pk")
    )
    return Receipt.objects.filter(owned, received_at__lt=before, retry_at=None)


def _receipts(tenant: Tenant, before: datetime) -> Iterator[Step]:
    rows = _old_receipts(tenant, before).order_by("received_at").values_list("pk", flat=True)
    while found := list(rows[:ROWS]):
        yield "webhooks", Receipt.objects.filter(pk__in=found).delete()[0]


# --- conversations --------------------------------------------------------------------------------


def old_conversations(tenant: Tenant, before: datetime) -> QuerySet[Conversation]:
    """Ended ones with contents, of which nothing is on its way any more."""
    on_its_way = Delivery.objects.filter(conversation=OuterRef("pk"), state__in=UNFINISHED)
    return Conversation.objects.filter(
        ~Exists(on_its_way), tenant=tenant, purged_at=None, stopped_at__lt=before
    )


def _conversations(tenant: Tenant, before: datetime) -> Iterator[Step]:
    rows = old_conversations(tenant, before).order_by("stopped_at")
    while found := list(rows[:CONVERSATIONS]):
        for conversation in found:
            yield from _empty(conversation)


def _empty(conversation: Conversation) -> Iterator[Step]:
    """From the outside in; the mark that it is empty comes last."""
    while count := media.delete_files(conversation.media.all()[:FILES]):
        yield "files", count
    now, last = timezone.now(), conversation.last_message_sequence
    for low in range(0, last, ROWS):
        messages = Message.objects.filter(
            conversation=conversation, sequence__gt=low, sequence__lte=low + ROWS
        )
        redacted = Coalesce("redacted_at", Value(now))
        yield (
            "messages",
            messages.update(payload={}, additional_data="", failure="", redacted_at=redacted),
        )
    for low in range(0, conversation.last_event_sequence, ROWS):
        events = Event.objects.filter(
            conversation=conversation, sequence__gt=low, sequence__lte=low + ROWS
        )
        yield "events", events.update(data={"conversationId": conversation.pk, "purged": True})
    yield from _deliveries(conversation)
    with transaction.atomic():
        row = locked(conversation.pk)
        ConversationTag.objects.filter(conversation=row).delete()
        row.title = row.description = row.failure = ""
        row.transcript, row.hitl_session = [], {}
        row.purged_at = now
        row.save(
            update_fields=[
                "title", "description", "failure", "transcript", "hitl_session", "purged_at"
            ]
        )  # fmt: skip
    yield "conversations", 1


def _deliveries(conversation: Conversation) -> Iterator[Step]:
    last = 0
    rows = Delivery.objects.filter(conversation=conversation).exclude(state__in=UNFINISHED)
    ids = rows.order_by("pk").values_list("pk", flat=True)
    while found := list(ids.filter(pk__gt=last)[:ROWS]):
        last = found[-1]
        Attempt.objects.filter(delivery__in=found).exclude(error="").update(error="")
        some = Delivery.objects.filter(pk__in=found)
        yield "deliveries", some.update(payload={}, progress={}, error="")


# --- customers ------------------------------------------------------------------------------------


def old_customers(tenant: Tenant, before: datetime) -> QuerySet[User]:
    """Of whom nothing was heard since, and whose sessions are all emptied."""
    kept = Conversation.objects.filter(user=OuterRef("pk"), purged_at=None)
    return User.objects.filter(KNOWN_CUSTOMER, ~Exists(kept), tenant=tenant, updated_at__lt=before)


def _customers(tenant: Tenant, before: datetime) -> Iterator[Step]:
    while True:
        with transaction.atomic():
            rows = old_customers(tenant, before).order_by("updated_at")
            # Somebody who comes back at this moment is not held up, and stays.
            locked_rows = rows.select_for_update(of=("self",), skip_locked=True)
            found = [row.pk for row in locked_rows[:CONVERSATIONS]]
            UserTag.objects.filter(user__in=found).delete()
            Contact.objects.filter(user__in=found).delete()
            empty = dict.fromkeys(("name", "email", "phone", "picture_url"), "")
            count = User.objects.filter(pk__in=found).update(**empty)
        if not count:
            return
        yield "customers", count


# --- the platform's own records -------------------------------------------------------------------


def _logs(before: datetime) -> Iterator[Step]:
    """The audit log and the admin's notes, oldest first."""
    while oldest := AuditEntry.objects.filter(at__lt=before).order_by("at")[:ROWS]:
        last = max(one.at for one in oldest)
        yield "audit", AuditEntry.objects.forget(min(before, last + timedelta(microseconds=1)))
    logged = LogEntry.objects.filter(action_time__lt=before).order_by("pk")
    while found := list(logged.values_list("pk", flat=True)[:ROWS]):
        yield "admin notes", LogEntry.objects.filter(pk__in=found).delete()[0]
