"""Closes that a worker looks at: asking Botpress whose they are, and giving up in the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from conversations.flows.botpress import binding, closing
from conversations.models import BotpressArrival, BotpressClose, BotpressSession, CloseState
from hitl_bridge.botpress import API_URL, option
from hitl_bridge.models import Bot
from hitl_bridge.outgoing import http_client
from providers.errors import ProviderError

log = structlog.get_logger(__name__)

ASK_AGAIN = timedelta(seconds=3)
MAX_QUESTIONS = 3
KEEP_ARRIVALS = timedelta(days=1)
KEEP_CLOSES = timedelta(days=30)
LEASE = timedelta(seconds=20)
TIMEOUT = 4.0  # seconds; other chores wait meanwhile
MAX_ANSWER_BYTES = 256 * 1024


def run_due(limit: int = 5) -> int:
    """Look at the closes that are due; returns how many."""
    due = BotpressClose.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
    taken = 0
    for close in due.select_related("installation__bot")[:limit]:
        if _claim(close):
            _look_at(close)
            taken += 1
    return taken


def forget_old() -> None:
    """Delete what no later call can refer to."""
    now = timezone.now()
    BotpressArrival.objects.filter(at__lt=now - KEEP_ARRIVALS).delete()
    BotpressClose.objects.filter(received_at__lt=now - KEEP_CLOSES, due_at=None).delete()


def _claim(close: BotpressClose) -> bool:
    return bool(
        BotpressClose.objects.filter(
            pk=close.pk, state=CloseState.PENDING, due_at=close.due_at
        ).update(due_at=timezone.now() + LEASE)
    )


def _look_at(close: BotpressClose) -> None:
    installation = close.installation
    asks = closing.can_ask(installation) and close.asked_count < MAX_QUESTIONS
    session = _ask(close, installation.bot) if asks else None
    with transaction.atomic():
        binding.lock(installation)
        BotpressClose.objects.filter(pk=close.pk).update(asked_count=F("asked_count") + 1)
        close.refresh_from_db()
        if close.state == CloseState.PENDING and session is not None:
            closing.finish(close, session)
        else:
            closing.settle(installation)
            close.refresh_from_db()
        if close.state == CloseState.PENDING:
            _plan(close, asks=asks)


def _plan(close: BotpressClose, *, asks: bool) -> None:
    now = timezone.now()
    if now >= close.deadline:
        closing.give_up(close)
        return
    again = asks and close.asked_count < MAX_QUESTIONS
    close.due_at = min(now + ASK_AGAIN, close.deadline) if again else close.deadline
    close.save(update_fields=["due_at"])


def _ask(close: BotpressClose, bot: Bot) -> BotpressSession | None:
    """The session that Botpress's conversation stands for, if Botpress says so."""
    base = option(close.installation.options, API_URL).rstrip("/")
    headers = {"Authorization": f"Bearer {bot.botpress_token}", "x-bot-id": bot.botpress_bot_id}
    try:
        answer = http_client().request(
            "GET",
            f"{base}/v1/chat/conversations/{quote(close.downstream_id, safe='')}",
            headers=headers,
            timeout=TIMEOUT,
            max_bytes=MAX_ANSWER_BYTES,
        )
        body = answer.json() if answer.ok else {}
    except ProviderError as error:
        log.info("botpress_not_asked", error=type(error).__name__)
        return None
    # Which prefix the tag's name has is not certain, but no other tag holds an id of ours.
    return BotpressSession.objects.filter(installation__bot=bot, pk__in=_tag_values(body)).first()


def _tag_values(body: Any) -> list[str]:
    conversation = body.get("conversation") if isinstance(body, dict) else None
    tags = conversation.get("tags") if isinstance(conversation, dict) else None
    values = tags.values() if isinstance(tags, dict) else ()
    return [value for value in values if isinstance(value, str) and "\x00" not in value]
