"""Starting and stopping a HITL session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations.engine import lanes
from conversations.flows import availability, ending
from conversations.flows.availability import Availability
from conversations.flows.locking import locked
from conversations.flows.people import set_conversation_tags
from conversations.flows.problems import Conflict, FlowError, NotFound
from conversations.flows.saying import say
from conversations.flows.timers import deadlines
from conversations.models import (
    OPEN_STATUSES,
    Conversation,
    DeliveryKind,
    StopReason,
    User,
)
from hitl_bridge.connect import provider_for
from hitl_bridge.models import Bot, Installation, InstallationStatus
from hitl_bridge.options import Text, in_effect


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What a bot hands over."""

    user: User
    title: str = ""
    description: str = ""
    transcript: Sequence[Mapping[str, Any]] = ()
    hitl_session: Mapping[str, Any] = field(default_factory=dict)
    bot_conversation_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    # False: what would be refused begins and fails, since the caller can't be told otherwise.
    refusable: bool = True


def choose_installation(bot: Bot, wanted: str, user: User | None = None) -> Installation:
    """The installation by slug or id, else the user's, else the only one."""
    usable = bot.installations.select_related("app", "bot").exclude(
        status=InstallationStatus.DISABLED
    )
    if wanted:
        found = usable.filter(slug=wanted).first() or usable.filter(pk=wanted).first()
        if found is None:
            raise NotFound(
                "This bot has no enabled installation of that slug or id.", field="installation"
            )
        return found
    candidates = list(usable[:2])
    if not candidates:
        raise Conflict(
            "This bot is not connected to a help desk yet: add an installation in the admin.",
            field="installation",
        )
    if len(candidates) == 1:
        return candidates[0]
    if user and user.installation_id:
        own = usable.filter(pk=user.installation_id).first()
        if own:
            return own
    raise FlowError(
        "This bot has several installations: say which by slug or id.", field="installation"
    )


def start_hitl(bot: Bot, start: SessionStart, wanted_installation: str = "") -> Conversation:
    """The new conversation, or the open one of this `bot_conversation_id`."""
    existing = _open_conversation(bot, start.bot_conversation_id)
    if existing:
        return existing
    installation = choose_installation(bot, wanted_installation, start.user)
    provider = provider_for(installation)
    problems = provider.validate_session(start.hitl_session)
    if problems:
        raise FlowError(problems[0].message, field=problems[0].field)
    options = in_effect(installation.options, start.options)
    closed = _closed(installation, options)
    if closed and start.refusable:
        opens = {"opensAt": availability.opening(closed)} if closed.opens_at else {}
        raise Conflict(_why_closed(closed), availability=closed.status, **opens)
    try:
        with transaction.atomic():
            if provider.capabilities.one_ticket_per_person:
                _require_no_other_session(installation, start)
            conversation = _create(bot, installation, start, options)
            if closed:
                ending.fail(conversation, _why_closed(closed))
            return conversation
    except IntegrityError:
        # Somebody else started this very session at the same moment: theirs is the one.
        existing = _open_conversation(bot, start.bot_conversation_id)
        if existing is None:
            raise
        return existing


def look_ahead(
    bot: Bot, user: User | None, options: Mapping[str, Any], wanted_installation: str = ""
) -> None:
    """Ask the help desk whether agents are there, if `start_hitl` is to decide by it.

    No transaction may be open. What is wrong with the request, `start_hitl` says.
    """
    try:
        installation = choose_installation(bot, wanted_installation, user)
    except FlowError:
        return
    given = in_effect(installation.options, options)
    if given.get("whenUnavailable") == "refuse" and availability.asks_help_desk(
        installation, given
    ):
        availability.look(installation, given)


def stop_hitl(bot: Bot, conversation_id: str, reason: StopReason) -> None:
    """End the session; one that has ended already stays as it is."""
    with transaction.atomic():
        if not Conversation.objects.filter(bot=bot, pk=conversation_id).exists():
            raise NotFound("There is no such conversation.", field="conversationId")
        ending.end(locked(conversation_id), reason)


def _closed(installation: Installation, options: Mapping[str, Any]) -> Availability | None:
    """Why a new session can't be had now, where that is how the operator or the bot wants it."""
    if options.get("whenUnavailable") != "refuse":
        return None
    found = availability.remembered(installation, options)
    return found if found.status == availability.OFFLINE else None


def _why_closed(closed: Availability) -> str:
    opens = f" It opens at {availability.opening(closed)}." if closed.opens_at else ""
    return f"No agent is available now. {closed.detail}".strip() + opens


def _open_conversation(bot: Bot, bot_conversation_id: str) -> Conversation | None:
    if not bot_conversation_id:
        return None
    return Conversation.objects.filter(
        bot=bot, bot_conversation_id=bot_conversation_id, status__in=OPEN_STATUSES
    ).first()


def _require_no_other_session(installation: Installation, start: SessionStart) -> None:
    # Two starts at the same moment would both find none: the second waits for the first.
    User.objects.select_for_update(no_key=True).get(pk=start.user.pk)
    other = Conversation.objects.filter(
        installation=installation, user=start.user, status__in=OPEN_STATUSES
    ).first()
    if other:
        raise Conflict(
            "This help desk has one chat per customer, and this user's is still open: "
            "stop that session first.",
            field="userId",
            conversationId=other.id,
        )


def _create(
    bot: Bot, installation: Installation, start: SessionStart, options: dict[str, Any]
) -> Conversation:
    now = timezone.now()
    assignment, idle = deadlines(options, now)
    conversation = Conversation.objects.create(
        tenant_id=bot.tenant_id,
        bot=bot,
        installation=installation,
        user=start.user,
        bot_conversation_id=start.bot_conversation_id,
        title=start.title,
        description=start.description,
        transcript=list(start.transcript),
        hitl_session=dict(start.hitl_session),
        options=options,
        assignment_deadline=assignment,
        idle_deadline=idle,
    )
    lanes.create_for(conversation)
    set_conversation_tags(conversation, start.tags)
    lanes.append(conversation, DeliveryKind.OPEN)
    say(conversation, Text.STARTED)
    return conversation
