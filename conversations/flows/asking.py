"""The inbound lane: taking in what the help desk told, where it must be asked for more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from django.utils import timezone

from conversations.flows import inbound
from conversations.flows.fetching import Fetcher
from conversations.flows.locking import locked
from conversations.flows.outgoing import ProviderHandler
from conversations.flows.tickets import ticket_of
from conversations.models import Conversation, Delivery, User, UserKind
from hitl_bridge.connect import provider_for
from providers.base import Journal, Provider
from providers.errors import Gone, ProviderError, Unavailable
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    InboundEvent,
    TicketClosed,
    TicketReopened,
    load_event,
)

log = structlog.get_logger(__name__)

ASK_AGAIN = timedelta(minutes=1)


class AskingHandler(ProviderHandler):
    """What both have in common: they end in events that are applied in one transaction."""

    waits_for_operator = False

    def hold_until(self, delivery: Delivery) -> datetime | None:
        """What the help desk told is taken in, even while it can't be asked for more."""
        return None

    def succeeded(self, delivery: Delivery, result: list[InboundEvent]) -> None:
        conversation = locked(delivery.conversation_id)
        inbound.apply(conversation, result)


class Receive(AskingHandler):
    """Take in one event of a webhook."""

    def worked(self, delivery: Delivery) -> None:
        """Nobody may have been asked, so this says nothing about the help desk."""

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> list[InboundEvent]:
        event = load_event(delivery.payload["event"])
        conversation = delivery.conversation
        provider = provider_for(conversation.installation, before_request)
        if not inbound.unseen(conversation, [event]):
            return []  # an earlier question has found it
        told: list[InboundEvent] = [event]
        if inbound.wants_reading(provider, event) and conversation.is_open:
            before = _told_before(provider, conversation)
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
    ) -> list[InboundEvent]:
        conversation = delivery.conversation
        installation = conversation.installation
        if not (conversation.is_open and conversation.remote_id and installation.delivering):
            return []
        provider = provider_for(conversation.installation, before_request)
        events = _ask(provider, conversation)
        reopened = [event.at for event in events if isinstance(event, TicketReopened)]
        fetcher = Fetcher(provider, conversation, journal)
        still_true = [
            event
            for event in events
            # A ticket that was closed and opened again while we looked away is open.
            if not (isinstance(event, TicketClosed) and any(at >= event.at for at in reopened))
        ]
        return _completed(fetcher, inbound.unseen(conversation, still_true))

    def succeeded(self, delivery: Delivery, result: list[InboundEvent]) -> None:
        super().succeeded(delivery, result)
        Conversation.objects.filter(pk=delivery.conversation_id).update(
            caught_up_to=delivery.started_at or timezone.now()
        )

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        if isinstance(error, Gone):
            super().gave_up(delivery, error)
        else:
            soon = timezone.now() + ASK_AGAIN
            Conversation.objects.filter(pk=delivery.conversation_id, catch_up_at__gt=soon).update(
                catch_up_at=soon
            )


def _ask(provider: Provider, conversation: Conversation) -> list[InboundEvent]:
    """What the help desk has for the ticket; a margin covers clocks that differ."""
    _require_open_line(conversation)
    ticket = ticket_of(conversation, with_known_ids=True)
    since = conversation.caught_up_to or ticket.opened_at
    return provider.catch_up(ticket, since - timedelta(minutes=2))


def _require_open_line(conversation: Conversation) -> None:
    """Raise Unavailable while the installation is paused, broken, or held by its breaker."""
    installation = conversation.installation
    held = installation.hold_until
    if not installation.delivering or (held and held > timezone.now()):
        raise Unavailable("The help desk can't be asked now.")


def _told_before(provider: Provider, conversation: Conversation) -> list[InboundEvent]:
    """What agents did by the help desk's own record, in its order.

    One that can't be asked now must hold back neither an agent's words nor the end.
    """
    try:
        events = _ask(provider, conversation)
    except ProviderError as error:
        log.info("ticket_not_read", error=type(error).__name__)
        return []
    return [event for event in events if isinstance(event, AgentMessage | AgentAssigned)]


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
        _require_open_line(conversation)
        found = provider.agent(agent.id)
    except ProviderError as error:
        log.info("agent_not_found", error=type(error).__name__)
        return event
    if found is None:
        return event
    return cast(InboundEvent, replace(cast(Any, event), agent=found))
