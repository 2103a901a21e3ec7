"""Carrying out a lane's deliveries, strictly in order, one at a time.

No HTTP inside a transaction: `begin` commits that an attempt starts, the handler talks to the
other side, `finish` commits what came of it. A worker that dies in between leaves the delivery
in state `sending`; who takes the lane over knows that its outcome is unknown.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from conversations.engine import counters, lanes, retry, stopping
from conversations.engine.crowd import crowd
from conversations.engine.handlers import Handler, NotYet
from conversations.engine.journal import DeliveryJournal, LostLease
from conversations.engine.patience import AWAY, patiently
from conversations.flows.handlers import HANDLERS
from conversations.models import (
    UNFINISHED,
    Attempt,
    Delivery,
    DeliveryKind,
    DeliveryState,
    LaneKind,
    Outcome,
)
from providers.errors import (
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    ProviderError,
    Reconnect,
    Retry,
)

log = structlog.get_logger(__name__)

CROWDED = (1.0, 3.0)  # seconds to wait, at random, where there is no place
SUSPECTS = "suspects"  # the side of deliveries that may have killed their worker
TURN = 20.0  # seconds a lane may be worked before others have their turn
SCHEDULES = {
    LaneKind.PROVIDER: retry.PROVIDER,
    LaneKind.INBOUND: retry.INBOUND,
    LaneKind.BOT: retry.BOT,
}


def run_lane(lane: str) -> None:
    """Work the lane if it is due and free, until it is empty, waits, or had its turn."""
    owner = lanes.claim(lane)
    if owner is None:
        return
    conversation = lane.partition(":")[0]
    with structlog.contextvars.bound_contextvars(lane=lane, conversation_id=conversation):
        try:
            _Turn(lane, owner).run()
        except AWAY:
            # Nobody else may take it before the lease is over: give it back as soon as that can be.
            free = partial(lanes.release_until, lane, owner, timezone.now(), stuck=False)
            patiently(free)
            raise


class _Turn:
    """One worker's hold of one lane."""

    def __init__(self, lane: str, owner: str) -> None:
        self.lane = lane
        self.owner = owner
        self.started = self.renewed = time.monotonic()

    def run(self) -> None:
        """Deliver until there is nothing due."""
        version: int | None = None  # of the lane, as it was before the look for work
        while True:
            delivery = self._head()
            if delivery is None:
                if version is not None and lanes.release_idle(self.lane, self.owner, version):
                    return
                version = lanes.version(self.lane)
                continue
            version = delivery.lane.version
            if delivery.lane.lease_owner != self.owner:
                return
            with structlog.contextvars.bound_contextvars(
                delivery_id=delivery.pk,
                tenant_id=delivery.tenant_id,
                installation_id=delivery.lane.installation_id,
            ):
                wait_until = self._deliver(delivery)
            if wait_until is not None:
                lanes.release_until(self.lane, self.owner, wait_until, stuck=True)
                return
            if stopping.requested() or time.monotonic() - self.started > TURN:
                lanes.release_until(self.lane, self.owner, timezone.now(), stuck=False)
                return
            if lanes.release_idle(self.lane, self.owner, version):
                return

    def keep_lease(self) -> None:
        """Called ahead of each HTTP request: the lease must outlive it."""
        if time.monotonic() - self.renewed < lanes.RENEW_AFTER.total_seconds():
            return
        if not patiently(partial(lanes.renew, self.lane, self.owner)):
            raise LostLease
        self.renewed = time.monotonic()

    def _head(self) -> Delivery | None:
        return (
            Delivery.objects.filter(lane_id=self.lane, state__in=UNFINISHED)
            .select_related(
                "lane",
                "message",
                "event",
                "conversation__user",
                "conversation__agent",
                "conversation__bot__tenant",
                "conversation__installation__app",
            )
            .order_by("id")
            .first()
        )

    def _deliver(self, delivery: Delivery) -> datetime | None:
        """Try the delivery; the time to come back at, or None to go on with the next."""
        now = timezone.now()
        if delivery.next_attempt_at > now:
            return delivery.next_attempt_at
        handler = HANDLERS[DeliveryKind(delivery.kind)]
        if delivery.state == DeliveryState.SENDING:
            _note_crash(delivery)
            if delivery.crash_count >= retry.CRASHES:
                _bury(delivery, handler, Permanent("It stopped its worker three times."), now)
                return None
        held_until = handler.hold_until(delivery)
        if held_until is not None:
            return held_until
        with ExitStack() as places:
            if not _enter(places, delivery, handler):
                return now + timedelta(seconds=random.uniform(*CROWDED))  # noqa: S311 - no secret
            held_until = handler.probe(delivery)
            if held_until is not None:
                return held_until
            self.keep_lease()
            if not _begin(delivery, self.lane, self.owner, now):
                return now
            return self._attempt(delivery, handler, now)

    def _attempt(self, delivery: Delivery, handler: Handler, now: datetime) -> datetime | None:
        journal = DeliveryJournal(delivery)
        end: Callable[[], datetime | None]
        try:
            result = handler.perform(delivery, journal, self.keep_lease)
            end = partial(_succeeded, delivery, handler, journal, result)
        except LostLease:
            log.warning("lease_lost", delivery=delivery.pk)
            return now
        except NotYet as early:
            end = partial(_put_back, delivery, journal, now + early.wait, early.detail)
        except ProviderError as error:
            end = partial(_failed, delivery, handler, journal, error)
        except Exception as error:
            log.exception("handler_failed", delivery=delivery.pk)
            unknown = OutcomeUnknown(f"An error of the bridge itself ({type(error).__name__}).")
            end = partial(_failed, delivery, handler, journal, unknown)
        return patiently(end)


def _enter(places: ExitStack, delivery: Delivery, handler: Handler) -> bool:
    """Whether there is a place in this process to wait for the other side.

    A worker that dies takes all its threads along, so who was carried out beside a killer is
    under suspicion too: suspects go one at a time, and only the killer is caught three times.
    Once may happen to anybody: most workers die of something else, and what they leave behind
    must go on at full speed.
    """
    suspect = delivery.crash_count > 1
    if suspect and not places.enter_context(crowd.place(SUSPECTS, troubled=True)):
        return False
    side, troubled = handler.side(delivery)
    return places.enter_context(crowd.place(side, troubled=troubled))


def _begin(delivery: Delivery, lane: str, owner: str, now: datetime) -> bool:
    """Count the attempt before it is made; False if the lane is not ours any more."""
    delivery.attempt_count += 1
    delivery.started_at = now
    return bool(
        Delivery.objects.filter(
            pk=delivery.pk, state__in=UNFINISHED, lane__lease_owner=owner, lane_id=lane
        ).update(
            state=DeliveryState.SENDING,
            attempt_count=delivery.attempt_count,
            started_at=now,
            doubtful_since=delivery.doubtful_since,
        )
    )


def _finish(
    delivery: Delivery,
    journal: DeliveryJournal,
    state: DeliveryState,
    outcome: Outcome,
    error: ProviderError | None = None,
    next_attempt_at: datetime | None = None,
) -> bool:
    """Write the attempt's outcome; False if another worker has begun one since."""
    now = timezone.now()
    detail = error.detail[:300] if error else ""
    unknown = outcome == Outcome.UNKNOWN
    changed = Delivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.SENDING, attempt_count=delivery.attempt_count
    ).update(
        state=state,
        progress=journal.progress,
        attempts_before=delivery.attempts_before,
        doubtful_since=journal.doubtful_since or (delivery.started_at if unknown else None),
        repeated_in_doubt=journal.repeated_in_doubt,
        error_kind=type(error).__name__ if error else "",
        error=detail,
        next_attempt_at=next_attempt_at or delivery.next_attempt_at,
        finished_at=None if state in UNFINISHED else now,
    )
    if changed:
        Attempt.objects.create(
            delivery=delivery,
            number=delivery.attempt_count,
            started_at=delivery.started_at or now,
            finished_at=now,
            outcome=outcome,
            status_code=error.status if error else None,
            error=detail,
        )
        started = delivery.started_at or now
        counters.attempted(delivery, outcome, (now - started).total_seconds())
    return bool(changed)


def _succeeded(
    delivery: Delivery, handler: Handler, journal: DeliveryJournal, result: object
) -> None:
    """Write down that it was carried out, and what came of it."""
    with transaction.atomic():
        outcome = Outcome.FOUND if journal.found else Outcome.DONE
        if _finish(delivery, journal, DeliveryState.DONE, outcome):
            handler.succeeded(delivery, result)
            if delivery.lane.stuck_since is not None:
                handler.got_through(delivery)
    handler.worked(delivery)
    log.info("delivery_done", kind=delivery.kind, outcome=outcome, attempt=delivery.attempt_count)


def _put_back(delivery: Delivery, journal: DeliveryJournal, until: datetime, why: str) -> datetime:
    """Nothing was attempted: the attempt does not count."""
    Delivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.SENDING, attempt_count=delivery.attempt_count
    ).update(
        state=DeliveryState.PENDING,
        attempt_count=F("attempt_count") - 1,
        progress=journal.progress,
        doubtful_since=journal.doubtful_since,
        next_attempt_at=until,
        error=why[:300],
    )
    return until


def _failed(
    delivery: Delivery, handler: Handler, journal: DeliveryJournal, error: ProviderError
) -> datetime | None:
    """Decide by what the error is; the time to come back at, or None if it is over."""
    held = handler.troubled(delivery, error)
    log.info(
        "delivery_failed",
        delivery=delivery.pk,
        kind=delivery.kind,
        error=type(error).__name__,
        status=error.status,
        code=error.code,
        attempt=delivery.attempt_count,
    )
    now = timezone.now()
    if isinstance(error, Reconnect | Misconfigured) and handler.waits_for_operator:
        until = now + timedelta(minutes=2)
        _finish(delivery, journal, DeliveryState.PENDING, Outcome.HELD, error, now)
        return until
    if isinstance(error, Retry):
        schedule = SCHEDULES[LaneKind(delivery.lane.kind)]
        # While the other side is known to be away, or asks to slow down, this is not the fault of
        # the delivery: it keeps its tries, for as long as they would have lasted.
        patient = held is not None and now - delivery.created_at < schedule.total
        delivery.attempts_before += patient
        tries = max(1, delivery.attempt_count - delivery.attempts_before)
        wait = schedule.wait(tries, error.retry_after)
        if wait is not None:
            unknown = isinstance(error, OutcomeUnknown)
            outcome = Outcome.UNKNOWN if unknown else Outcome.RETRY
            until = held if held and patient else now + wait
            _finish(delivery, journal, DeliveryState.PENDING, outcome, error, until)
            return until
    state = DeliveryState.DEAD if handler.dead_letter else DeliveryState.DROPPED
    with transaction.atomic():
        if _finish(delivery, journal, state, Outcome.DEAD, error):
            handler.gave_up(delivery, error)
    return None


def _note_crash(delivery: Delivery) -> None:
    """The worker of the latest attempt died: its outcome is unknown."""
    now = timezone.now()
    delivery.crash_count += 1
    delivery.doubtful_since = delivery.doubtful_since or delivery.started_at or now
    with transaction.atomic():
        Attempt.objects.get_or_create(
            delivery=delivery,
            number=delivery.attempt_count,
            defaults={
                "started_at": delivery.started_at or now,
                "finished_at": now,
                "outcome": Outcome.CRASHED,
            },
        )
        Delivery.objects.filter(pk=delivery.pk).update(
            crash_count=delivery.crash_count,
            doubtful_since=delivery.doubtful_since,
            state=DeliveryState.PENDING,
        )
    delivery.state = DeliveryState.PENDING


def _bury(delivery: Delivery, handler: Handler, error: ProviderError, now: datetime) -> None:
    """Dead without another attempt."""
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.DEAD,
            error_kind=type(error).__name__,
            error=error.detail,
            finished_at=now,
        )
        handler.gave_up(delivery, error)
