"""The inbound lane: taking in what the help desk told, where it must be asked for more."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import structlog
from django.utils import timezone

from conversations.engine.handlers import NotYet
from conversations.flows import inbound
from conversations.flows.fetching import Fetcher
from conversations.flows.locking import locked
from conversations.flows.outgoing import OPERATOR_CHECK, ProviderHandler, note_success
from conversations.flows.tickets import ticket_of
from conversations.models import (
    UNFINISHED,
    Conversation,
    Delivery,
    DeliveryKind,
    User,
    UserKind,
)
from hitl_bridge import health
from hitl_bridge.connect import provider_for
from providers.base import Journal, Provider, repeatable
from providers.errors import Gone, ProviderError, Retry
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    InboundEvent,
    Ticket,
    TicketClosed,
    TicketReopened,
    load_event,
)

log = structlog.get_logger(__name__)
T = TypeVar("T")

ASK_AGAIN = timedelta(minutes=1)
# How long an agent's message may wait for the ticket to be read, and how long between two tries.
READ_WITHIN, READ_AGAIN = timedelta(seconds=30), timedelta(seconds=2)
# So often it is tried at least: under load, half a minute may be over before the second try's turn.
READ_TRIES = 5
OVERTAKEN = 200  # webhooks that are looked at where the ticket can't be read


class NotAsked(ProviderError):
    """The help desk can't be asked now: it is out of reach, or an operator must mend something."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


class AskingHandler(ProviderHandler):
    """What both have in common: they end in events that are applied in one transaction.

    They wait for nobody: what the help desk told is taken in, even while it can't be asked for
    more. How it is, each question notes for itself (`_asked`).
    """

    waits_for_operator = False

    def side(self, delivery: Delivery) -> tuple[str, bool]:
        """Apart from what goes out: a send that gets no answer must not hold up agents' words."""
        side, troubled = super().side(delivery)
        return f"{side}:inbound", troubled

    def hold_until(self, delivery: Delivery) -> datetime | None:
        return None

    def probe(self, delivery: Delivery) -> datetime | None:
        return None

    def worked(self, delivery: Delivery) -> None:
        """Nobody may have been asked, so this says nothing about the help desk."""

    def troubled(self, delivery: Delivery, error: ProviderError) -> datetime | None:
        return None

    def succeeded(self, delivery: Delivery, result: list[InboundEvent]) -> None:
        conversation = locked(delivery.conversation_id)
        inbound.apply(conversation, result)


class Receive(AskingHandler):
    """Take in one event of a webhook."""

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> list[InboundEvent]:
        event = load_event(delivery.payload["event"])
        conversation = delivery.conversation
        provider = provider_for(conversation.installation, before_request)
        if not inbound.unseen(conversation, [event]):
            return []  # an earlier question has found it
        told: list[InboundEvent] = [event]
        if inbound.wants_reading(event) and conversation.is_open:
            before = _told_before(provider, conversation, journal)
            if before is None:
                before = _waiting_before(delivery, event)
            told = before if event.key in {each.key for each in before} else [*before, event]
        events = inbound.unseen(conversation, told)
        return _completed(Fetcher(provider, conversation, journal), events)

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        """Whatever could not be asked: what the webhook itself said is applied as it is."""
        event = load_event(delivery.payload["event"])
        inbound.apply(locked(delivery.conversation_id), [event])


class CatchUp(AskingHandler):
    """Ask what happened since, and take in what is new."""

    dead_letter = False

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> list[InboundEvent] | NotAsked:
        conversation = delivery.conversation
        if not (conversation.is_open and conversation.remote_id):
            return []
        provider = provider_for(conversation.installation, before_request)
        try:
            events = _ask(conversation, provider.catch_up)
        except NotAsked as later:
            return later
        reopened = [event.at for event in events if isinstance(event, TicketReopened)]
        fetcher = Fetcher(provider, conversation, journal)
        if _is_being_reopened(conversation):
            # As the help desk has it still: the session goes on.
            events = [event for event in events if not isinstance(event, TicketClosed)]
        still_true = [
            event
            for event in events
            # A ticket that was closed and opened again while we looked away is open.
            if not (isinstance(event, TicketClosed) and any(at >= event.at for at in reopened))
        ]
        return _completed(fetcher, inbound.unseen(conversation, still_true))

    def succeeded(self, delivery: Delivery, result: list[InboundEvent] | NotAsked) -> None:
        if isinstance(result, NotAsked):
            _ask_by(delivery, result.until + random.random() * ASK_AGAIN)  # noqa: S311 - no secret
            return
        super().succeeded(delivery, result)
        Conversation.objects.filter(pk=delivery.conversation_id).update(
            caught_up_to=delivery.started_at or timezone.now()
        )

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        if isinstance(error, Gone):
            super().gave_up(delivery, error)
        else:
            _ask_by(delivery, timezone.now() + ASK_AGAIN)


def _is_being_reopened(conversation: Conversation) -> bool:
    """Whether an agent has taken up an old ticket that we have not opened again yet."""
    return bool(conversation.reopened_from_id) and (
        conversation.deliveries.filter(kind=DeliveryKind.OPEN, state__in=UNFINISHED).exists()
    )


def _ask_by(delivery: Delivery, until: datetime) -> None:
    """Have the question put again then, if not earlier."""
    Conversation.objects.filter(pk=delivery.conversation_id, catch_up_at__gt=until).update(
        catch_up_at=until
    )


def _ask(
    conversation: Conversation, read: Callable[[Ticket, datetime], list[InboundEvent]]
) -> list[InboundEvent]:
    """What the help desk has for the ticket; a margin covers clocks that differ."""
    ticket = ticket_of(conversation, with_known_ids=True)
    since = (conversation.caught_up_to or ticket.opened_at) - timedelta(minutes=2)
    return _asked(conversation, lambda: read(ticket, since))


def _asked(conversation: Conversation, ask: Callable[[], T]) -> T:
    """What the help desk answers. Raises NotAsked while the installation is paused, broken, or
    held; else what its breaker counts, too."""
    installation = conversation.installation
    if not installation.delivering:
        raise NotAsked(timezone.now() + OPERATOR_CHECK)
    held = health.hold_until(installation) or health.probe(installation)
    if held is not None:
        raise NotAsked(held)
    try:
        answer = ask()
    except ProviderError as error:
        health.failed(installation, error)
        raise
    note_success(installation)
    return answer


def _told_before(
    provider: Provider, conversation: Conversation, journal: Journal
) -> list[InboundEvent] | None:
    """What agents did by the help desk's own record, in its order; None: it can't be asked.

    One that can't be asked for long must hold back neither an agent's words nor the end; one that
    fails once, or asks to slow down, is asked again. Raises NotYet.
    """
    try:
        events = _ask(conversation, provider.read_agents)
    except ProviderError as error:
        log.info("ticket_not_read", error=type(error).__name__)
        _wait_to_read(error, journal)
        return None
    return [event for event in events if isinstance(event, AgentMessage | AgentAssigned)]


def _waiting_before(delivery: Delivery, event: InboundEvent) -> list[InboundEvent]:
    """What agents did before the event by webhooks that it has overtaken: they wait behind it.

    The next best thing to the help desk's record: what they said while it could not be read.
    """
    behind = Delivery.objects.filter(
        lane_id=delivery.lane_id,
        kind=DeliveryKind.RECEIVE,
        state__in=UNFINISHED,
        pk__gt=delivery.pk,
    ).order_by("pk")
    payloads = behind.values_list("payload", flat=True)[:OVERTAKEN]
    events = [load_event(payload["event"]) for payload in payloads]
    earlier = [
        each
        for each in events
        if isinstance(each, AgentMessage | AgentAssigned) and each.at < event.at
    ]
    return sorted(earlier, key=lambda each: each.at)


def _wait_to_read(error: ProviderError, journal: Journal) -> None:
    """Raise NotYet where another try may do: there were few, or the first is not long ago."""
    now = timezone.now()
    # Not since the webhook came: it may have waited for its turn, and was not read up on meanwhile.
    tries = _tries(journal, now)
    in_time = tries[0] + READ_WITHIN
    again = error.until if isinstance(error, NotAsked) else now + READ_AGAIN
    soon = again - now < READ_WITHIN
    mends_itself = isinstance(error, NotAsked | Retry)
    worth_it = mends_itself and (again < in_time or (soon and len(tries) < READ_TRIES))
    if worth_it:
        raise NotYet(max(again - now, READ_AGAIN), "The ticket could not be read.")


def _tries(journal: Journal, now: datetime) -> list[datetime]:
    """When the ticket was tried to be read in vain, this time included: the first few times."""
    tries: list[datetime] = []
    while len(tries) < READ_TRIES and now not in tries:
        step = f"read-{len(tries) + 1}"
        tries.append(datetime.fromisoformat(journal.once(step, now.isoformat, repeatable)))
    return tries


def _completed(fetcher: Fetcher, events: list[InboundEvent]) -> list[InboundEvent]:
    """The events with what the help desk had to be asked for: the agents' names, the files.

    Who turns out to be a bot is left out: only people have agents' names.
    """
    named = [_with_agent(fetcher.provider, fetcher.conversation, event) for event in events]
    return [
        fetcher.with_our_addresses(event)
        for event in named
        if isinstance(event, TicketClosed)
        or not getattr(getattr(event, "agent", None), "bot", False)
    ]


def _with_agent(
    provider: Provider, conversation: Conversation, event: InboundEvent
) -> InboundEvent:
    """The event with the agent's name, from our rows or from the help desk."""
    agent = getattr(event, "agent", None)
    if not isinstance(agent, Agent) or agent.name:
        return event
    known = (
        User.objects.filter(
            installation_id=conversation.installation_id,
            kind=UserKind.AGENT,
            external_id=agent.id,
        )
        .exclude(name="")
        .first()
    )
    if known:
        return event
    try:
        found = _asked(conversation, lambda: provider.agent(agent.id))
    except ProviderError as error:
        log.info("agent_not_found", error=type(error).__name__)
        return event
    if found is None:
        return event
    return cast(InboundEvent, replace(cast(Any, event), agent=found))
