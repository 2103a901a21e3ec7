"""Signed callbacks, as Standard Webhooks has them (standardwebhooks.com, specification 1.0)."""

from __future__ import annotations

from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from conversations.connectors.base import BotConnector, OutgoingRequest
from conversations.models import Event
from hitl_bridge.models import Bot


class SignedCallback(BotConnector):
    """POSTs the event's JSON with `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

    def configured(self, bot: Bot) -> bool:
        return bool(bot.callback_url)

    def requests(self, event: Event) -> list[OutgoingRequest]:
        return [signed_request(event.bot, event.id, event.text())]


def signed_request(bot: Bot, id_: str, text: str) -> OutgoingRequest:
    """The id is the same for every attempt; the time stamp is this attempt's."""
    now = datetime.now(UTC)
    secrets = [s for s in (bot.callback_secret, bot.previous_callback_secret) if s]
    headers = {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if secrets:
        # While the secret is changed both sign; a receiver takes either.
        signatures = [Webhook(secret).sign(id_, now, text) for secret in secrets]
        headers["webhook-signature"] = " ".join(signatures)
    return OutgoingRequest(bot.callback_url, text.encode(), headers)
