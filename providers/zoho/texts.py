"""How a handoff reads in SalesIQ."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from providers.render import split_text
from providers.texts import said
from providers.types import OpenRequest, TranscriptLine
from providers.zoho.declaration import DEFAULT_WAIT
from providers.zoho.models import to_ms

LIMIT = 2000  # characters of one text; Zoho names no limit


def opening(request: OpenRequest, settings: Mapping[str, str]) -> dict[str, Any]:
    """The body that opens a conversation, without the history."""
    person, session = request.person, request.session
    info = {str(name): str(value) for name, value in (session.get("customerInfo") or {}).items()}
    known = {"email": person.email, "phone": person.phone}
    return {
        "app_id": settings.get("app_id", ""),
        "department_id": department(request.session, settings),
        "question": question(request)[0],
        "custom_wait_time": int(
            session.get("waitTime") or settings.get("wait_time") or DEFAULT_WAIT
        ),
        "customer_info": {**info, "bridge_ref": request.conversation_id},
        "visitor": {
            "user_id": person.id,
            "name": person.name or "Customer",
            **{name: value for name, value in known.items() if value},
        },
    }


def department(session: Mapping[str, Any], settings: Mapping[str, str]) -> str:
    """The department's id, the bot's choice first."""
    return str(session.get("departmentId") or settings.get("department_id", ""))


def question(request: OpenRequest) -> list[str]:
    """The first message and, if it is too long for one, what follows.

    Our reference stands in the first: by it a chat is found whose opening had no answer.
    """
    reference = f"\n\n[{request.conversation_id}]"
    words = "\n\n".join(filter(None, (request.title, request.description)))
    if not words.strip():
        asked = [line.text for line in request.transcript if line.author == "user" and line.text]
        words = asked[-1] if asked else "I would like to talk to someone."
    first, *rest = split_text(words, LIMIT - len(reference))
    return [first + reference, *rest]


def history(request: OpenRequest) -> list[dict[str, Any]]:
    """The transcript as `past_messages`, oldest first; times that are unknown are made up."""
    count = len(request.transcript)
    return [
        {
            "sender_type": "visitor" if line.author == "user" else "bot",
            "sender_name": _name(line),
            "time": to_ms(
                line.created_at or request.requested_at - timedelta(seconds=count - index)
            ),
            "text": part,
        }
        for index, line in enumerate(request.transcript)
        for part in split_text(said(line), LIMIT)
    ]


def history_as_text(request: OpenRequest) -> list[str]:
    """The transcript as messages, for accounts that take no `past_messages`."""
    lines = [f"{_name(line)}: {said(line)}" for line in request.transcript if said(line)]
    if not lines:
        return []
    return split_text("\n".join(["Conversation with the chatbot so far:", *lines]), LIMIT)


def by_bot(name: str, text: str) -> str:
    """The bot's words, which must not read as the customer's."""
    return f"{name or 'Bot'} (bot): {text}"


def _name(line: TranscriptLine) -> str:
    return line.author_name or ("Customer" if line.author == "user" else "Bot")
