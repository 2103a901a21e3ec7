"""Trying many dead letters again: in order, each on its own, so that it may stop at any point.

What has been retried is no dead letter any more, so to go on after a stop is to start again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from conversations.flows import operators
from conversations.flows.problems import Conflict
from conversations.models import Delivery, DeliveryState
from hitl_bridge.audit import Who

BATCH = 200


def dead_since(rows: QuerySet[Delivery], since: datetime) -> QuerySet[Delivery]:
    """Those of the rows that became dead letters since then, in the order to try them in."""
    return rows.filter(state=DeliveryState.DEAD, finished_at__gte=since).order_by("id")


def retry_all(rows: QuerySet[Delivery], by: Who) -> Iterator[str]:
    """Retry each of the rows; for each "" or, as a sentence, why it can't be."""
    last = 0
    while True:
        batch = list(rows.filter(pk__gt=last).order_by("id").values_list("pk", flat=True)[:BATCH])
        if not batch:
            return
        for pk in batch:
            yield _retry(pk, by)
        last = batch[-1]


def _retry(pk: int, by: Who) -> str:
    try:
        operators.retry(pk, by)
    except Conflict as conflict:
        return conflict.detail
    return ""
