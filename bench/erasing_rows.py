"""`python -m bench.erasing_rows MESSAGES`: fills the database for bench.erasing.

`--count` counts the values in which the canary stands, decrypted.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django

django.setup()  # by the environment that bench.erasing has made

from django.apps import apps  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.erasing import CANARY, OTHERS  # noqa: E402
from conversations.flows import media, sessions  # noqa: E402
from conversations.flows.people import NewUser, create_user  # noqa: E402
from conversations.models import (  # noqa: E402
    Attempt,
    Conversation,
    Delivery,
    Event,
    Lane,
    Message,
    Receipt,
)
from hitl_bridge import audit  # noqa: E402
from hitl_bridge.models import AuditAction, Bot, Installation, Tenant  # noqa: E402

SESSION = 100  # messages of one session
FILES = 10  # of one session


def main(messages: int) -> None:
    """A person with that many messages, and as many of somebody else's."""
    tenant = Tenant.objects.create(slug="bench")
    bot = Bot.objects.create(tenant=tenant, slug="bot", connector="feed")
    desk = Installation.objects.create(
        bot=bot, slug="desk", provider="intercom", status="active", provision_at=None,
        credentials={"access_token": "t", "client_secret": "s"},
    )  # fmt: skip
    for word in (CANARY, OTHERS):
        told = NewUser(name=f"{word} Name", email=f"{word}@example.com", tags={"crm": word})
        user = create_user(bot, told, desk)
        for number in range(max(1, messages // SESSION)):
            start = sessions.SessionStart(
                user=user, title=word, bot_conversation_id=f"{word}-{number}", tags={"case": word}
            )
            session = sessions.start_hitl(bot, start, desk.slug)
            fill(session, word, min(messages, SESSION))
    rows = {one.__name__: one.objects.count() for one in (Message, Event, Delivery, Receipt)}
    print("Filled for two people: " + ", ".join(f"{n} {name}" for name, n in rows.items()))


def fill(session: Conversation, word: str, count: int) -> None:
    """An ended session with all that hangs on it."""
    now, ticket = timezone.now(), f"ticket-{session.pk[-10:]}"
    owner: dict[str, Any] = {"tenant_id": session.tenant_id, "conversation": session}
    Delivery.objects.filter(conversation=session).update(state="done", finished_at=now)
    Conversation.objects.filter(pk=session.pk).update(
        remote_id=ticket, status="stopped", stop_reason="agentClosed", stopped_at=now,
        last_message_sequence=count, last_event_sequence=count,
    )  # fmt: skip
    said = Message.objects.bulk_create(
        Message(
            **owner, sequence=one, author="user", user_id=session.user_id, type="text",
            payload={"text": f"{word} says {one}"}, effect_key=f"out:{one}", status="sent",
        )
        for one in range(1, count + 1)
    )  # fmt: skip
    lane = Lane.objects.filter(conversation=session).first()
    assert lane
    sent = Delivery.objects.bulk_create(
        Delivery(
            **owner, lane=lane, kind="message", message=one, payload={"text": word}, state="done",
            next_attempt_at=now,
        )
        for one in said
    )  # fmt: skip
    Attempt.objects.bulk_create(
        Attempt(delivery=one, number=1, started_at=now, error=f"{word} 503") for one in sent
    )
    Event.objects.bulk_create(
        Event(
            **owner, bot_id=session.bot_id, type="messageCreated", sequence=one,
            data={"text": word}, effect_key=f"e:{one}",
        )
        for one in range(1, count + 1)
    )  # fmt: skip
    hook = json.dumps({"conversation": ticket, "text": f"{word} hears"})
    Receipt.objects.bulk_create(
        Receipt(
            installation=session.installation, key=f"{ticket}-{one}", body=hook, received_at=now,
            state="applied",
        )
        for one in range(count)
    )  # fmt: skip
    for one in range(min(FILES, count)):
        media.store(session, f"in:{one}", 0, f"{word}.png", b"\x89PNG\r\n\x1a\n" + word.encode())
    audit.record("bench", AuditAction.DROPPED, session, reason=f"asked by {word}")


def count() -> int:
    """The values in which the canary stands."""
    found = 0
    for model in apps.get_models(include_auto_created=True):
        columns = [one.attname for one in model._meta.concrete_fields]
        for row in model._base_manager.iterator(1000):
            found += sum(CANARY in str(getattr(row, name)).lower() for name in columns)
    return found


if __name__ == "__main__":
    if sys.argv[1] == "--count":
        print(count())
    else:
        main(int(sys.argv[1]))
