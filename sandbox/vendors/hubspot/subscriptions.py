"""Webhooks of the app: which events are subscribed to, and the events themselves.

https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from sandbox import webhooks
from sandbox.models import Account, OutgoingWebhook, Part, Ticket
from sandbox.vendors.hubspot import shapes, store, wanted
from sandbox.vendors.hubspot.http import Call, by_developer, invalid, not_found

Json = dict[str, Any]
LANE = "subscriptions"  # one per account: what waits is sent as one batch
BATCH = 100
PLAIN = (
    "conversation.creation",
    "conversation.deletion",
    "conversation.privacyDeletion",
    "conversation.newMessage",
)
CHANGE = "conversation.propertyChange"
PROPERTIES = ("assignedTo", "status", "isArchived")
ALL = tuple((kind, "") for kind in PLAIN) + tuple((CHANGE, name) for name in PROPERTIES)


def _defaults(account: Account) -> list[Json]:
    made = shapes.stamp(account.created_at)
    return [
        {
            "id": str(90 + number),
            "eventType": kind,
            "active": True,
            "createdAt": made,
            **({"propertyName": name} if name else {}),
        }
        for number, (kind, name) in enumerate(ALL)
    ]


def subscribed(account: Account) -> list[Json]:
    """The app's subscriptions; every one that there is, until the API has changed them."""
    kept: list[Json] | None = store.load(account)["subscriptions"]
    return _defaults(account) if kept is None else kept


# --- events ---------------------------------------------------------------------------------


def event(ticket: Ticket, kind: str, *, via_api: bool = False, **extra: Any) -> Json:
    """One event, of a thread."""
    credentials = ticket.account.credentials
    return {
        "eventId": random.getrandbits(31),
        "subscriptionId": 0,
        "portalId": int(credentials["portal_id"]),
        "appId": int(credentials["app_id"]),
        "occurredAt": int(timezone.now().timestamp() * 1000),
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": int(ticket.vendor_id),
        "changeSource": "INTEGRATION" if via_api else "CRM",
        **extra,
    }


def changed(ticket: Ticket, name: str, value: str, *, part: Part | None = None) -> Json:
    """A property of a thread has a new value."""
    return event(
        ticket,
        CHANGE,
        via_api=bool(part and part.via_api),
        propertyName=name,
        propertyValue=value,
    )


def message(ticket: Ticket, part: Part) -> Json:
    """Something was written on a thread."""
    return event(
        ticket,
        "conversation.newMessage",
        via_api=part.via_api,
        messageId=part.vendor_id,
        messageType="MESSAGE" if shapes.is_spoken(part) else "COMMENT",
        changeFlag="NEW_MESSAGE",
    )


def batch(account: Account, events: list[Json]) -> Iterator[tuple[str, Json]]:
    """The webhook for those of the events that are subscribed to: topic and payload.

    Setting `topics` narrows that down: a list of topics such as `conversation.newMessage` or
    `conversation.propertyChange:status`.
    """
    topics: list[str] | None = account.setting("topics")
    wanted_events = []
    for one in events:
        kind, name = one["subscriptionType"], one.get("propertyName", "")
        for subscription in subscribed(account):
            same = (kind, name) == (subscription["eventType"], subscription.get("propertyName", ""))
            if same and subscription["active"] and (topics is None or _topic(one) in topics):
                wanted_events.append({**one, "subscriptionId": int(subscription["id"])})
    if wanted_events:
        yield _topics(wanted_events), {"events": wanted_events}


def _topic(one: Json) -> str:
    name = one.get("propertyName")
    return str(one["subscriptionType"]) + (f":{name}" if name else "")


def _topics(events: list[Json]) -> str:
    return ",".join(dict.fromkeys(_topic(one) for one in events))[:80]


@transaction.atomic
def gather(row: OutgoingWebhook) -> list[Json]:
    """The webhook's events with all that wait behind it, in no order, as HubSpot sends them."""
    waiting = OutgoingWebhook.objects.filter(
        lane=row.lane, state=OutgoingWebhook.DUE, next_attempt_at__lte=timezone.now()
    ).exclude(pk=row.pk)
    events = list(row.payload["events"])
    for other in waiting.order_by("id"):
        if len(events) + len(other.payload.get("events", [])) <= BATCH:
            events += other.payload.get("events", [])
            other.delete()
    random.Random(row.pk).shuffle(events)
    row.payload, row.topic = {"events": events}, _topics(events)
    row.save(update_fields=["payload", "topic"])
    return [{**one, "attemptNumber": row.attempts} for one in events]


# --- configuration --------------------------------------------------------------------------


def _own(call: Call, app_id: str) -> Account:
    if app_id != call.account.credentials["app_id"]:
        raise not_found("App not found")
    return call.account


def _settings(account: Account) -> Json:
    made = shapes.stamp(account.created_at)
    return {
        "targetUrl": account.webhook_url,
        "throttling": {"maxConcurrentRequests": 10},
        "createdAt": made,
        "updatedAt": made,
    }


@by_developer
def settings(call: Call, app_id: str) -> Json:
    """GET /settings."""
    return _settings(_own(call, app_id))


@by_developer
def save_settings(call: Call, app_id: str) -> Json:
    """PUT /settings: the target URL."""
    account, body = _own(call, app_id), call.read(wanted.HookSettings)
    if not body.target_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise invalid("targetUrl must use https")
    webhooks.save_url(account, body.target_url)
    return _settings(account)


@by_developer
def delete_settings(call: Call, app_id: str) -> None:
    """DELETE /settings."""
    webhooks.save_url(_own(call, app_id), "")


@by_developer
def listing(call: Call, app_id: str) -> Json:
    """GET /subscriptions."""
    return {"results": subscribed(_own(call, app_id))}


@by_developer
def create(call: Call, app_id: str) -> Json:
    """POST /subscriptions."""
    account, body = _own(call, app_id), call.read(wanted.Subscription)
    if (body.event_type, body.property_name) not in ALL:
        raise invalid("Invalid eventType or propertyName")
    row = {
        "id": str(account.next_number()),
        "eventType": body.event_type,
        "active": body.active,
        "createdAt": shapes.stamp(datetime.now(UTC)),
        **({"propertyName": body.property_name} if body.property_name else {}),
    }
    with store.change(account) as kept:
        kept["subscriptions"] = [*subscribed(account), row]
    return row


def _one(account: Account, subscription_id: str) -> Json:
    for row in subscribed(account):
        if row["id"] == subscription_id:
            return row
    raise not_found("Subscription not found")


@by_developer
def show(call: Call, app_id: str, subscription_id: str) -> Json:
    """GET /subscriptions/{subscriptionId}."""
    return _one(_own(call, app_id), subscription_id)


@by_developer
def update(call: Call, app_id: str, subscription_id: str) -> Json:
    """PATCH /subscriptions/{subscriptionId}: active."""
    account, body = _own(call, app_id), call.read(wanted.SubscriptionPatch)
    row = _one(account, subscription_id)
    row = {**row, "active": row["active"] if body.active is None else body.active}
    with store.change(account) as kept:
        rest = [one for one in subscribed(account) if one["id"] != subscription_id]
        kept["subscriptions"] = [*rest, row]
    return row


@by_developer
def remove(call: Call, app_id: str, subscription_id: str) -> None:
    """DELETE /subscriptions/{subscriptionId}."""
    account = _own(call, app_id)
    _one(account, subscription_id)
    with store.change(account) as kept:
        kept["subscriptions"] = [x for x in subscribed(account) if x["id"] != subscription_id]
