"""closeRemoteTicket: which session does it end?

It names the Botpress conversation that was made after we had answered the handoff, an id that
nobody told us. In this order: what Botpress answers when asked (with a token); the session whose
ending the bot has just announced; the time that is written in the id; the only session there is.
What stays open waits a few seconds for the announcement and is then left to the idle timer:
ending somebody else's chat would be worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from conversations.flows import ending
from conversations.flows.botpress import binding
from conversations.flows.locking import locked
from conversations.models import (
    OPEN_STATUSES,
    BotpressClose,
    BotpressSession,
    CloseState,
    StopReason,
)
from hitl_bridge.models import Installation

log = structlog.get_logger(__name__)

PATIENCE = timedelta(seconds=15)  # how long a close waits for its announcement
MINTED_WITHIN = timedelta(seconds=15)  # of our answer to the handoff
CLOCKS = timedelta(seconds=2)  # how far Botpress's clock may be behind ours
MUCH_LATER = timedelta(minutes=5)
ANNOUNCED_WITHIN = timedelta(seconds=60)
JUST_ENDED = timedelta(seconds=60)  # Botpress may not have taken in yet that it is over

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH, _TIME_LENGTH = 26, 10


def take(installation: Installation, downstream_id: str, conversation_id: str = "") -> None:
    """Accept a close; `conversation_id` is ours, where the caller knows it (the stock
    integration does not). A repeat of one that ended its session changes nothing."""
    now = timezone.now()
    with transaction.atomic():
        binding.lock(installation)
        asks = can_ask(installation)
        close, created = BotpressClose.objects.get_or_create(
            installation=installation,
            downstream_id=downstream_id,
            defaults={"received_at": now, "deadline": now + PATIENCE, "due_at": now},
        )
        if close.state == CloseState.RESOLVED:
            return
        if not created and close.state == CloseState.UNRESOLVED:
            close.state, close.deadline, close.asked_count = CloseState.PENDING, now + PATIENCE, 0
        if not asks:
            close.asked_count, close.due_at = 1, close.deadline
        else:
            close.due_at = now
        close.save(update_fields=["state", "deadline", "due_at", "asked_count"])
        told = _named(installation, conversation_id) if conversation_id else None
        if told:
            finish(close, told)
        else:
            settle(installation)


def can_ask(installation: Installation) -> bool:
    """Whether Botpress can be asked whose an id is."""
    return bool(installation.bot.botpress_token and installation.bot.botpress_bot_id)


def settle(installation: Installation) -> None:
    """End every session whose close can be told apart by now; under the connection's lock."""
    while True:
        # What Botpress is still to be asked about (nobody has yet) is not guessed at.
        pending = list(
            BotpressClose.objects.filter(
                installation=installation, state=CloseState.PENDING, asked_count__gt=0
            ).order_by("id")
        )
        for close in pending:
            session = _session_of(close)
            if session is not None:
                finish(close, session)
                break  # one less to choose from, for the others
        else:
            _finish_together(installation, pending)
            return


def finish(close: BotpressClose, session: BotpressSession) -> None:
    """The close is this session's: end it, unless it ended before."""
    close.state, close.session, close.due_at = CloseState.RESOLVED, session, None
    close.save(update_fields=["state", "session", "due_at"])
    _end(session, close.downstream_id)


def give_up(close: BotpressClose) -> None:
    """Nobody can tell whose it is."""
    close.state, close.due_at = CloseState.UNRESOLVED, None
    close.save(update_fields=["state", "due_at"])
    log.warning(
        "botpress_close_unresolved",
        installation=close.installation_id,
        botpress_conversation=close.downstream_id,
    )


def minted_at(downstream_id: str) -> datetime | None:
    """When Botpress made the id: `conv_` and a ULID, whose first ten letters are milliseconds."""
    ulid = downstream_id.rpartition("_")[2].upper()
    if len(ulid) != _ULID_LENGTH or any(letter not in _CROCKFORD for letter in ulid):
        return None
    milliseconds = 0
    for letter in ulid[:_TIME_LENGTH]:
        milliseconds = milliseconds * len(_CROCKFORD) + _CROCKFORD.index(letter)
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _named(installation: Installation, conversation_id: str) -> BotpressSession | None:
    return BotpressSession.objects.filter(installation=installation, pk=conversation_id).first()


def _end(session: BotpressSession, downstream_id: str) -> None:
    # Ahead of the end itself: the bot is not told of what it did (see connectors.botpress).
    session.closed_at, session.downstream_id = timezone.now(), downstream_id
    session.save(update_fields=["closed_at", "downstream_id"])
    ending.end(locked(session.pk), StopReason.BOT_STOPPED)


def _session_of(close: BotpressClose) -> BotpressSession | None:
    """The only session that it can be, or None."""
    sessions = BotpressSession.objects.filter(installation_id=close.installation_id)
    known = sessions.filter(downstream_id=close.downstream_id).first()
    if known:
        return known
    free = sessions.filter(downstream_id="", closed_at=None).select_related("conversation")
    minted = minted_at(close.downstream_id)
    by_time: list[BotpressSession] = []
    if minted:
        period = (minted - MINTED_WITHIN, minted + CLOCKS)
        by_time = list(free.filter(answered_at__range=period))
    if len(by_time) == 1:
        # Maybe one that ended long ago: then there is nothing left to do.
        return by_time[0]
    if not by_time:
        free = free.filter(_may_still_close())
        # An id that is older than the session can't be its.
        free = free.filter(answered_at__lt=minted + MUCH_LATER) if minted else free
    alive = [session for session in by_time or free if _is_alive(session)]
    announced = [session for session in alive if _is_announced(session)]
    if len(announced) == 1:
        return announced[0]
    return alive[0] if len(alive) == 1 else None


def _finish_together(installation: Installation, pending: Sequence[BotpressClose]) -> None:
    """As many closes as announced endings: whichever belongs to which, all of them end."""
    free = BotpressSession.objects.filter(
        _may_still_close(), installation=installation, downstream_id="", closed_at=None
    ).select_related("conversation")
    announced = [session for session in free if _is_announced(session)]
    if len(pending) < 2 or len(pending) != len(announced):
        return
    for close in pending:
        close.state, close.due_at = CloseState.RESOLVED, None
        close.save(update_fields=["state", "due_at"])
    for session in announced:
        _end(session, "")


def _may_still_close() -> Q:
    """Open, or ended so shortly that Botpress may be ending it as well."""
    return Q(conversation__status__in=OPEN_STATUSES) | Q(
        conversation__stopped_at__gt=timezone.now() - JUST_ENDED
    )


def _is_alive(session: BotpressSession) -> bool:
    stopped_at = session.conversation.stopped_at
    return session.conversation.is_open or (
        stopped_at is not None and stopped_at > timezone.now() - JUST_ENDED
    )


def _is_announced(session: BotpressSession) -> bool:
    announced_at = session.ending_notice_at
    return (
        announced_at is not None
        and announced_at > timezone.now() - ANNOUNCED_WITHIN
        and session.conversation.is_open
    )
