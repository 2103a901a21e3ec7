"""Botpress Hub's "HITL API" integration: three webhooks, whose address is the only secret.

Facts this rests on: each POST makes a message and nothing is deduplicated, so order and "once"
are the engine's; an unknown conversation id silently makes an orphan, so nothing is sent before
Botpress has made its own conversation, nor after the session is over; a path with a trailing
slash does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from conversations.connectors.base import BotConnector, OutgoingRequest
from conversations.models import Author, BotpressSession, Event, EventType
from hitl_bridge.botpress import FAILED_TEXT, NO_TEXT, SHOW_AGENT_NAME, option
from hitl_bridge.models import Bot
from providers.errors import OutcomeUnknown, RateLimited, Retry, Unavailable
from providers.http import Response, retry_after
from providers.render import MEDIA_KEYS, as_text

SETTLES_IN = timedelta(seconds=5)  # from our answer until Botpress surely has its conversation
AGENT_PREFIX = "ag_"  # users and agents share one tag at Botpress
NOBODY = f"{AGENT_PREFIX}bridge"  # who speaks where there is no agent
BLOC_TYPES = (*MEDIA_KEYS, "text", "markdown", "location")

Message = tuple[str, Mapping[str, Any]]  # type and payload


class BotpressWebhooks(BotConnector):
    """/agent-assigned, /message-from-agent and /stop-hitl; the other events stay in the feed."""

    def configured(self, bot: Bot) -> bool:
        return bool(bot.botpress_webhook_url)

    def hold(self, event: Event) -> timedelta | None:
        """Until Botpress's conversation exists: told too early, it would make a second one."""
        session = _session(event)
        if session is None or session.first_message_at is not None:
            return None
        left = session.answered_at + SETTLES_IN - timezone.now()
        return left if left > timedelta(0) else None

    def requests(self, event: Event) -> list[OutgoingRequest]:
        session = _session(event)
        if session is not None and session.closed_at is not None:
            return []  # Botpress ended it itself
        if event.type == EventType.MESSAGE_CREATED:
            return self._agent_message(event)
        if event.type == EventType.ASSIGNED:
            return self._assigned(event)
        if event.type == EventType.FAILED:
            return [*self._why_it_failed(event), _request(event, "/stop-hitl")]
        if event.type == EventType.STOPPED:
            return [_request(event, "/stop-hitl")]
        return []

    def judge(self, answer: Response) -> None:
        """Anything but 2xx is repeated: Botpress's 4xx may be an error within its bot."""
        if answer.ok:
            return
        wait, detail = retry_after(answer.headers), f"Botpress answered {answer.status}."
        if answer.status == 429:
            raise RateLimited(detail, retry_after=wait, status=429)
        if answer.status in (401, 403, 404, 410):
            raise Unavailable(
                f"{detail} Is the webhook URL still right?", retry_after=wait, status=answer.status
            )
        if answer.status >= 500 or answer.status == 408:
            raise OutcomeUnknown(detail, retry_after=wait, status=answer.status)
        # It may be about this one message: the bot's other sessions go on.
        raise Retry(detail, retry_after=wait, status=answer.status)

    def _agent_message(self, event: Event) -> list[OutgoingRequest]:
        if event.data.get("late") or event.data.get("redacted"):
            return []
        type_, payload = str(event.data.get("type")), event.data.get("payload") or {}
        if event.data.get("source") == Author.SYSTEM:
            return [_message(event, NOBODY, type_, payload)]
        show_name = option(event.conversation.options, SHOW_AGENT_NAME)
        name = (event.data.get("agent") or {}).get("name") if show_name else ""
        message = _shown(type_, payload, str(name or ""))
        return [_message(event, agent_id(str(event.data["userId"])), *message)] if message else []

    def _assigned(self, event: Event) -> list[OutgoingRequest]:
        """Only a change: Botpress tells its user of each one."""
        before = (
            event.conversation.events.filter(type=EventType.ASSIGNED, sequence__lt=event.sequence)
            .order_by("-sequence")
            .first()
        )
        agent = event.data["userId"]
        if before is not None and before.data.get("userId") == agent:
            return []
        return [_request(event, "/agent-assigned", remoteUserId=agent_id(str(agent)))]

    def _why_it_failed(self, event: Event) -> list[OutgoingRequest]:
        text = option(event.conversation.options, FAILED_TEXT)
        if text == NO_TEXT:
            return []
        return [_message(event, NOBODY, "text", {"text": text})]


def agent_id(user_id: str) -> str:
    """An agent as Botpress knows them: 34 characters at most, no end user's id."""
    return f"{AGENT_PREFIX}{user_id}"


def _session(event: Event) -> BotpressSession | None:
    return BotpressSession.objects.filter(pk=event.conversation_id).first()


def _shown(type_: str, payload: Mapping[str, Any], name: str) -> Message | None:
    """One of the six types that the plugin passes on; other types as text; None if empty."""
    if type_ in MEDIA_KEYS:
        return _media(type_, payload)
    if type_ == "bloc":
        items = [_bloc_item(item) for item in payload.get("items") or []]
        shown = [{"type": item[0], "payload": item[1]} for item in items if item]
        return ("bloc", {"items": shown}) if shown else None
    text = as_text(type_, payload).strip()
    return ("text", {"text": f"{name}: {text}" if name else text}) if text else None


def _media(type_: str, payload: Mapping[str, Any]) -> Message | None:
    key = MEDIA_KEYS[type_]
    if not payload.get(key):
        return None
    # An empty title is refused.
    title = {"title": payload["title"]} if payload.get("title") else {}
    return type_, {key: payload[key], **title}


def _bloc_item(item: Mapping[str, Any]) -> Message | None:
    type_, payload = str(item.get("type")), item.get("payload") or {}
    if type_ in MEDIA_KEYS:
        return _media(type_, payload)
    if type_ in BLOC_TYPES:
        return type_, payload
    text = as_text(type_, payload).strip()
    return ("text", {"text": text}) if text else None


def _message(event: Event, author: str, type_: str, payload: Mapping[str, Any]) -> OutgoingRequest:
    return _request(
        event, "/message-from-agent", remoteUserId=author, messageType=type_, payload=payload
    )


def _request(event: Event, path: str, **more: Any) -> OutgoingRequest:
    body = {"remoteConversationId": event.conversation_id, **more}
    return OutgoingRequest(
        event.bot.botpress_webhook_url.rstrip("/") + path,
        json.dumps(body, ensure_ascii=False).encode(),
        {"content-type": "application/json"},
    )
