"""To the help desk: opening tickets, sending messages, closing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

import providers
from conversations.engine import lanes
from conversations.engine.handlers import Handler
from conversations.flows import availability, catching_up, delays, ending
from conversations.flows.events import emit
from conversations.flows.inbound import message_failed
from conversations.flows.locking import locked
from conversations.flows.operators import RETRIED
from conversations.flows.reading import tell_read
from conversations.flows.receipts import release_unmatched
from conversations.flows.saying import say
from conversations.flows.tickets import open_request, outgoing, save_contact, ticket_of
from conversations.models import (
    Conversation,
    ConversationStatus,
    Delivery,
    EventType,
    LaneKind,
    MessageStatus,
    StopReason,
)
from hitl_bridge import health
from hitl_bridge.connect import provider_for
from hitl_bridge.models import Installation
from hitl_bridge.options import Text, words
from providers.base import Journal
from providers.errors import Gone, ProviderError
from providers.types import OpenedTicket, Sent

OPERATOR_CHECK = timedelta(minutes=2)  # how often a paused installation's lanes look again

CLOSING_NOTES = {
    StopReason.USER_ENDED: "The customer has ended the chat.",
    StopReason.BOT_STOPPED: "The chatbot has ended the session.",
    StopReason.ASSIGNMENT_TIMEOUT: "The session ended because no agent took it in time.",
    StopReason.IDLE_TIMEOUT: "The session ended because nobody wrote for too long.",
    StopReason.FAILED: "The session was ended because of an error.",
}


def note_success(installation: Installation) -> None:
    """The help desk answers; who waited for that goes on at once."""
    if health.succeeded(installation):
        lanes.hurry(installation=installation, kind=LaneKind.PROVIDER)


class ProviderHandler(Handler):
    """What all deliveries to a help desk have in common."""

    waits_for_operator = True

    def side(self, delivery: Delivery) -> tuple[str, bool]:
        installation = delivery.conversation.installation
        return installation.pk, installation.failures > 0

    def hold_until(self, delivery: Delivery) -> datetime | None:
        installation = delivery.conversation.installation
        if not installation.delivering:
            return timezone.now() + OPERATOR_CHECK
        return health.hold_until(installation)

    def probe(self, delivery: Delivery) -> datetime | None:
        return health.probe(delivery.conversation.installation)

    def got_through(self, delivery: Delivery) -> None:
        delays.over(delivery)

    def worked(self, delivery: Delivery) -> None:
        note_success(delivery.conversation.installation)

    def troubled(self, delivery: Delivery, error: ProviderError) -> datetime | None:
        return health.failed(delivery.conversation.installation, error)

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        conversation = locked(delivery.conversation_id)
        if isinstance(error, Gone):
            ending.drop_waiting(conversation, "The ticket no longer exists.")
            ending.end(conversation, StopReason.FAILED, ticket_is_closed=True)


class OpenTicket(ProviderHandler):
    """Open the conversation's ticket."""

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> tuple[OpenedTicket, bool] | None:
        """The ticket, and whether nobody is there; None where an old one was opened again."""
        conversation = delivery.conversation
        provider = provider_for(conversation.installation, before_request)
        if conversation.reopened_from_id:
            provider.reopen(ticket_of(conversation), journal)
            return None
        opened = provider.open(open_request(conversation), journal)
        return opened, _is_known_to_be_closed(conversation)

    def succeeded(self, delivery: Delivery, result: tuple[OpenedTicket, bool] | None) -> None:
        if result is not None:
            self._opened(locked(delivery.conversation_id), *result)

    def _opened(self, conversation: Conversation, result: OpenedTicket, closed: bool) -> None:
        save_contact(conversation, result.contact)
        conversation.remote_id = result.remote_id
        conversation.remote_url = result.url[:500]
        conversation.remote_state = dict(result.state)
        conversation.queued_at = timezone.now()
        if conversation.status == ConversationStatus.OPENING:
            conversation.status = ConversationStatus.QUEUED
            catching_up.plan(conversation)
        try:
            with transaction.atomic():
                conversation.save(
                    update_fields=[
                        "remote_id",
                        "remote_url",
                        "remote_state",
                        "queued_at",
                        "status",
                        "catch_up_at",
                    ]
                )
        except IntegrityError:
            why = "This ticket belongs to another session that is still open."
            ending.fail(locked(conversation.id), why)
            return
        if conversation.is_open:
            emit(conversation, EventType.QUEUED, {"ticketId": conversation.remote_id}, "queued")
            say(conversation, Text.NO_AGENT if closed else Text.QUEUED, "open")
            release_unmatched(conversation)

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        if delivery.conversation.reopened_from_id:
            super().gave_up(delivery, error)
        else:
            ending.fail(locked(delivery.conversation_id), error.detail)


def _is_known_to_be_closed(conversation: Conversation) -> bool:
    """Whether nobody is there, asked only where the customer is to be told."""
    options = conversation.options
    if not words(options, Text.NO_AGENT):
        return False
    return availability.look(conversation.installation, options).status == availability.OFFLINE


class SendMessage(ProviderHandler):
    """Send one message of the bot's side."""

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> Sent:
        assert delivery.message is not None
        conversation = delivery.conversation
        provider = provider_for(conversation.installation, before_request)
        in_doubt = delivery.doubtful_since is not None
        ticket = ticket_of(conversation, with_known_ids=in_doubt)
        message = outgoing(delivery.message, conversation.bot.name or "Bot")
        return provider.send(ticket, message, journal)

    def succeeded(self, delivery: Delivery, result: Sent) -> None:
        message = delivery.message
        assert message is not None
        message.status, message.remote_ids = MessageStatus.SENT, list(result.remote_ids)
        message.save(update_fields=["status", "remote_ids"])
        if delivery.payload.get(RETRIED):
            _tell_that_it_arrived(delivery)
        if providers.get(delivery.conversation.installation.provider).capabilities.read_in:
            tell_read(locked(delivery.conversation_id))
        if result.contact is not None or result.state is not None:
            conversation = locked(delivery.conversation_id)
            save_contact(conversation, result.contact)
            if result.state is not None:
                conversation.remote_state = dict(result.state)
                conversation.save(update_fields=["remote_state"])

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        assert delivery.message is not None
        message_failed(locked(delivery.conversation_id), delivery.message, error.detail)
        super().gave_up(delivery, error)


def _tell_that_it_arrived(delivery: Delivery) -> None:
    """The bot was told that it had failed, and that it was tried again."""
    data = {"messageId": delivery.message_id, "status": "delivered"}
    key = f"delivered:{delivery.message_id}"
    emit(locked(delivery.conversation_id), EventType.MESSAGE_STATUS, data, key)


class CloseTicket(ProviderHandler):
    """Close the ticket of a session that ended on our side."""

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> None:
        conversation = delivery.conversation
        if not conversation.remote_id:
            return
        provider = provider_for(conversation.installation, before_request)
        note = CLOSING_NOTES.get(StopReason(delivery.payload.get("reason", "failed")), "")
        try:
            provider.close(ticket_of(conversation), note, journal)
        except Gone:
            return


class TellAgent(ProviderHandler):
    """Tell the agent something that the customer does not see."""

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> None:
        conversation = delivery.conversation
        provider = provider_for(conversation.installation, before_request)
        text = str(delivery.payload.get("text", ""))
        try:
            provider.tell_agent(ticket_of(conversation), text, journal)
        except Gone:
            return  # nobody is left to be told

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        """A note is not worth ending a session for."""
