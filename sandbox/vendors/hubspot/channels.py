"""Custom channels, which belong to the app, and their accounts in the portal's inboxes."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from sandbox import webhooks
from sandbox.models import Account, Team
from sandbox.vendors.hubspot import store, wanted
from sandbox.vendors.hubspot.http import (
    ApiError,
    Call,
    by_developer,
    invalid,
    needs,
    not_found,
)
from sandbox.vendors.hubspot.shapes import base_url, stamp

Json = dict[str, Any]
READ = ("conversations.custom_channels.read", "conversations.custom_channels.write")
RICH_TEXT = (
    "BLOCKQUOTE BOLD FONT_SIZE FONT_STYLE HYPERLINK ITALIC LISTS TEXT_ALIGNMENT "
    "TEXT_HIGHLIGHT_COLOR TEXT_COLOR UNDERLINE"
).split()
LISTS = {
    "deliveryIdentifierTypes": [
        "CHANNEL_SPECIFIC_OPAQUE_ID",
        "HS_EMAIL_ADDRESS",
        "HS_PHONE_NUMBER",
        "HS_SHORT_CODE",
    ],
    "richText": RICH_TEXT,
    "outgoingAttachmentTypes": ["FILE", "QUICK_REPLIES"],
    "allowedFileAttachmentMimeTypes": None,
}
FLAGS = (
    "allowInlineImages",
    "allowOutgoingMessages",
    "allowConversationStart",
    "allowMultipleRecipients",
)
NUMBERS = (
    "maxFileAttachmentCount",
    "maxFileAttachmentSizeBytes",
    "maxTotalFileAttachmentSizeBytes",
)
MODELS = ("INTEGRATION_THREAD_ID", "DELIVERY_IDENTIFIER")
DEFAULTS: Json = {
    **{name: [] for name in LISTS},
    **dict.fromkeys(FLAGS, False),
    **dict.fromkeys(NUMBERS, 0),
}


def _now() -> str:
    return stamp(datetime.now(UTC))


def capabilities(given: Json) -> Json:
    """All capabilities, with defaults. Raises ApiError for a value that HubSpot does not know."""
    wrong = [] if given.get("threadingModel") in MODELS else ["threadingModel"]
    for name, allowed in LISTS.items():
        values = given.get(name, [])
        right = isinstance(values, list) and all(isinstance(one, str) for one in values)
        if not right or (allowed and not set(values) <= set(allowed)):
            wrong.append(name)
    wrong += [name for name in FLAGS if not isinstance(given.get(name, False), bool)]
    wrong += [name for name in NUMBERS if not _is_count(given.get(name, 0))]
    if wrong:
        raise invalid(
            f"Invalid channel capability values: {', '.join(wrong)}",
            subCategory="CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES",
            context={"capabilities": wrong},
        )
    known = {"threadingModel", *LISTS, *FLAGS, *NUMBERS}
    return DEFAULTS | {name: value for name, value in given.items() if name in known}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


# --- channels -------------------------------------------------------------------------------


@by_developer
def create(call: Call) -> Json:
    """POST /."""
    body = call.read(wanted.ChannelCreate)
    texts = body.model_dump(by_alias=True, exclude={"capabilities"}, exclude_defaults=True)
    channel = {
        "id": str(call.account.next_number()),
        "createdAt": _now(),
        **texts,
        "capabilities": capabilities(body.capabilities),
    }
    with store.change(call.account) as kept:
        kept["channels"] = {**kept["channels"], channel["id"]: channel}
    return channel


@by_developer
def listing(call: Call) -> Json:
    """GET /."""
    return call.page(list(store.load(call.account)["channels"].values()), dict, total=True)


def one(account: Account, channel_id: str) -> Json:
    """The channel of that id. Raises ApiError."""
    channel: Json | None = store.load(account)["channels"].get(channel_id)
    if channel is None:
        raise not_found("Channel not found")
    return channel


@by_developer
def show(call: Call, channel_id: str) -> Json:
    """GET /{channelId}."""
    return one(call.account, channel_id)


@by_developer
def update(call: Call, channel_id: str) -> Json:
    """PATCH /{channelId}: partial, although the description says otherwise."""
    changes = call.read(wanted.ChannelPatch).model_dump(by_alias=True, exclude_unset=True)
    one(call.account, channel_id)
    for name in ("name", "capabilities"):
        if name in changes and not changes[name]:
            raise invalid(f"{name} cannot be empty")
    if "capabilities" in changes:
        changes["capabilities"] = capabilities(changes["capabilities"])
    with store.change(call.account) as kept:
        merged = {**kept["channels"][channel_id], **changes}
        channel = {name: value for name, value in merged.items() if value is not None}
        kept["channels"] = {**kept["channels"], channel_id: channel}
    return channel


@by_developer
def archive(call: Call, channel_id: str) -> None:
    """DELETE /{channelId}."""
    one(call.account, channel_id)
    with store.change(call.account) as kept:
        kept["channels"] = {i: c for i, c in kept["channels"].items() if i != channel_id}
        for account_id, account in kept["accounts"].items():
            if account["channelId"] == channel_id:
                gone = {**account, "archived": True, "active": False, "archivedAt": _now()}
                kept["accounts"] = {**kept["accounts"], account_id: gone}


# --- channel accounts -----------------------------------------------------------------------


def usable(account: Account, channel_id: str) -> Json:
    """The channel, once it can be used: setting `channel_delay` (seconds) after it was made."""
    channel = one(account, channel_id)
    age = datetime.now(UTC) - datetime.fromisoformat(channel["createdAt"])
    if age.total_seconds() < float(account.setting("channel_delay", 0)):
        raise not_found("Channel not found")
    return channel


def connection(account: Account, channel_id: str, account_id: str) -> Json:
    """The channel account of that id. Raises ApiError."""
    usable(account, channel_id)
    found: Json | None = store.load(account)["accounts"].get(account_id)
    if found is None or found["channelId"] != channel_id:
        raise not_found("Channel account not found")
    return found


@needs(*READ)
def accounts(call: Call, channel_id: str) -> Json:
    """GET /{channelId}/channel-accounts."""
    usable(call.account, channel_id)
    rows: Iterable[Json] = store.load(call.account)["accounts"].values()
    archived, query = call.flag("archived"), call.request.GET
    wanted_type, value = query.get("deliveryIdentifierType"), query.get("deliveryIdentifierValue")
    found = [
        row
        for row in rows
        if row["channelId"] == channel_id
        and row["archived"] == archived
        and wanted_type in (None, row.get("deliveryIdentifier", {}).get("type"))
        and value in (None, row.get("deliveryIdentifier", {}).get("value"))
    ]
    return call.page(found, dict, total=True)


@needs(*READ)
def connect(call: Call, channel_id: str) -> Json:
    """POST /{channelId}/channel-accounts."""
    body = call.read(wanted.AccountCreate)
    usable(call.account, channel_id)
    identifier = body.delivery_identifier
    return add_account(
        call.account,
        channel_id,
        body.inbox_id,
        body.name,
        identifier.model_dump(by_alias=True) if identifier else None,
        authorized=body.authorized,
    )


def add_account(
    account: Account,
    channel_id: str,
    inbox_id: str,
    name: str,
    identifier: Json | None,
    *,
    authorized: bool = True,
) -> Json:
    """Connect a channel to an inbox and report it. An identifier connects once per channel."""
    if not Team.objects.filter(account=account, vendor_id=inbox_id).exists():
        raise invalid(f"Inbox {inbox_id} does not exist")
    made: Json = {
        "id": str(account.next_number()),
        "channelId": channel_id,
        "inboxId": inbox_id,
        "name": name,
        "active": True,
        "authorized": authorized,
        "archived": False,
        "createdAt": _now(),
        **({"deliveryIdentifier": identifier} if identifier else {}),
    }
    with store.change(account) as kept:
        for other in kept["accounts"].values():
            same = identifier and other.get("deliveryIdentifier") == identifier
            if same and other["channelId"] == channel_id and not other["archived"]:
                said = "A channel account with this delivery identifier is already connected."
                raise ApiError(409, "CONFLICT", said)
        kept["accounts"] = {**kept["accounts"], made["id"]: made}
        report(account, made, "CHANNEL_ACCOUNT_CREATED")
    return made


@needs(*READ)
def show_account(call: Call, channel_id: str, account_id: str) -> Json:
    """GET /{channelId}/channel-accounts/{channelAccountId}."""
    return connection(call.account, channel_id, account_id)


@needs(*READ)
def update_account(call: Call, channel_id: str, account_id: str) -> Json:
    """PATCH /{channelId}/channel-accounts/{channelAccountId}: name and authorized."""
    changes = call.read(wanted.AccountPatch).model_dump(by_alias=True, exclude_defaults=True)
    connection(call.account, channel_id, account_id)
    with store.change(call.account) as kept:
        row = {**kept["accounts"][account_id], **changes}
        kept["accounts"] = {**kept["accounts"], account_id: row}
        report(call.account, row, "CHANNEL_ACCOUNT_UPDATED")
    return row


def report(account: Account, row: Json, kind: str) -> None:
    """Tell the channel's webhook what became of one of its accounts."""
    payload = {
        "type": kind,
        "portalId": account.credentials["portal_id"],
        "channelId": row["channelId"],
        "eventTimestamp": _now(),
        "channelAccountId": row["id"],
        "channelAccountDeliveryIdentifier": row.get("deliveryIdentifier", {}).get("value", ""),
    }
    webhooks.enqueue(account, f"channel-{row['channelId']}", kind, payload)


# --- connecting inside HubSpot --------------------------------------------------------------


def start_connecting(request: HttpRequest, account: str, channel_id: str) -> HttpResponse:
    """GET /connect/{channelId}?inboxId=: an agent picks the channel in HubSpot's settings."""
    row = Account.objects.get(vendor="hubspot", slug=account)
    target = store.load(row)["channels"].get(channel_id, {})
    target = target.get("channelAccountConnectionRedirectUrl")
    inbox = Team.objects.filter(account=row, vendor_id=request.GET.get("inboxId", "")).first()
    if not target or inbox is None:
        return HttpResponse("No such channel or inbox, or no redirect URL", status=400)
    token = secrets.token_hex(16)
    staged = {"channelId": channel_id, "inboxId": inbox.vendor_id, "createdAt": _now()}
    with store.change(row) as kept:
        kept["staging"] = {**kept["staging"], token: staged}
    query = {
        "accountToken": token,
        "channelId": channel_id,
        "inboxId": inbox.vendor_id,
        "portalId": row.credentials["portal_id"],
        "redirectUrl": f"{base_url(row)}/connected/{token}",
    }
    return redirect(f"{target}{'&' if '?' in target else '?'}{urlencode(query)}")


@needs(*READ)
def stage(call: Call, channel_id: str, token: str) -> Json:
    """PATCH /{channelId}/channel-account-staging-tokens/{accountToken}."""
    changes = call.read(wanted.StagingPatch).model_dump(by_alias=True, exclude_defaults=True)
    with store.change(call.account) as kept:
        staged = kept["staging"].get(token)
        if staged is None or staged["channelId"] != channel_id:
            raise not_found("Staging token not found")
        if staged.get("connected"):
            raise ApiError(409, "CONFLICT", "This channel account is already connected.")
        kept["staging"] = {**kept["staging"], token: {**staged, **changes}}
    shown = {**staged, **changes}
    return {
        "accountToken": token,
        "createdAt": shown["createdAt"],
        "genericChannelId": int(channel_id),
        "inboxId": int(shown["inboxId"]),
        "userId": int(call.account.agents.order_by("id")[0].vendor_id.removeprefix("A-")),
        **{k: shown[k] for k in ("accountName", "deliveryIdentifier") if k in shown},
    }


def finish_connecting(request: HttpRequest, account: str, token: str) -> HttpResponse:
    """GET /connected/{accountToken}: back in HubSpot, which makes the channel account."""
    row = Account.objects.get(vendor="hubspot", slug=account)
    staged = store.load(row)["staging"].get(token)
    if staged is None or not staged.get("deliveryIdentifier"):
        return HttpResponse("This connection was not completed", status=400)
    name = staged.get("accountName") or "Custom channel"
    try:
        add_account(row, staged["channelId"], staged["inboxId"], name, staged["deliveryIdentifier"])
    except ApiError as problem:
        return HttpResponse(str(problem), status=problem.status)
    with store.change(row) as kept:
        kept["staging"] = {**kept["staging"], token: {**staged, "connected": True}}
    return HttpResponse("The channel is connected.")
