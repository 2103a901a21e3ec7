"""What an agent does after the end: a new session on the same ticket, or a word to the agent."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

import providers
from conversations.engine import lanes
from conversations.flows import catching_up
from conversations.flows.locking import locked
from conversations.flows.people import set_conversation_tags
from conversations.flows.tickets import save_contact, ticket_of
from conversations.flows.timers import deadlines
from conversations.models import (
    OPEN_STATUSES,
    Conversation,
    ConversationStatus,
    DeliveryKind,
    StopReason,
)
from hitl_bridge.models.bots import Connector
from providers.types import AgentMessage, TicketReopened

TOLD_FOR = timedelta(minutes=15)  # an agent who goes on writing knows by then
NOTE = (
    "This session had ended already: the customer is back with the chatbot and may not see what "
    "is written here."
)


def tell_agent(conversation: Conversation, at: datetime) -> None:
    """Tell who wrote (or opened the ticket again) at `at` that it is over; once in a while."""
    now = timezone.now()
    if conversation.late_told_at and conversation.late_told_at > now - TOLD_FOR:
        return
    if conversation.stop_reason == StopReason.AGENT_CLOSED and not is_later(conversation, at):
        return  # the last words of who closed it
    conversation.late_told_at = now
    conversation.save(update_fields=["late_told_at"])
    lanes.append(conversation, DeliveryKind.TELL_AGENT, payload={"text": NOTE})


def reopened(
    conversation: Conversation, event: AgentMessage | TicketReopened
) -> Conversation | None:
    """The new session that this begins on a locked, ended conversation's ticket; None: none."""
    if conversation.options.get("reopen") != "newSession" or not is_later(conversation, event.at):
        return None
    if conversation.bot.connector == Connector.BOTPRESS or _is_taken(conversation):
        return None  # its plugin can't be given a session
    try:
        with transaction.atomic():
            return _create(conversation, event)
    except IntegrityError:
        return None  # the chat has been handed over anew at this very moment


def following(conversation: Conversation) -> Conversation | None:
    """The open session, locked, as which an agent took the ticket of an ended one up again."""
    if not conversation.remote_id:
        return None
    found = Conversation.objects.filter(
        installation_id=conversation.installation_id,
        remote_id=conversation.remote_id,
        reopened_from__isnull=False,
        status__in=OPEN_STATUSES,
    ).first()
    return locked(found.id) if found else None


def is_later(conversation: Conversation, at: datetime) -> bool:
    """Whether it happened after the end and not shortly before, told late."""
    return conversation.stopped_at is not None and at > conversation.stopped_at


def _is_taken(conversation: Conversation) -> bool:
    """Whether the ticket, the chat or (where there can be only one) the customer has a session."""
    others = Conversation.objects.filter(status__in=OPEN_STATUSES)
    here = others.filter(installation_id=conversation.installation_id)
    if not conversation.remote_id or here.filter(remote_id=conversation.remote_id).exists():
        return True
    chat = conversation.bot_conversation_id
    if chat and others.filter(bot_id=conversation.bot_id, bot_conversation_id=chat).exists():
        return True
    single = providers.get(conversation.installation.provider).capabilities.one_ticket_per_person
    return single and here.filter(user_id=conversation.user_id).exists()


def _create(before: Conversation, event: AgentMessage | TicketReopened) -> Conversation:
    now = timezone.now()
    assignment, idle = deadlines(before.options, now)
    conversation = Conversation(
        tenant_id=before.tenant_id,
        bot=before.bot,
        installation=before.installation,
        user=before.user,
        bot_conversation_id=before.bot_conversation_id,
        status=ConversationStatus.QUEUED,
        title=before.title,
        description=before.description,
        hitl_session=before.hitl_session,
        options=before.options,
        remote_id=before.remote_id,
        remote_url=before.remote_url,
        reopened_from=before,
        reopened_at=event.at,
        caught_up_to=event.at,
        queued_at=now,
        assignment_deadline=assignment,
        idle_deadline=idle,
    )
    ticket = replace(ticket_of(before), conversation_id=conversation.id)
    continued = providers.get(before.installation.provider).continued(ticket, event)
    conversation.remote_state = dict(continued.state)
    catching_up.plan(conversation)
    conversation.save(force_insert=True)
    lanes.create_for(conversation)
    set_conversation_tags(conversation, {tag.name: tag.value for tag in before.tags.all()})
    save_contact(conversation, continued.contact)
    # An agent can write on a closed ticket: the customer's answers need an open one.
    lanes.append(conversation, DeliveryKind.OPEN)
    return conversation
