"""What other rows say of a person: webhooks, stored answers, errors, the admin's own notes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import models, transaction
from django.db.models import Q

import providers
from conversations.flows.privacy.finding import Traces
from conversations.models import (
    IdempotentRequest,
    Receipt,
    ReceiptState,
    UnmatchedEvent,
    User,
)
from hitl_bridge.models import AuditEntry, Bot, Installation
from providers.types import WebhookRequest

BATCH = 500
OUR_ID = re.compile(r"(?:user|conv|msg)_[0-9A-Z]{26}")
EARLIER = timedelta(days=1)  # a webhook may tell of somebody before we know them


def forget(user: User, traces: Traces, since: datetime) -> int:
    """Empty or delete all of it; returns how many rows told of the person."""
    pattern = traces.pattern()
    speaks = _speaker(pattern, traces.ids)
    count = _receipts(user, speaks, traces.tickets, since - EARLIER)
    count += _rows(UnmatchedEvent.objects.filter(installation__bot=user.bot_id), speaks, _early)
    count += _rows(IdempotentRequest.objects.filter(bot=user.bot_id), speaks, _answer)
    _errors(user, speaks)
    return count + forget_notes("conversations", traces.ids)


def forget_notes(app: str, ids: Collection[str]) -> int:
    """The admin's and the audit log's words about these objects."""
    count, known = 0, sorted(ids)
    for start in range(0, len(known), BATCH):
        some = known[start : start + BATCH]
        logged = LogEntry.objects.filter(content_type__app_label=app, object_id__in=some)
        count += logged.delete()[0]
        audited = AuditEntry.objects.filter(target_type__startswith=f"{app}.", target_id__in=some)
        count += audited.redact()
    return count


def _speaker(pattern: re.Pattern[str] | None, ids: set[str]) -> Callable[[str], bool]:
    def speaks(text: str) -> bool:
        if any(found in ids for found in OUR_ID.findall(text)):
            return True
        return bool(pattern and pattern.search(text))

    return speaks


def receipts_about(
    user: User, speaks: Callable[[str], bool], tickets: set[str], since: datetime
) -> Iterator[Receipt]:
    """The stored webhooks that tell of the person.

    One that is still to be applied must name one of the tickets as what it is about: taken for
    somebody else's by a likeness of names, it would be lost.
    """
    homes = Installation.objects.filter(bot=user.bot_id)
    owned = Q(installation__in=homes.values("pk")) | Q(app__in=homes.values("app"))
    rows = Receipt.objects.filter(owned, received_at__gte=since).exclude(body="")
    for receipt in rows.select_related("installation", "app").iterator(BATCH):
        waits = receipt.state == ReceiptState.STORED
        if (_concerns(receipt, tickets) if waits else False) or (
            not waits and speaks(receipt.body)
        ):
            yield receipt


def _receipts(user: User, speaks: Callable[[str], bool], tickets: set[str], since: datetime) -> int:
    found = [row.pk for row in receipts_about(user, speaks, tickets, since)]
    for start in range(0, len(found), BATCH):
        rows = Receipt.objects.filter(pk__in=found[start : start + BATCH])
        rows.filter(state=ReceiptState.STORED).update(state=ReceiptState.IGNORED, retry_at=None)
        rows.update(body="", error="")
    return len(found)


def _concerns(receipt: Receipt, tickets: set[str]) -> bool:
    owner: Any = receipt.installation or receipt.app
    request = WebhookRequest("POST", "", {}, receipt.body.encode(), receipt.received_at)
    try:
        events = providers.get(owner.provider).parse(request)
    except Exception:  # noqa: BLE001 - whatever keeps it from being applied
        return any(ticket in receipt.body for ticket in tickets)
    return any(event.remote_id in tickets for event in events)


def _early(row: Any) -> str:
    return f"{row.remote_id} {json.dumps(row.event)}"


def _answer(row: Any) -> str:
    return f"{row.key} {json.dumps(row.response)}"


def _rows(
    rows: models.QuerySet[Any], speaks: Callable[[str], bool], text: Callable[[Any], str]
) -> int:
    """Delete those that tell of the person."""
    found = [row.pk for row in rows.iterator(BATCH) if speaks(text(row))]
    for start in range(0, len(found), BATCH):
        rows.filter(pk__in=found[start : start + BATCH]).delete()
    return len(found)


def _errors(user: User, speaks: Callable[[str], bool]) -> None:
    """Errors quote what a help desk or a bot answered."""
    desks = Installation.objects.filter(bot=user.bot_id)
    with transaction.atomic():
        for row in (*desks, Bot.objects.get(pk=user.bot_id)):
            for name in ("last_error", "status_reason", "hold_reason"):
                if speaks(getattr(row, name, "") or ""):
                    type(row)._base_manager.filter(pk=row.pk).update(**{name: ""})
        past: Any = Installation.history  # made by simple_history
        for old in past.filter(id__in=desks.values("pk")).exclude(status_reason=""):
            if speaks(old.status_reason):
                past.filter(pk=old.pk).update(status_reason="")
