"""createRemoteConversation: a session is handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from conversations.flows import sessions
from conversations.flows.botpress import binding, people
from conversations.flows.botpress.people import Identity
from conversations.models import Binding, BotpressSession, Conversation, User
from hitl_bridge.models import Installation

# A session that Botpress has abandoned (its plugin does so on an error) is never closed by it.
IDLE_TIMEOUT = 24 * 3600  # seconds; the installation's own idleTimeout goes before


@dataclass(frozen=True, slots=True)
class Handoff:
    """What Botpress hands over; the stock integration sends title and description only."""

    title: str = ""
    description: str = ""
    transcript: Sequence[Mapping[str, Any]] = ()
    hitl_session: Mapping[str, Any] = field(default_factory=dict)
    user_id: str = ""  # explicit, as our own integration sends it
    identity: Identity = field(default_factory=Identity)  # what the description says
    downstream_id: str = ""  # likewise explicit


def pinged(installation: Installation) -> None:
    """Botpress saved its configuration and found us."""
    with transaction.atomic():
        connection = binding.lock(installation)
        connection.pinged_at = timezone.now()
        connection.save(update_fields=["pinged_at"])


def start(installation: Installation, handoff: Handoff) -> Conversation:
    """The new conversation. Its ticket is opened at once, or once its user is known, or after
    a few seconds under an unknown user. Raises FlowError."""
    sessions.look_ahead(installation.bot, None, {}, installation.pk)
    with transaction.atomic():
        connection = binding.lock(installation)
        user, known_by = _user(installation, handoff)
        binding.make_room(installation, user)
        conversation = sessions.start_hitl(
            installation.bot, _session_start(installation, handoff, user), installation.pk
        )
        session = BotpressSession.objects.create(
            conversation=conversation,
            installation=installation,
            binding=known_by,
            user=user if known_by == Binding.TOLD else None,
            botpress_user_id=handoff.identity.botpress_user_id[:200],
            downstream_id=handoff.downstream_id,
            answered_at=timezone.now(),
        )
        if known_by == Binding.GUESSED:
            binding.guess(session, user)
        else:
            people.assign_arrival(session, session.user)
        if known_by in binding.UNCERTAIN:
            binding.hold(conversation)
        connection.handed_over_at = session.answered_at
        connection.save(update_fields=["handed_over_at"])
    return conversation


def _user(installation: Installation, handoff: Handoff) -> tuple[User, Binding]:
    """Whose session it is, and how sure that is."""
    who = handoff.identity
    found = people.find(installation.bot, who, handoff.user_id)
    if found is not None:
        _fill_in(found, who)
        return found, Binding.TOLD
    newcomers = people.newcomers(installation, timezone.now())
    if len(newcomers) == 1:
        _fill_in(newcomers[0], who)
        return newcomers[0], Binding.GUESSED
    if not newcomers:
        binding.doubt_guesses(installation)
    return people.store(installation, who), Binding.TOLD if who.email else Binding.UNKNOWN


def _fill_in(user: User, who: Identity) -> None:
    """The bot's builder says more of the user than the plugin did; what is known stays."""
    name = who.name if user.name == people.UNKNOWN_NAME else ""
    email = "" if user.email else who.email
    if name or email:
        user.name, user.email = name[:200] or user.name, email[:320] or user.email
        user.save(update_fields=["name", "email", "updated_at"])


def _session_start(
    installation: Installation, handoff: Handoff, user: User
) -> sessions.SessionStart:
    given = "idleTimeout" in installation.options
    return sessions.SessionStart(
        user=user,
        title=handoff.title,
        description=handoff.description,
        transcript=handoff.transcript,
        hitl_session=handoff.hitl_session,
        options={} if given else {"idleTimeout": IDLE_TIMEOUT},
        refusable=False,  # the user has been told already that a human will come
    )
