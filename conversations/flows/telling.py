"""To the bot: delivering events through its connector."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from conversations.connectors import connector_for
from conversations.connectors.base import BotConnector, Disabled, OutgoingRequest
from conversations.engine.handlers import Handler
from conversations.models import Delivery, Message, MessageStatus
from hitl_bridge import health
from hitl_bridge.models import Bot
from hitl_bridge.outgoing import http_client
from providers.base import Journal
from providers.errors import ProviderError, Unavailable
from providers.http import ForbiddenTarget, HttpClient

SWITCHED_OFF_CHECK = timedelta(minutes=2)
MAX_ANSWER_BYTES = 64 * 1024


class TellBot(Handler):
    """POST one event to the bot."""

    waits_for_operator = True

    def side(self, delivery: Delivery) -> tuple[str, bool]:
        bot = delivery.conversation.bot
        return f"bot-{bot.pk}", bot.failures > 0

    def hold_until(self, delivery: Delivery) -> datetime | None:
        bot = delivery.conversation.bot
        if bot.callback_disabled_reason or not bot.enabled:
            return timezone.now() + SWITCHED_OFF_CHECK
        return health.hold_until(bot)

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> None:
        event, bot = delivery.event, delivery.conversation.bot
        assert event is not None
        event.bot = bot  # loaded with the conversation already
        connector = connector_for(bot)
        if connector is None:
            return  # the bot reads its feed now
        client = http_client(before_request)
        for number, request in enumerate(connector.requests(event)):
            try:
                journal.once(f"post-{number}", partial(_post, client, connector, request))
            except ForbiddenTarget as error:
                # An operator can allow the address: wait for that.
                raise Unavailable(error.detail) from None

    def succeeded(self, delivery: Delivery, result: None) -> None:
        message = delivery.payload.get("message")
        if message:
            Message.objects.filter(pk=message, status=MessageStatus.PENDING).update(
                status=MessageStatus.SENT
            )

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        message = delivery.payload.get("message")
        if message:
            Message.objects.filter(pk=message).update(
                status=MessageStatus.FAILED, failure=error.detail[:300]
            )

    def worked(self, delivery: Delivery) -> None:
        health.succeeded(delivery.conversation.bot)

    def troubled(self, delivery: Delivery, error: ProviderError) -> None:
        bot = delivery.conversation.bot
        if isinstance(error, Disabled):
            Bot.objects.filter(pk=bot.pk).update(callback_disabled_reason=error.detail[:200])
        else:
            health.failed(bot, error)


def _post(client: HttpClient, connector: BotConnector, request: OutgoingRequest) -> bool:
    answer = client.request(
        "POST", request.url, data=request.body, headers=request.headers, max_bytes=MAX_ANSWER_BYTES
    )
    connector.judge(answer)
    return True
