"""To the bot: delivering events through its connector."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from conversations.connectors import connector_for
from conversations.connectors.base import BotConnector, Disabled, OutgoingRequest
from conversations.engine import lanes
from conversations.engine.handlers import Handler
from conversations.models import Delivery, LaneKind, Message, MessageStatus
from hitl_bridge import health
from hitl_bridge.models import Bot
from hitl_bridge.outgoing import http_client
from providers.base import Journal
from providers.errors import ProviderError, Unavailable
from providers.http import ForbiddenTarget, HttpClient

SWITCHED_OFF_CHECK = timedelta(minutes=2)
MAX_ANSWER_BYTES = 64 * 1024
NOT_TAKEN = "The bot takes no such message, or no more of them after the session's end."


class TellBot(Handler):
    """POST one event to the bot."""

    waits_for_operator = True

    def side(self, delivery: Delivery) -> tuple[str, bool]:
        bot = delivery.conversation.bot
        return f"bot-{bot.pk}", bot.failures > 0

    def hold_until(self, delivery: Delivery) -> datetime | None:
        bot, event = delivery.conversation.bot, delivery.event
        if bot.callback_disabled_reason or not bot.enabled:
            return timezone.now() + SWITCHED_OFF_CHECK
        connector = connector_for(bot)
        wait = connector.hold(event) if connector and event else None
        return timezone.now() + wait if wait else health.hold_until(bot)

    def probe(self, delivery: Delivery) -> datetime | None:
        return health.probe(delivery.conversation.bot)

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> bool:
        """True if the bot was told, or reads it in its feed; False if it has no use for it."""
        event, bot = delivery.event, delivery.conversation.bot
        assert event is not None
        # Loaded with the delivery already.
        event.bot, event.conversation = bot, delivery.conversation
        connector = connector_for(bot)
        if connector is None:
            return True  # the bot reads its feed now
        client = http_client(before_request)
        requests = connector.requests(event)
        for number, request in enumerate(requests):
            try:
                journal.once(f"post-{number}", partial(_post, client, connector, request))
            except ForbiddenTarget as error:
                # An operator can allow the address: wait for that.
                raise Unavailable(error.detail) from None
        return bool(requests)

    def succeeded(self, delivery: Delivery, result: bool) -> None:
        message = delivery.payload.get("message")
        if message:
            changes: dict[str, str] = {"status": MessageStatus.SENT}
            if not result:
                changes = {"status": MessageStatus.DROPPED, "failure": NOT_TAKEN}
            pending = Message.objects.filter(pk=message, status=MessageStatus.PENDING)
            pending.update(**changes)

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        message = delivery.payload.get("message")
        if message:
            Message.objects.filter(pk=message).update(
                status=MessageStatus.FAILED, failure=error.detail[:300]
            )

    def worked(self, delivery: Delivery) -> None:
        bot = delivery.conversation.bot
        if health.succeeded(bot):  # the others wait for this, much longer than need be
            lanes.hurry(bot=bot, kind=LaneKind.BOT)

    def troubled(self, delivery: Delivery, error: ProviderError) -> datetime | None:
        bot = delivery.conversation.bot
        if isinstance(error, Disabled):
            Bot.objects.filter(pk=bot.pk).update(callback_disabled_reason=error.detail[:200])
            return None
        return health.failed(bot, error)


def _post(client: HttpClient, connector: BotConnector, request: OutgoingRequest) -> bool:
    answer = client.request(
        "POST", request.url, data=request.body, headers=request.headers, max_bytes=MAX_ANSWER_BYTES
    )
    connector.judge(answer)
    return True
