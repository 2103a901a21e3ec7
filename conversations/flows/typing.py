"""Typing, both ways: told in passing, never behind messages, dropped where it can't be shown."""

from __future__ import annotations

from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from conversations.engine import local, wake
from conversations.flows import passing
from conversations.flows.problems import Conflict, NotFound
from conversations.flows.tickets import ticket_of
from conversations.models import Conversation, EventType, User, UserKind
from hitl_bridge.connect import provider_for
from hitl_bridge.models import Bot
from providers import get
from providers.errors import ProviderError
from providers.types import AgentTyping

log = structlog.get_logger(__name__)


def user_is_typing(bot: Bot, conversation_id: str) -> None:
    """Have a worker show it to the agent, where the help desk can."""
    conversation = (
        Conversation.objects.filter(bot=bot, pk=conversation_id)
        .select_related("installation")
        .first()
    )
    if conversation is None:
        raise NotFound("There is no such conversation.", field="conversationId")
    if not conversation.is_open:
        raise Conflict("The session has ended.", field="conversationId")
    if not get(conversation.installation.provider).capabilities.typing_out:
        return
    transaction.on_commit(partial(_hint, conversation_id), robust=True)


def _hint(conversation_id: str) -> None:
    if settings.REDIS_URL:
        late = passing.STALE.total_seconds()
        wake.publish("conversations.tasks.show_typing", conversation_id, expires=late)
    else:
        local.call(show_typing, conversation_id)


def show_typing(conversation_id: str) -> None:
    """Tell the help desk; what fails is forgotten."""
    conversation = Conversation.objects.select_related("installation__app", "user").get(
        pk=conversation_id
    )
    if conversation.remote_id and conversation.installation.delivering:
        try:
            provider_for(conversation.installation).typing(ticket_of(conversation))
        except ProviderError as error:
            log.info("typing_not_shown", error=type(error).__name__)


def agent_is_typing(conversation: Conversation, event: AgentTyping) -> None:
    """Tell the bot, unless the help desk says it late; an agent who is not known has no name."""
    if not conversation.is_open or timezone.now() - event.at > passing.STALE:
        return
    user = conversation.agent_id or ""
    if event.agent:
        agents = User.objects.filter(installation=conversation.installation_id, kind=UserKind.AGENT)
        known = agents.filter(external_id=event.agent.id[:200]).values_list("pk", flat=True)
        user = known.first() or ""
    passing.tell(conversation, EventType.TYPING, user=user)
