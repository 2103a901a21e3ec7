"""Webhooks from help desks: verify, store, apply, answer.

A receipt and what it changes are one transaction. Where applying fails for a reason of ours,
the receipt is stored alone and applied by the sweep, so the help desk gets its 200 either way
and nothing is lost. A repeat is known by its key before anything else is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

import providers
from conversations.engine import lanes
from conversations.flows import catching_up, inbound, reading, typing
from conversations.flows.fetching import has_media
from conversations.flows.locking import locked
from conversations.models import (
    Conversation,
    ConversationStatus,
    DeliveryKind,
    LaneKind,
    Receipt,
    ReceiptState,
    UnmatchedEvent,
    User,
    UserKind,
)
from hitl_bridge import health
from hitl_bridge.connect import trust_of
from hitl_bridge.models import App, Installation, InstallationStatus
from providers.errors import BadPayload, Reconnect
from providers.types import (
    AgentTyping,
    Disconnected,
    InboundEvent,
    MessagesSeen,
    WebhookRequest,
    dump_event,
    storable,
)

log = structlog.get_logger(__name__)

RETRY_AFTER = timedelta(seconds=30)
MAX_ATTEMPTS = 20
EARLY = timedelta(minutes=15)  # how long a ticket's first webhooks wait for its id
# What is never queued behind anything.
_IN_PASSING: dict[type, Callable[[Conversation, Any], None]] = {
    AgentTyping: typing.agent_is_typing,
    MessagesSeen: reading.agent_has_read,
}


def receive(owner: Installation | App, request: WebhookRequest) -> None:
    """Take a webhook in. Raises BadSignature (nothing is stored) and database errors."""
    adapter = providers.get(owner.provider)
    adapter.verify(request, trust_of(owner))
    receipt = Receipt(
        key=_storable(adapter.receipt_key(request).encode(errors="replace"))[:200]
        or hashlib.sha256(request.body).hexdigest(),
        body=_storable(request.body),
        received_at=request.received_at,
        **_owner_columns(owner),
    )
    try:
        with transaction.atomic():
            receipt.save(force_insert=True)
            _apply(receipt, owner, request)
    except IntegrityError:
        if _is_repeat(receipt, owner):
            return
        _store_for_later(receipt, "IntegrityError")
    except Exception as error:
        log.exception("receipt_not_applied", provider=owner.provider)
        _store_for_later(receipt, type(error).__name__)
    if isinstance(owner, Installation):
        health.received(owner)


def apply_waiting(limit: int = 50) -> int:
    """Apply the receipts that could not be applied when they came; returns how many were tried."""
    waiting = Receipt.objects.filter(retry_at__lte=timezone.now()).select_related(
        "installation__app", "installation__bot", "app"
    )[:limit]
    for receipt in waiting:
        _apply_again(receipt)
    return len(waiting)


def release_unmatched(conversation: Conversation) -> None:
    """The ticket's id is known now: take in what was told of it too early."""
    early = UnmatchedEvent.objects.filter(
        installation_id=conversation.installation_id, remote_id=conversation.remote_id
    )
    for row in early:
        lanes.append(conversation, DeliveryKind.RECEIVE, payload={"event": row.event})
    early.delete()


def _storable(body: bytes) -> str:
    """The body as text that every database takes: PostgreSQL refuses NUL."""
    return body.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _owner_columns(owner: Installation | App) -> dict[str, Installation | App]:
    return {"installation": owner} if isinstance(owner, Installation) else {"app": owner}


def _is_repeat(receipt: Receipt, owner: Installation | App) -> bool:
    return Receipt.objects.filter(key=receipt.key, **_owner_columns(owner)).exists()


def _store_for_later(receipt: Receipt, error: str) -> None:
    receipt.pk = None
    receipt.state, receipt.error = ReceiptState.STORED, error
    receipt.attempts, receipt.retry_at = 1, timezone.now() + RETRY_AFTER
    try:
        with transaction.atomic():
            receipt.save(force_insert=True)
    except IntegrityError:
        # A repeat of it has been stored meanwhile.
        return


def _apply_again(receipt: Receipt) -> None:
    owner = receipt.installation or receipt.app
    assert owner is not None
    request = WebhookRequest("POST", "", {}, receipt.body.encode(), receipt.received_at)
    try:
        with transaction.atomic():
            _apply(receipt, owner, request)
    except Exception as error:
        log.exception("receipt_not_applied", receipt=receipt.pk)
        receipt.attempts += 1
        over = receipt.attempts >= MAX_ATTEMPTS
        receipt.state = ReceiptState.FAILED if over else ReceiptState.STORED
        receipt.retry_at = None if over else timezone.now() + RETRY_AFTER * receipt.attempts
        receipt.error = type(error).__name__
        receipt.save(update_fields=["attempts", "state", "retry_at", "error"])


def _apply(receipt: Receipt, owner: Installation | App, request: WebhookRequest) -> None:
    """Parse and apply; the receipt's row exists already, in the same transaction."""
    receipt.retry_at, receipt.error = None, ""
    try:
        events = providers.get(owner.provider).parse(request)
    except BadPayload as error:
        receipt.state, receipt.error = ReceiptState.FAILED, str(error)[:300]
    else:
        receipt.event_count = sum(_route(owner, event) for event in events)
        receipt.state = ReceiptState.APPLIED if receipt.event_count else ReceiptState.IGNORED
        if not receipt.event_count:
            receipt.body = ""  # it is nobody's here: perhaps of somebody who has been erased
    receipt.save(update_fields=["state", "error", "event_count", "retry_at", "body"])


def _route(owner: Installation | App, event: InboundEvent) -> bool:
    """Hand the event to its conversation; False if it is nobody's."""
    installations = _candidates(owner, event)
    if isinstance(event, Disconnected):
        for installation in installations:
            health.needs_help(installation, Reconnect(event.detail))
        return bool(installations)
    if not event.remote_id:
        return False  # it would match every conversation whose ticket is not open yet
    known = Conversation.objects.filter(
        installation__in=installations, remote_id=event.remote_id
    ).order_by("-id")[:5]
    found = sorted(known, key=lambda row: not row.is_open)
    if not found:
        return _keep_if_early(installations, event)
    rule = _IN_PASSING.get(type(event))
    if rule is None:
        _take_in(locked(found[0].id), event)
    elif providers.get(owner.provider).concerns(found[0].remote_state, event):
        rule(found[0], event)
    return True


def _candidates(owner: Installation | App, event: InboundEvent) -> list[Installation]:
    """Whose account the event speaks of; an event of another account is nobody's."""
    if isinstance(owner, App):
        rows = owner.installations.filter(account_id=event.account_id)
        return list(rows.exclude(status=InstallationStatus.DISABLED)) if event.account_id else []
    if owner.status == InstallationStatus.DISABLED:
        return []
    other = event.account_id and owner.account_id and event.account_id != owner.account_id
    # A private app with a pasted token has one account only, and its own secret signed this. An
    # OAuth app's secret is shared by all accounts that installed it, so there the account decides.
    private = not owner.app_id and bool(owner.credentials.get("access_token"))
    return [] if other and not private else [owner]


def _keep_if_early(installations: Iterable[Installation], event: InboundEvent) -> bool:
    """Keep what may belong to a ticket that is just being opened; drop all else."""
    kept = False
    for installation in installations:
        opening = Conversation.objects.filter(
            installation=installation,
            status=ConversationStatus.OPENING,
            created_at__gt=timezone.now() - EARLY,
        )
        if opening.exists() and type(event) not in _IN_PASSING:
            UnmatchedEvent.objects.bulk_create(
                [
                    UnmatchedEvent(
                        installation=installation,
                        remote_id=event.remote_id[:200],
                        key=f"{event.kind}:{event.key}"[:200],
                        event=storable(dump_event(event)),
                    )
                ],
                ignore_conflicts=True,
            )
            kept = True
    return kept


def _take_in(conversation: Conversation, event: InboundEvent) -> None:
    """Apply at once what needs nobody asked; the rest is work of the inbound lane, in order."""
    if conversation.catch_up_at and conversation.catch_up_at <= timezone.now():
        # Something may be missing that was said before this: ask for that first.
        catching_up.start(conversation)
    if _needs_asking(conversation, event) or lanes.has_work(conversation.id, LaneKind.INBOUND):
        payload = {"event": storable(dump_event(event))}
        lanes.append(conversation, DeliveryKind.RECEIVE, payload=payload)
    else:
        inbound.apply(conversation, [event])


def _needs_asking(conversation: Conversation, event: InboundEvent) -> bool:
    """Whether the help desk must be asked first: who the agent is, what else was said, files."""
    if inbound.wants_reading(event) and conversation.is_open:
        return True
    if has_media(event):
        return True
    agent = getattr(event, "agent", None)
    if agent is None or agent.name:
        return False
    return (
        not User.objects.filter(
            installation_id=conversation.installation_id,
            kind=UserKind.AGENT,
            external_id=agent.id,
        )
        .exclude(name="")
        .exists()
    )
