"""Binding a session to its user, which Botpress names late or not at all.

While the user is not certain, the opening of the ticket is held back for a few seconds: a user's
first message ends the wait. All of it happens under the connection's lock, taken ahead of any
conversation's.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

import providers
from conversations.engine import lanes, wake
from conversations.flows import ending
from conversations.flows.botpress import people
from conversations.flows.locking import locked
from conversations.flows.people import set_user_tags
from conversations.models import (
    OPEN_STATUSES,
    Binding,
    BotpressConnection,
    BotpressSession,
    Conversation,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Lane,
    LaneKind,
    Message,
    StopReason,
    User,
    lane_id,
)
from hitl_bridge.models import Installation

HOLD = timedelta(seconds=4)
UNCERTAIN = (Binding.UNKNOWN, Binding.GUESSED)


def lock(installation: Installation) -> BotpressConnection:
    """Let nobody else decide about this connection's sessions until the transaction ends."""
    BotpressConnection.objects.get_or_create(installation=installation)
    return BotpressConnection.objects.select_for_update().get(pk=installation.pk)


def hold(conversation: Conversation) -> None:
    """Open the ticket of a session that was just created a few seconds later."""
    until = timezone.now() + HOLD
    lane = lane_id(conversation.id, LaneKind.PROVIDER)
    Lane.objects.filter(pk=lane).update(due_at=until)
    Delivery.objects.filter(lane_id=lane, kind=DeliveryKind.OPEN).update(next_attempt_at=until)


def make_room(installation: Installation, user: User, own: Conversation | None = None) -> None:
    """Where the help desk has one chat per customer, end the user's older sessions: whoever
    hands over anew has left those, even if nobody told us."""
    if not providers.get(installation.provider).capabilities.one_ticket_per_person:
        return
    older = Conversation.objects.filter(
        installation=installation, user=user, status__in=OPEN_STATUSES
    )
    for id_ in older.exclude(pk=own.pk if own else "").values_list("pk", flat=True):
        ending.end(locked(id_), StopReason.BOT_STOPPED)


def doubt_guesses(installation: Installation) -> None:
    """A session came with no newcomer left for it: one of the held ones may have got theirs."""
    for session in _held(installation, Binding.GUESSED):
        stranger = people.store(installation, people.Identity(session.botpress_user_id))
        _give_to(session, stranger)
        session.binding, session.user = Binding.UNKNOWN, None
        session.save(update_fields=["binding", "user"])
        people.assign_arrival(session, None)


def learn(session: BotpressSession, user: User) -> None:
    """This user wrote in the session (its conversation is locked): so it is theirs."""
    if session.binding == Binding.SEEN:
        return  # somebody else in the same chat speaks as well
    if session.botpress_user_id:
        set_user_tags(user, {people.USER_ID_TAG: session.botpress_user_id})
    if session.binding in UNCERTAIN:
        held = _claim_opening(session.conversation)
        if session.conversation.user_id != user.pk:
            if held:
                _give_to(session, user)
            else:
                _tell_late(session, user)
        if held:
            _open_now(session.conversation)
    session.binding, session.user = Binding.SEEN, user
    session.save(update_fields=["binding", "user"])
    people.assign_arrival(session, user)
    _guess_the_last(session.installation)


def guess(session: BotpressSession, user: User) -> None:
    """Take this newcomer for the session's user, until a message says otherwise."""
    session.binding, session.user = Binding.GUESSED, user
    session.save(update_fields=["binding", "user"])
    people.assign_arrival(session, user)


def _guess_the_last(installation: Installation) -> None:
    """Where one session without a user and one newcomer are left, they belong together."""
    left = _held(installation, Binding.UNKNOWN)
    newcomers = people.newcomers(installation, timezone.now())
    if len(left) == 1 and len(newcomers) == 1:
        _give_to(left[0], newcomers[0])
        guess(left[0], newcomers[0])


def _held(installation: Installation, binding: Binding) -> list[BotpressSession]:
    """The connection's sessions of that binding whose tickets can still wait for a user."""
    sessions = BotpressSession.objects.filter(
        installation=installation,
        binding=binding,
        closed_at=None,
        answered_at__gt=timezone.now() - 2 * HOLD,
    ).select_related("installation__bot")
    held = []
    for session in sessions:
        session.conversation = locked(session.pk)
        if _claim_opening(session.conversation):
            held.append(session)
    return held


def _claim_opening(conversation: Conversation) -> bool:
    """Whether the ticket's opening has not begun; no worker begins it before our commit then."""
    lane = lane_id(conversation.id, LaneKind.PROVIDER)
    free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    if not Lane.objects.filter(free, pk=lane).update(version=F("version") + 1):
        return False
    return Delivery.objects.filter(
        lane_id=lane, kind=DeliveryKind.OPEN, state=DeliveryState.PENDING, attempt_count=0
    ).exists()


def _open_now(conversation: Conversation) -> None:
    lane, now = lane_id(conversation.id, LaneKind.PROVIDER), timezone.now()
    Delivery.objects.filter(lane_id=lane, kind=DeliveryKind.OPEN).update(next_attempt_at=now)
    Lane.objects.filter(pk=lane).update(due_at=now, version=F("version") + 1)
    wake.after_commit(lane)


def _give_to(session: BotpressSession, user: User) -> None:
    """The conversation, whose ticket is not open yet, is that user's."""
    conversation, before = session.conversation, session.conversation.user
    if before.pk == user.pk:
        return
    make_room(session.installation, user, conversation)
    conversation.user = user
    conversation.save(update_fields=["user"])
    Message.objects.filter(conversation=conversation, user=before).update(user=user)
    if people.is_placeholder(before) and not before.conversations.exists():
        before.delete()


def _tell_late(session: BotpressSession, user: User) -> None:
    """The ticket is open under another user and stays there: the agent is told who it is."""
    conversation, shown = session.conversation, session.conversation.user
    if people.is_placeholder(shown):
        shown.name, shown.email = user.name, user.email
        shown.save(update_fields=["name", "email"])
    if conversation.is_open:
        contact = f" ({user.email})" if user.email else ""
        text = f"The customer in this chat is {user.name}{contact}."
        lanes.append(conversation, DeliveryKind.TELL_AGENT, payload={"text": text})
