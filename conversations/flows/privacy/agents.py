"""Erasing an agent: their words belong to the customers' conversations, their name goes.

The row stays without anything that says who it was: whose messages belong together can be seen,
and a webhook about the agent would make a new one.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction

from conversations.flows.privacy import traces
from conversations.flows.privacy.finding import Traces
from conversations.models import UNFINISHED, Delivery, DeliveryKind, Event, User
from hitl_bridge import audit
from hitl_bridge.audit import Who
from hitl_bridge.models import AuditAction

BATCH = 500


def erase(agent: User, by: Who) -> int:
    """Take the agent's name, address, picture and id from everything; returns how many rows."""
    words = {agent.name, agent.email, agent.picture_url} - {""}
    count = _events(agent) + _deliveries(agent, words)
    count += traces.forget(agent, Traces({agent.pk}, words=words), agent.created_at)
    with transaction.atomic():
        audit.record(by, AuditAction.ERASED, agent, rows=count)
        agent.name = agent.email = agent.phone = agent.picture_url = ""
        agent.external_id = f"erased:{agent.pk}"
        agent.save()
    return count


def _events(agent: User) -> int:
    """What bots were told of them."""
    count, last = 0, 0
    rows = Event.objects.filter(bot=agent.bot_id).order_by("pk_number")
    while batch := list(rows.filter(pk_number__gt=last)[:BATCH]):
        last = batch[-1].pk_number
        theirs = [one for one in batch if (one.data.get("agent") or {}).get("userId") == agent.pk]
        for event in theirs:
            event.data = {**event.data, "agent": {"userId": agent.pk}}
        Event.objects.bulk_update(theirs, ["data"])
        count += len(theirs)
    return count


def _deliveries(agent: User, words: set[str]) -> int:
    """What the help desk told of them, as it was queued; what is done is needed no more."""
    count, last = 0, 0
    rows = Delivery.objects.filter(
        conversation__installation=agent.installation_id, kind=DeliveryKind.RECEIVE
    ).exclude(state__in=UNFINISHED)
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        found = [row.pk for row in batch if _tells(row.payload, words | {agent.external_id})]
        count += Delivery.objects.filter(pk__in=found).update(payload={}, progress={})
    return count


def _tells(payload: Any, words: set[str]) -> bool:
    text = json.dumps(payload, ensure_ascii=False)
    return any(word and word in text for word in words)
