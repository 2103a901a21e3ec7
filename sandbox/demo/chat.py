"""What happens in a demo chat: the customer's side, and what the bridge's events change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from sandbox.demo import bot, desks
from sandbox.demo.outbox import owe
from sandbox.models import DemoCall, DemoChat, DemoEvent, DemoMessage

Json = dict[str, Any]
NAMES = ("Ana Martins", "Noah Becker", "Lucía Ortiz", "Sam Okafor", "Mei Tanaka", "Ivo Novak")
TYPING = timedelta(seconds=6)
ENDINGS = {
    "agentClosed": "The agent ended the chat.",
    "userEnded": "You ended the chat.",
    "assignmentTimeout": "Nobody was free in time.",
    "idleTimeout": "The chat ended because nobody wrote for a while.",
    "missed": "Nobody was free to take the chat.",
    "failed": "The connection to the help desk failed.",
}


@transaction.atomic
def begin() -> DemoChat:
    """A new customer comes in."""
    chat = DemoChat.objects.create(name="")
    chat.name = NAMES[chat.pk % len(NAMES)]
    chat.email = f"{chat.name.split()[0].lower()}{chat.pk}@example.test".replace("í", "i")
    chat.save()
    bot_says(chat, bot.GREETING, bot.MENU)
    return chat


def bot_says(chat: DemoChat, text: str, options: tuple[str, ...] = ()) -> None:
    """A bubble of the bot, with buttons or without."""
    payload: Json = {"text": text}
    if options:
        payload["options"] = [{"label": label, "value": label} for label in options]
    kind = "choice" if options else "text"
    DemoMessage.objects.create(chat=chat, author="bot", name="Pixel", type=kind, payload=payload)


def system_line(chat: DemoChat, text: str) -> None:
    """A line between the bubbles."""
    DemoMessage.objects.create(chat=chat, author="system", payload={"text": text})


@transaction.atomic
def customer_says(chat: DemoChat, kind: str, payload: Json, client_id: str, desk: str = "") -> None:
    """The customer sends something; the browser's `client_id` makes a repeated send harmless.
    `desk` is the installation to hand over to, if it comes to that."""
    chat.refresh_from_db()
    message, new = DemoMessage.objects.get_or_create(
        chat=chat,
        client_id=client_id,
        defaults={"author": "customer", "name": chat.name, "type": kind, "payload": payload},
    )
    if not new:
        return
    if chat.mode != DemoChat.BOT:
        message.status = "sending"
        message.save()
        owe(chat, "message", {"type": kind, "payload": payload}, message)
    elif kind != "text":
        bot_says(chat, bot.NO_FILES, bot.MENU)
    else:
        _bot_turn(chat, bot.answer(payload["text"]), desk)


def _bot_turn(chat: DemoChat, answer: bot.Answer, desk: str) -> None:
    if answer.handoff:
        hand_off(chat, desks.chosen(desk))
    else:
        bot_says(chat, answer.text, answer.options)


def hand_off(chat: DemoChat, desk: str) -> None:
    """Ask the bridge for a human of that installation; the whole chat so far goes along."""
    history = [_told(m) for m in chat.messages.exclude(author="system")]
    chat.mode, chat.agent_name, chat.last_sequence = DemoChat.QUEUED, "", 0
    chat.sessions += 1
    chat.save()
    if not chat.user_id:
        profile = {"name": chat.name, "email": chat.email, "externalId": f"demo-{chat.token}"}
        owe(chat, "createUser", profile)
    start = {
        "title": f"{chat.name} asks for a human",
        "description": "Handed over by Pixel, the demo bot.",
        "messageHistory": history,
        "botConversationId": chat.bot_conversation_id(chat.sessions),
        **({"installation": desk} if desk else {}),
    }
    owe(chat, "startHitl", start)
    system_line(chat, "Waiting for a human. You can keep writing.")


def _told(message: DemoMessage) -> Json:
    """A message as an element of messageHistory; the user's id is filled in when it is known."""
    kind = {"customer": "user", "agent": "bot"}.get(message.author, "bot")
    return {"source": {"type": kind}, "type": message.type, "payload": message.payload}


@transaction.atomic
def end_by_customer(chat: DemoChat) -> None:
    """The customer is done with the agent."""
    chat.refresh_from_db()
    if chat.mode == DemoChat.BOT:
        return
    owe(chat, "stopHitl", {"reason": "userEnded"})
    _resume_bot(chat, ENDINGS["userEnded"])


def _resume_bot(chat: DemoChat, why: str) -> None:
    chat.mode, chat.agent_name, chat.typing_until = DemoChat.BOT, "", None
    chat.save()
    system_line(chat, why)
    bot_says(chat, bot.BACK, bot.MENU)


def give_up(chat: DemoChat, call: DemoCall) -> None:
    """The bridge refused a call for good."""
    if call.message:
        DemoMessage.objects.filter(pk=call.message.pk).update(status="failed")
    if call.action in ("createUser", "startHitl") and call.session == chat.sessions:
        chat.calls.filter(state=DemoCall.DUE, session=call.session).update(state=DemoCall.FAILED)
        chat.messages.filter(status="sending").update(status="failed")
        if chat.mode != DemoChat.BOT:
            chat.mode = DemoChat.BOT
            chat.save()
            bot_says(chat, bot.UNREACHABLE, bot.MENU)


def apply(chat: DemoChat, event: DemoEvent) -> None:
    """Let an event of the bridge change the chat. Events of an ended session change nothing."""
    if event.session != chat.sessions or chat.mode == DemoChat.BOT:
        return
    handler = HANDLERS.get(event.type)
    if handler:
        handler(chat, event.data)
    chat.last_sequence = max(chat.last_sequence, event.sequence)
    chat.save()


def _agent_name(data: Json) -> str:
    return str((data.get("agent") or {}).get("name") or "An agent")


def _assigned(chat: DemoChat, data: Json) -> None:
    name = _agent_name(data)
    took_over = chat.agent_name and chat.agent_name != name
    chat.mode, chat.agent_name = DemoChat.HUMAN, name
    system_line(chat, f"{name} took over." if took_over else f"{name} joined the chat.")


def _transferred(chat: DemoChat, data: Json) -> None:
    if data.get("agent"):
        _assigned(chat, data)
    else:
        system_line(chat, "You are being transferred.")


def _message(chat: DemoChat, data: Json) -> None:
    chat.typing_until = None
    DemoMessage.objects.create(
        chat=chat,
        author="agent",
        name=_agent_name(data),
        type=str(data.get("type") or "text"),
        payload=data.get("payload") or {},
    )


def _status(chat: DemoChat, data: Json) -> None:
    if data.get("status") in ("failed", "undeliverable"):
        ids = str(data.get("messageId") or "-")
        chat.messages.filter(remote_id=ids).update(status="failed")
    elif data.get("status") == "read":
        chat.messages.filter(remote_id=str(data.get("messageId") or "-")).update(status="read")


def _typing(chat: DemoChat, data: Json) -> None:
    chat.typing_until = timezone.now() + TYPING


def _stopped(chat: DemoChat, data: Json) -> None:
    _resume_bot(chat, ENDINGS.get(str(data.get("reason")), "The chat with the agent ended."))


def _failed(chat: DemoChat, data: Json) -> None:
    _resume_bot(chat, ENDINGS["failed"])


HANDLERS = {
    "hitlAssigned": _assigned,
    "hitlTransferred": _transferred,
    "messageCreated": _message,
    "messageStatus": _status,
    "typing": _typing,
    "hitlStopped": _stopped,
    "hitlFailed": _failed,
}
