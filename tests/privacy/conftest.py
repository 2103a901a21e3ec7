"""A customer with something in every table, and a search through all that is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User as Account
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from pytest_django.fixtures import Settings

from conversations.flows import media
from conversations.flows.messages import NewMessage, send_message
from conversations.flows.people import NewUser, create_user
from conversations.models import (
    Contact,
    Conversation,
    Event,
    IdempotentRequest,
    Message,
    Receipt,
    UnmatchedEvent,
    User,
)
from hitl_bridge import audit
from hitl_bridge.models import AuditAction, Installation
from tests import factories
from tests.engine.conftest import callbacks, desk, drain, installation

__all__ = ["callbacks", "desk", "drain", "installation"]

CANARY = "zanzibarcanary"
PNG = b"\x89PNG\r\n\x1a\n" + CANARY.encode()


@pytest.fixture(autouse=True)
def media_root(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.SECURE_SSL_REDIRECT = False
    return tmp_path / "media"


def person(installation: Installation) -> User:
    told = NewUser(
        name=f"{CANARY} Name", email=f"{CANARY}@example.com", phone="+351912345678",
        picture_url=f"https://example.com/{CANARY}.png", external_id=f"{CANARY}-crm",
        tags={"crm": f"{CANARY}-tag"},
    )  # fmt: skip
    return create_user(installation.bot, told, installation)


@pytest.fixture
def customer(installation: Installation) -> User:
    return person(installation)


def start(installation: Installation, customer: User, chat: str = "chat") -> Conversation:
    return factories.conversation(
        installation,
        user=customer,
        title=f"{CANARY} title",
        description=f"{CANARY} description",
        bot_conversation_id=f"{CANARY}-{chat}",
        transcript=[{"type": "text", "payload": {"text": f"{CANARY} before"}}],
        tags={"case": f"{CANARY}-case"},
    )


@pytest.fixture
def session(installation: Installation, customer: User, drain: Callable[..., None]) -> Conversation:
    """Said, delivered, with a file, and traces in rows that are not the conversation's."""
    conversation = start(installation, customer)
    drain()
    said = NewMessage("text", {"text": f"{CANARY} words"}, user_id=customer.pk)
    message = send_message(installation.bot, conversation.pk, said)
    drain()
    conversation.refresh_from_db()
    media.store(conversation, "in:1:0", 0, f"{CANARY}.png", PNG)
    plant(conversation, message.pk)
    return conversation


def plant(conversation: Conversation, message_id: str) -> None:
    """Traces of the person in rows of others."""
    desk, now = conversation.installation, timezone.now()
    body = json.dumps({"conversation": conversation.remote_id, "text": f"{CANARY} hook"})
    Receipt.objects.create(installation=desk, key="1", body=body, received_at=now, state="applied")
    Receipt.objects.create(installation=desk, key="2", body='{"of": "x"}', received_at=now,
                           state="applied")  # fmt: skip
    about = {"remote_id": conversation.remote_id, "text": f"{CANARY} early"}
    UnmatchedEvent.objects.create(
        installation=desk, remote_id=conversation.remote_id, key="1", event=about
    )
    for key, answer in (("a", {"messageId": message_id}), ("b", {"messageId": "msg_OTHER"})):
        IdempotentRequest.objects.create(
            bot=conversation.bot, key=key, fingerprint="x", status=202, response=answer
        )
    Installation.objects.filter(pk=desk.pk).update(last_error=f"422: {CANARY}@example.com exists")
    Contact.objects.update_or_create(
        user=conversation.user,
        installation=desk,
        defaults={"data": {"contact_id": f"{CANARY}-contact"}},
    )
    for row in (conversation, conversation.user):
        LogEntry.objects.create(
            user=Account.objects.get_or_create(username="olga")[0],
            content_type=ContentType.objects.get_for_model(row), object_id=row.pk,
            object_repr=str(row), action_flag=CHANGE, change_message=f"{CANARY}",
        )  # fmt: skip
        audit.record("a test", AuditAction.DROPPED, row, reason=f"asked by {CANARY}")


def dump() -> str:
    """Every value of every table, decrypted."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        for row in model._base_manager.all():
            values = {one.attname: getattr(row, one.attname) for one in model._meta.concrete_fields}
            found.append(f"{model._meta.label} {values!r}")
    return "\n".join(found)


def canaries(*words: str) -> list[str]:
    """The rows in which any of the words stands."""
    known = [word.lower() for word in (CANARY, "+351912345678", *words)]
    return [line for line in dump().splitlines() if any(word in line.lower() for word in known)]


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def fill(conversation: Conversation, count: int) -> None:
    """So many more messages and events."""
    owner = {"tenant_id": conversation.tenant_id, "conversation": conversation}
    Message.objects.bulk_create(
        Message(
            **owner, sequence=number, author="user", user_id=conversation.user_id, type="text",
            payload={"text": f"{CANARY} {number}"}, effect_key=f"out:{number}", status="sent",
        )
        for number in range(100, 100 + count)
    )  # fmt: skip
    Event.objects.bulk_create(
        Event(
            **owner, bot_id=conversation.bot_id, type="messageStatus", sequence=number,
            data={"text": f"{CANARY} {number}"}, effect_key=f"e:{number}",
        )
        for number in range(100, 100 + count)
    )  # fmt: skip
    Conversation.objects.filter(pk=conversation.pk).update(
        last_message_sequence=100 + count, last_event_sequence=100 + count
    )
