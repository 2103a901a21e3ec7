"""Erasing a person: from every table, the files, the queue, and the notes about them.

Interrupted at any point, the same call goes on: the person's own row goes last. Open sessions end
first, as if the bot had ended them, and get a moment to be closed at the help desk; then nothing
that is queued for them is sent any more. What a help desk keeps is not ours to delete: the tickets
are named before they are forgotten here.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, connection, models, transaction
from django.db.models import Max
from django.utils import timezone

from conversations.engine import heartbeat
from conversations.flows import ending, feed, media
from conversations.flows.locking import locked
from conversations.flows.privacy import agents, traces
from conversations.flows.privacy.finding import (
    RemoteTicket,
    conversations_of,
    tickets_of,
    traces_of,
    words_elsewhere,
)
from conversations.flows.privacy.places import OF_CONVERSATION, OF_USER
from conversations.models import (
    OPEN_STATUSES,
    UNFINISHED,
    Conversation,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Event,
    Lane,
    MediaFile,
    Message,
    StopReason,
    User,
    UserKind,
)
from hitl_bridge import audit
from hitl_bridge.audit import Who
from hitl_bridge.models import AuditAction, Bot

BATCH = 500  # rows in one transaction: what else goes on must not wait for it
PATIENCE = 20.0  # seconds for the help desks to close open tickets
ROUNDS = 5  # sessions may begin while we are at it
FENCE = timedelta(minutes=5)

Say = Callable[[str], None]


@dataclass
class Erased:
    """What has gone, and what stays elsewhere."""

    tickets: list[RemoteTicket] = field(default_factory=list)
    conversations: int = 0
    messages: int = 0
    files: int = 0
    traces: int = 0


class StillBusy(Exception):
    """New sessions of the person began faster than they could be erased."""


def erase(user: User, by: Who, *, patience: float = PATIENCE, say: Say = lambda _: None) -> Erased:
    """Remove the person; `say` is told of each ticket that stays. Raises StillBusy."""
    done = Erased()
    if user.kind == UserKind.AGENT:
        done.traces = agents.erase(user, by)
        _finish()
        return done
    for _ in range(ROUNDS):
        _end_sessions(user, patience)
        known = traces_of(user)
        for ticket in tickets_of(conversations_of(user)):
            done.tickets.append(ticket)
            say(str(ticket))
        for pk in list(conversations_of(user).values_list("pk", flat=True)):
            _erase_conversation(pk, done)
        _erase_words(user, done)
        done.traces += traces.forget(user, known, user.created_at)
        with suppress(IntegrityError):
            if _erase_user(user.pk, by, done):
                _finish()
                return done
    raise StillBusy("Sessions of this person keep beginning: stop the bot, then try again.")


# --- open sessions --------------------------------------------------------------------------------


def _end_sessions(user: User, patience: float) -> None:
    for pk in conversations_of(user).filter(status__in=OPEN_STATUSES).values_list("pk", flat=True):
        with suppress(Conversation.DoesNotExist), transaction.atomic():
            ending.end(locked(pk), StopReason.BOT_STOPPED)
    until = time.monotonic() + (patience if _workers_live() else 0)
    closing = Delivery.objects.filter(
        conversation__in=conversations_of(user).values("pk"),
        kind__in=(DeliveryKind.CLOSE, DeliveryKind.OPEN),
        state__in=UNFINISHED,
        attempt_count__lt=3,
    )
    while closing.exists() and time.monotonic() < until:
        time.sleep(0.2)


def _workers_live() -> bool:
    age = heartbeat.age_seconds()
    return age is not None and age < heartbeat.AWAY.total_seconds()


# --- rows -----------------------------------------------------------------------------------------


def _erase_conversation(pk: str, done: Erased) -> None:
    """In small transactions first; what came meanwhile goes with the conversation's own row."""
    # A worker that is at it loses its lease, and sends nothing more.
    Lane.objects.filter(conversation=pk).update(
        due_at=None,
        lease_owner=f"erased-{secrets.token_hex(8)}",
        lease_until=timezone.now() + FENCE,
    )
    done.messages += Message.objects.filter(conversation=pk).count()
    _keep_feed_floor(pk)
    deliveries = Delivery.objects.filter(conversation=pk).values_list("pk", flat=True)
    traces.forget_notes("conversations", {str(one) for one in deliveries.iterator()})
    for model, way in OF_CONVERSATION:
        rows: models.QuerySet[Any] = model._base_manager.filter(**{way: pk})
        if model is MediaFile:
            done.files += media.delete_files(MediaFile.objects.filter(conversation=pk))
        elif model is not Lane:
            for batch in _batches(rows):
                model._base_manager.filter(pk__in=batch).delete()
    with suppress(Conversation.DoesNotExist), transaction.atomic():
        row = locked(pk)
        if row.events.exists():  # that came meanwhile
            _keep_feed_floor(pk)
        row.delete()
        done.conversations += 1


def _erase_words(user: User, done: Erased) -> None:
    """What they wrote in others' sessions: the place stays, the words go."""
    for batch in _batches(words_elsewhere(user)):
        waiting = Delivery.objects.filter(message__in=batch, state__in=UNFINISHED)
        waiting.update(state=DeliveryState.DROPPED, finished_at=timezone.now())
        done.messages += Message.objects.filter(pk__in=batch).update(
            user=None, payload={}, additional_data="", failure="", redacted_at=timezone.now()
        )


def _batches(rows: models.QuerySet[Any]) -> Iterator[list[Any]]:
    """The keys of the rows, some at a time; what comes after the last few goes by other ways."""
    batch: list[Any] = [None] * BATCH
    while len(batch) == BATCH:
        batch = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if batch:
            yield batch


def _keep_feed_floor(pk: str) -> None:
    """The feed's next position must lie beyond those that are deleted (see flows.feed)."""
    bot = Bot.objects.filter(conversations=pk).first()
    while bot and feed.number(bot):
        pass  # whoever reads the feed could deal them out while they go
    with transaction.atomic():
        bot = Bot.objects.select_for_update(no_key=True).filter(pk=bot.pk).first() if bot else None
        last = Event.objects.filter(bot=bot).aggregate(last=Max("position"))["last"] or 0
        if bot and last > bot.feed_floor:
            Bot.objects.filter(pk=bot.pk).update(feed_floor=last)


def _erase_user(pk: str, by: Who, done: Erased) -> bool:
    """False: a session has begun meanwhile."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(pk=pk).first()
        if user is None:
            return True
        if conversations_of(user).exists():
            return False
        for model, way in OF_USER:
            model._base_manager.filter(**{way: pk}).delete()
        audit.record(
            by,
            AuditAction.ERASED,
            user,
            conversations=done.conversations,
            messages=done.messages,
            files=done.files,
            traces=done.traces,
            tickets=len(done.tickets),
        )
        user.delete()
    return True


def _finish() -> None:
    """SQLite's journal holds what was written before: bring it into the file and empty it."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
