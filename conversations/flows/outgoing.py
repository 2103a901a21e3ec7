"""To the help desk: opening tickets, sending messages, closing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations.engine import lanes
from conversations.engine.handlers import Handler
from conversations.flows import catching_up, ending
from conversations.flows.events import emit
from conversations.flows.inbound import message_failed
from conversations.flows.locking import locked
from conversations.flows.receipts import release_unmatched
from conversations.flows.tickets import open_request, outgoing, save_contact, ticket_of
from conversations.models import (
    ConversationStatus,
    Delivery,
    EventType,
    LaneKind,
    MessageStatus,
    StopReason,
)
from hitl_bridge import health
from hitl_bridge.connect import provider_for
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

    def worked(self, delivery: Delivery) -> None:
        installation = delivery.conversation.installation
        if health.succeeded(installation):  # the others wait for this, much longer than need be
            lanes.hurry(installation=installation, kind=LaneKind.PROVIDER)

    def troubled(self, delivery: Delivery, error: ProviderError) -> None:
        health.failed(delivery.conversation.installation, error)

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        conversation = locked(delivery.conversation_id)
        if isinstance(error, Gone):
            ending.drop_waiting(conversation, "The ticket no longer exists.")
            ending.end(conversation, StopReason.FAILED, ticket_is_closed=True)


class OpenTicket(ProviderHandler):
    """Open the conversation's ticket."""

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> OpenedTicket:
        conversation = delivery.conversation
        provider = provider_for(conversation.installation, before_request)
        return provider.open(open_request(conversation), journal)

    def succeeded(self, delivery: Delivery, result: OpenedTicket) -> None:
        conversation = locked(delivery.conversation_id)
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
            release_unmatched(conversation)

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        ending.fail(locked(delivery.conversation_id), error.detail)


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
        provider.tell_agent(ticket_of(conversation), text, journal)

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        """A note is not worth ending a session for."""
