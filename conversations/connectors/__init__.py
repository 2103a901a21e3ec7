"""How bots are told: an adapter each, event in, request out, answer judged."""

from __future__ import annotations

from conversations.connectors.base import BotConnector
from conversations.connectors.botpress import BotpressWebhooks
from conversations.connectors.callback import SignedCallback
from hitl_bridge.models import Bot
from hitl_bridge.models.bots import Connector

CONNECTORS: dict[str, BotConnector] = {
    Connector.CALLBACK: SignedCallback(),
    Connector.BOTPRESS: BotpressWebhooks(),
}


def connector_for(bot: Bot) -> BotConnector | None:
    """Who tells this bot; None where it reads the feed only."""
    connector = CONNECTORS.get(bot.connector)
    return connector if connector and connector.configured(bot) else None


def wants_delivery(bot: Bot) -> bool:
    """Whether events are sent to the bot, beside standing in its feed."""
    return connector_for(bot) is not None
