"""What is told in passing: typing and what was read. Not kept, not repeated, in nobody's way.

Such an event is no row, has no place in the feed and no number (`sequence` is 0), so that what
must not be lost has no gaps. It goes past the lanes: to those who listen at that moment, and by
one try to the bot's own address.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from conversations.connectors import connector_for
from conversations.engine import local, wake
from conversations.engine.hub import Note, hub
from conversations.flows.events import agent_body, context_of
from conversations.models import Conversation, Event, EventType, User, UserKind
from conversations.models.messages import event_id
from hitl_bridge.models import Bot
from hitl_bridge.outgoing import http_client
from providers.errors import ProviderError

log = structlog.get_logger(__name__)

STALE = timedelta(seconds=10)
CALLBACK_TIMEOUT = 5.0  # seconds
READ = "read"  # the status in `messageStatus`


def tell(
    conversation: Conversation, type_: EventType, *, user: str = "", message: str = ""
) -> None:
    """Tell the bot after the commit. `user`: the agent who types; `message`: what was read."""
    note: Note = {
        "id": event_id(),
        "at": timezone.now().isoformat(),
        "bot": conversation.bot_id,
        "conversation": conversation.id,
        "type": type_.value,
        "user": user,
        "message": message,
    }
    transaction.on_commit(partial(_send, note, conversation.bot), robust=True)


def _send(note: Note, bot: Bot) -> None:
    hub.send(note)
    if not _takes_callbacks(bot):
        return
    if settings.REDIS_URL:
        late = STALE.total_seconds()
        wake.publish("conversations.tasks.tell_in_passing", note, expires=late)
    else:
        local.call(post, note)


def _takes_callbacks(bot: Bot) -> bool:
    """Whether one more request does no harm: nothing has failed and nobody said stop."""
    troubled = bot.callback_disabled_reason or bot.failures or bot.hold_until
    return connector_for(bot) is not None and bot.enabled and not troubled


def post(note: Note) -> None:
    """One try at the bot's own address; what comes of it is forgotten."""
    found = events([note])
    if not found or timezone.now() - found[0].created_at > STALE:
        return
    connector = connector_for(found[0].bot)
    if connector is None:
        return
    client = http_client()
    try:
        for request in connector.requests(found[0]):
            client.request(
                "POST",
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=CALLBACK_TIMEOUT,
                max_bytes=64 * 1024,
            )
    except ProviderError as error:
        log.info("not_told_in_passing", type=note["type"], error=type(error).__name__)


def events(notes: Iterable[Note]) -> list[Event]:
    """The events that the notes stand for, as rows that are never saved."""
    return [event for note in notes if (event := _event(note))]


def _event(note: Note) -> Event | None:
    conversation = (
        Conversation.objects.filter(bot_id=note["bot"], pk=note["conversation"])
        .select_related("bot")
        .prefetch_related("tags")
        .first()
    )
    if conversation is None:
        return None
    data = context_of(conversation)
    if note["message"]:
        data |= {"messageId": note["message"], "status": READ}
    if note["user"]:
        agents = User.objects.filter(installation=conversation.installation_id, pk=note["user"])
        agent = agents.filter(kind=UserKind.AGENT).first()
        data |= {"userId": agent.id, "agent": agent_body(agent)} if agent else {}
    return Event(
        id=note["id"],
        tenant_id=conversation.tenant_id,
        bot=conversation.bot,
        conversation=conversation,
        type=note["type"],
        sequence=0,
        data=data,
        created_at=datetime.fromisoformat(note["at"]),
    )
