"""/webhooks: made with a HEAD to their address, signed with keys of their own, and what failed.

https://www.zoho.com/salesiq/help/developer-section/create-webhook-v2.html
"""

from __future__ import annotations

import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from sandbox import webhooks
from sandbox.models import Account, OutgoingWebhook
from sandbox.vendors.zoho import events, shapes, signature, state
from sandbox.vendors.zoho.http import Answer, ApiError, Call

Json = dict[str, Any]
MAX_KEYS = 2
MAX_RETRIES = 99  # of one failed execution, by hand
DAY = 86_400_000  # milliseconds
BY_HAND = "633800000099001"  # the webhook made under Settings > Webhooks: the account's webhook_url
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def all_of(account: Account) -> list[Json]:
    """The account's webhooks, with their private keys."""
    found = list(state.read(account).get("webhooks", []))
    if account.webhook_url and account.webhook_state == "active":
        key = {"id": "1", "private": account.credentials["webhook_private_key"]}
        found.append(
            {
                "id": BY_HAND,
                "url": account.webhook_url,
                "secured": True,
                "keys": [key],
                "version": 1,
            }
        )
    return found


def listening(account: Account, event: str) -> list[Json]:
    """The webhooks that want an event; one without a list wants all."""
    return [one for one in all_of(account) if event in one.get("events", events.EVENTS)]


def chosen(account: Account, payload: Json) -> Json | None:
    """The webhook that a payload belongs to; the first one, where it names none."""
    wanted = payload.get("webhook", {}).get("id")
    found = all_of(account)
    return next((one for one in found if wanted in (None, one["id"])), None)


def _public(hook: Json, account: Account, *, keys: bool = False) -> Json:
    """A webhook as it is shown. Keys are told only when one is made."""
    form = str(account.setting("key_format", "base64"))
    shown = [
        {
            "key": signature.public_key(key["private"], form) if keys else "",
            "creator": hook["creator"],
            "created_time": key["created_time"],
            "id": key["id"],
        }
        for key in hook["keys"]
    ]
    return {k: v for k, v in hook.items() if k != "keys"} | {"public_keys": shown}


def listing(call: Call) -> Answer:
    """GET /webhooks."""
    rows = state.read(call.account).get("webhooks", [])
    return "list", [_public(one, call.account) for one in rows]


def create(call: Call) -> Answer:
    """POST /webhooks. The address must answer a HEAD with 200, within 5 seconds."""
    wanted = _wanted(call)
    _knock(wanted["url"])
    who = {"id": call.account.agents.order_by("id")[0].vendor_id}
    now = str(int(time.time() * 1000))
    hook = {
        "id": _number(call.account),
        **wanted,
        "status": "enabled",
        "failures_count": "0",
        "creator": who,
        "modifier": who,
        "created_time": now,
        "modified_time": now,
        "keys": [],
    }
    with state.changing(call.account) as kept:
        kept["webhooks"] = [*kept.get("webhooks", []), hook]
    return "webhook", _public(hook, call.account)


def _number(account: Account) -> str:
    return str(633800000000 + account.next_number())


def _wanted(call: Call) -> Json:
    kind, url = call.text("type"), call.text("url")
    if kind not in ("data", "administration"):
        raise ApiError(1011, json_key="type")
    _require_address(url)
    names = call.body.get("events") or []
    if not isinstance(names, list) or not names or not set(names) <= events.EVENTS:
        raise ApiError(1011, json_key="events")
    apps = call.body.get("app_ids") or []
    if kind == "data" and apps != [call.account.credentials["app_id"]]:
        raise ApiError(1011, json_key="app_ids")
    secured, version = call.body.get("secured", False), call.body.get("version", 1)
    if not isinstance(secured, bool):
        raise ApiError(1011, json_key="secured")
    if version != 1:
        raise ApiError(1011, json_key="version")
    kept = call.body.get("expiry_time_for_executions_data", 60 * DAY)
    if not str(kept).isdigit() or not 7 * DAY <= int(kept) <= 60 * DAY:
        raise ApiError(1011, json_key="expiry_time_for_executions_data")
    return {
        "type": kind,
        "url": url,
        "events": names,
        "app_ids": apps,
        "secured": secured,
        "version": version,
        "expiry_time_for_executions_data": str(kept),
    }


def _require_address(url: str) -> None:
    """https without a port, as Zoho's servers call no others; on this machine anything goes."""
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https" or not parts.hostname or ":" in parts.netloc:
        raise ApiError(1011, json_key="url")


def _knock(url: str) -> None:
    if webhooks.knock("HEAD", url)[0] != 200:
        raise ApiError(1031, json_key="url")


def _find(kept: Json, webhook_id: str) -> Json:
    for hook in kept.get("webhooks", []):
        if hook["id"] == webhook_id:
            return dict(hook)
    raise ApiError(1019)


def show(call: Call, webhook_id: str) -> Answer:
    """GET /webhooks/{id}."""
    return "webhook", _public(_find(state.read(call.account), webhook_id), call.account)


def delete(call: Call, webhook_id: str) -> Answer:
    """DELETE /webhooks/{id}; nothing is sent there any more."""
    with state.changing(call.account) as kept:
        _find(kept, webhook_id)
        kept["webhooks"] = [one for one in kept["webhooks"] if one["id"] != webhook_id]
        _executions(call.account, webhook_id).filter(state=OutgoingWebhook.DUE).update(
            state=OutgoingWebhook.LOST, error="the webhook was deleted"
        )
    return "webhook", {"id": webhook_id}


def create_key(call: Call, webhook_id: str) -> Answer:
    """POST /webhooks/{id}/keys: at most two; the oldest signs."""
    now = str(int(time.time() * 1000))
    fresh = {"id": _number(call.account), "private": signature.new_key(), "created_time": now}
    with state.changing(call.account) as kept:
        hook = _find(kept, webhook_id)
        if len(hook["keys"]) >= MAX_KEYS:
            raise ApiError(1054)
        hook["keys"] = [*hook["keys"], fresh]
        _put(kept, hook)
    return "webhook", _public(hook, call.account, keys=True)


def delete_key(call: Call, webhook_id: str, key_id: str) -> Answer:
    """DELETE /webhooks/{id}/keys/{keyid}."""
    with state.changing(call.account) as kept:
        hook = _find(kept, webhook_id)
        left = [key for key in hook["keys"] if key["id"] != key_id]
        if len(left) == len(hook["keys"]):
            raise ApiError(1019)
        hook["keys"] = left
        _put(kept, hook)
    return "webhook", _public(hook, call.account)


def _put(kept: Json, hook: Json) -> None:
    kept["webhooks"] = [hook if one["id"] == hook["id"] else one for one in kept["webhooks"]]


# --- executions that failed -------------------------------------------------------------------


def _executions(account: Account, webhook_id: str) -> Any:
    rows = OutgoingWebhook.objects.filter(account=account, payload__webhook__id=webhook_id)
    return rows.order_by("id")


def _failed(account: Account, webhook_id: str) -> list[OutgoingWebhook]:
    """Those that were tried to the end; one that a fault rule lost was never tried."""
    return list(_executions(account, webhook_id).filter(state=OutgoingWebhook.LOST, attempts__gt=0))


def _execution_id(row: OutgoingWebhook) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{row.account_id}:{row.pk}"))


def executions(call: Call, webhook_id: str) -> Answer:
    """GET /webhooks/{id}/executions."""
    _find(state.read(call.account), webhook_id)
    query = call.request.GET
    limit = call.number("limit", 50, most=50)
    if limit < 5:
        raise ApiError(1010, param="limit")
    names = set(filter(None, query.get("events", "").split(",")))
    since, until = call.number("from_time", 0), call.number("to_time", 10**14)
    rows = [
        row
        for row in _failed(call.account, webhook_id)
        if (not names or row.topic in names) and since <= int(row.payload["event_time"]) <= until
    ]
    start = (call.number("pageno", 1) - 1) * limit
    return "list", [_execution(row) for row in rows[start : start + limit]]


def _execution(row: OutgoingWebhook) -> Json:
    """The entity without its envelope; a message's sender without its type."""
    payload = row.payload["entity"] | {"event_time": row.payload["event_time"]}
    if "message" in payload:
        who = {k: v for k, v in payload["message"]["sender"].items() if k != "type"}
        payload |= {"message": payload["message"] | {"sender": who}}
    return {
        "id": _execution_id(row),
        "event": row.topic,
        "payload": payload,
        "response_code": row.status or 0,
        "retry_count": str(row.attempts),
        "created_time": shapes.ms(row.created_at),
    }


def retry(call: Call, webhook_id: str, execution_id: str = "") -> Answer:
    """POST /webhooks/{id}/executions `{"ids"}`, or one by its address: sends them once more."""
    ids = [execution_id] if execution_id else call.body.get("ids")
    if not isinstance(ids, list) or not ids:
        raise ApiError(1011, json_key="ids")
    _find(state.read(call.account), webhook_id)
    skipped = []
    for row in _failed(call.account, webhook_id):
        if _execution_id(row) not in ids:
            continue
        if row.attempts > MAX_RETRIES:
            skipped.append(_execution_id(row))
            continue
        row.state, row.next_attempt_at = OutgoingWebhook.DUE, timezone.now()
        row.save()
    webhooks.sender.wake()
    return "webhook", {"skipped": skipped}
