"""Lanes: putting work in, taking a lane, giving it back.

Order: `append` first updates the lane's row, which locks it until the commit, and only then
inserts the delivery; so ids within a lane grow in the order of commits. Every appender also
counts the lane's version up, so that a worker going idle (`release_idle`) can't overlook one.
All claims are single conditional UPDATEs, the same on SQLite and PostgreSQL.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from conversations.engine import wake
from conversations.models import (
    UNFINISHED,
    Conversation,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Event,
    Lane,
    LaneKind,
    Message,
    lane_id,
)
from providers.errors import OutcomeUnknown, Unavailable

# Longer than any single HTTP call may take (3 s + 15 s), even if it was renewed `RENEW_AFTER` ago;
# no longer than need be, since work of a worker that died lies still for so long.
LEASE = timedelta(seconds=20)
RENEW_AFTER = timedelta(seconds=1)
AT_ONCE = 100  # wake-ups that one recovery sends; the sweep finds the other lanes
SEEN = 20  # times as many due lanes are looked at as are taken, so that nobody's come first

AWAY = (Unavailable.__name__, OutcomeUnknown.__name__)

LANE_OF = {
    DeliveryKind.OPEN: LaneKind.PROVIDER,
    DeliveryKind.MESSAGE: LaneKind.PROVIDER,
    DeliveryKind.CLOSE: LaneKind.PROVIDER,
    DeliveryKind.TELL_AGENT: LaneKind.PROVIDER,
    DeliveryKind.RECEIVE: LaneKind.INBOUND,
    DeliveryKind.CATCH_UP: LaneKind.INBOUND,
    DeliveryKind.EVENT: LaneKind.BOT,
}


def create_for(conversation: Conversation) -> None:
    """A new conversation's lanes, all idle."""
    Lane.objects.bulk_create(
        Lane(
            id=lane_id(conversation.id, kind),
            conversation=conversation,
            kind=kind,
            installation_id=conversation.installation_id,
            bot_id=conversation.bot_id,
        )
        for kind in LaneKind
    )


def append(
    conversation: Conversation,
    kind: DeliveryKind,
    *,
    message: Message | None = None,
    event: Event | None = None,
    payload: dict[str, Any] | None = None,
) -> Delivery:
    """Queue something to carry out. Call it under the conversation's lock, in a transaction."""
    now = timezone.now()
    lane = lane_id(conversation.id, LANE_OF[kind])
    # The count first: it locks the row, so that no worker can go idle before the next look.
    Lane.objects.filter(pk=lane).update(version=F("version") + 1)
    was_idle = Lane.objects.filter(pk=lane, due_at=None).update(due_at=now)
    delivery = Delivery.objects.create(
        tenant_id=conversation.tenant_id,
        lane_id=lane,
        conversation=conversation,
        kind=kind,
        message=message,
        event=event,
        payload=payload or {},
        next_attempt_at=now,
    )
    if was_idle:
        wake.after_commit(lane)
    return delivery


def has_work(conversation_id: str, kind: LaneKind) -> bool:
    """Whether anything in the lane is unfinished."""
    return Delivery.objects.filter(
        lane_id=lane_id(conversation_id, kind), state__in=UNFINISHED
    ).exists()


def claim(lane: str) -> str | None:
    """The lease's owner token if the lane is due and free, else None."""
    now = timezone.now()
    owner = secrets.token_hex(16)
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    claimed = Lane.objects.filter(free, pk=lane, due_at__lte=now).update(
        lease_owner=owner, lease_until=now + LEASE
    )
    return owner if claimed else None


def renew(lane: str, owner: str) -> bool:
    """Extend the lease; False: it was lost, somebody else has the lane."""
    return bool(
        Lane.objects.filter(pk=lane, lease_owner=owner).update(lease_until=timezone.now() + LEASE)
    )


def version(lane: str) -> int:
    """How many things have been put into the lane; read it before looking for work."""
    return Lane.objects.values_list("version", flat=True).get(pk=lane)


def release_idle(lane: str, owner: str, version: int) -> bool:
    """Give an empty lane back; False: something has arrived since `version` was read."""
    unfinished = Delivery.objects.filter(lane_id=OuterRef("pk"), state__in=UNFINISHED)
    return bool(
        Lane.objects.filter(
            ~Exists(unfinished), pk=lane, lease_owner=owner, version=version
        ).update(due_at=None, lease_owner="", lease_until=None, stuck_since=None, delay_told=False)
    )


def release_until(lane: str, owner: str, due_at: datetime, *, stuck: bool) -> None:
    """Give the lane back until then, or until somebody is in a `hurry`.

    `stuck`: what is first in it could not be carried out.
    """
    since = {"stuck_since": Coalesce("stuck_since", timezone.now())} if stuck else {}
    Lane.objects.filter(pk=lane, lease_owner=owner).update(
        due_at=due_at, lease_owner="", lease_until=None, **since
    )


def due(limit: int, grace: timedelta = timedelta(0), skip: Sequence[str] = ()) -> list[str]:
    """The lanes that have been due for `grace` and nobody holds.

    Oldest first, but each side's oldest ahead of anybody's second: a thousand lanes that wait
    for one help desk must not keep the others from their turn. Ahead of all: what a worker that
    died was at. No wake-up tells of it, and it may be half carried out.
    """
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    cut_off = F("lease_until").asc(nulls_last=True)
    found = Lane.objects.filter(free, due_at__lte=now - grace).order_by(cut_off, "due_at")
    if skip:
        found = found.exclude(pk__in=skip)
    rows = found.values_list("pk", "kind", "installation_id", "bot_id", "lease_until")
    places: Counter[tuple[str, object]] = Counter()
    ranked = []
    for age, (pk, kind, installation, bot, lease) in enumerate(rows[: limit * SEEN]):
        side = (kind, bot if kind == LaneKind.BOT else installation)
        places[side] += 1
        ranked.append((lease is None, places[side], age, pk))
    return [pk for *_, pk in sorted(ranked)[:limit]]


def repair() -> int:
    """Make idle lanes due that have work after all; returns how many.

    By the rules above there are none. Should a defect or a hand in the database make one, its
    messages must not wait for ever.
    """
    forgotten = Delivery.objects.filter(state__in=UNFINISHED, lane__due_at=None)
    return Lane.objects.filter(pk__in=forgotten.values("lane_id"), due_at=None).update(
        due_at=timezone.now()
    )


def hurry(**lanes: Any) -> int:
    """Make waiting lanes due now: the other side is back. Returns how many."""
    now = timezone.now()
    waiting = Lane.objects.filter(due_at__gt=now, **lanes)
    first = list(waiting.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])
    # What waits because the other side was away waits no longer; other reasons stay.
    Delivery.objects.filter(
        lane__in=waiting,
        state=DeliveryState.PENDING,
        next_attempt_at__gt=now,
        error_kind__in=AWAY,
    ).update(next_attempt_at=now)
    hurried = waiting.update(due_at=now)
    for lane in first:
        wake.send(lane)
    return hurried
