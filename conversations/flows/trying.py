"""Trying a bot's callback address, for an operator who wants to know now."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from django.utils import timezone

from conversations.connectors import connector_for
from conversations.connectors.callback import signed_request
from conversations.engine import lanes
from conversations.models import LaneKind
from conversations.models.messages import event_id
from hitl_bridge import health
from hitl_bridge.models import Bot
from hitl_bridge.outgoing import http_client
from providers.errors import ProviderError

TYPE = "test"
MAX_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it, as a sentence; never what the bot answered."""

    good: bool
    told: str


def try_callback(bot: Bot) -> Tried:
    """Post a signed `test` event once. Call it outside any transaction."""
    id_ = event_id()
    request = signed_request(bot, id_, _body(id_))
    connector = connector_for(bot)
    assert connector is not None, "ask for this only where the bot has an address"
    began = time.monotonic()
    try:
        answer = http_client().request(
            "POST",
            request.url,
            data=request.body,
            headers=request.headers,
            max_bytes=MAX_ANSWER_BYTES,
        )
    except ProviderError as error:
        return Tried(False, error.detail)
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    if answer.ok:
        if health.succeeded(bot):  # waiting events need not wait for the breaker any more
            lanes.hurry(bot=bot, kind=LaneKind.BOT)
        return Tried(True, f"The bot answered {answer.status} within {took}: callbacks arrive.")
    hint = _HINTS.get(answer.status) or ("" if answer.status < 500 else "Its own log says why.")
    return Tried(False, f"The bot answered {answer.status} within {took}. {hint}".strip())


def _body(id_: str) -> str:
    return json.dumps(
        {
            "id": id_,
            "type": TYPE,
            "timestamp": timezone.now().isoformat().replace("+00:00", "Z"),
            "sequence": 0,
            "data": {"text": "A test from the bridge's admin: answer 2xx, nothing else to do."},
        }
    )


_HINTS = {
    301: "Redirects are not followed: enter the address that it leads to.",
    302: "Redirects are not followed: enter the address that it leads to.",
    307: "Redirects are not followed: enter the address that it leads to.",
    308: "Redirects are not followed: enter the address that it leads to.",
    400: "Does it verify the signature with this bot's secret, over the raw body?",
    401: "Does it verify the signature with this bot's secret, over the raw body?",
    403: "Does it verify the signature with this bot's secret, over the raw body?",
    404: "Is the path of the callback URL right?",
    405: "The address must take POST.",
    410: "To an event this answer switches callbacks off.",
}
