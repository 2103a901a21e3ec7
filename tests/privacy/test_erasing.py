"""Somebody who is erased is nowhere; everybody else stays whole."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from conversations.engine import heartbeat
from conversations.flows import feed
from conversations.flows.events import emit
from conversations.flows.locking import locked
from conversations.flows.privacy import erasing, places
from conversations.models import (
    Conversation,
    Event,
    EventType,
    IdempotentRequest,
    Message,
    Receipt,
    User,
    UserKind,
    WorkerHeartbeat,
)
from hitl_bridge.models import AuditEntry, Installation
from tests import factories, fake_desk
from tests.privacy.conftest import CANARY, canaries, files, fill

pytestmark = pytest.mark.django_db
Drain = Callable[..., None]


def test_every_text_of_every_table_has_a_place() -> None:
    assert not places.placeless(), "say in conversations/flows/privacy/places.py what becomes of it"


def test_nothing_of_an_erased_person_is_left(
    session: Conversation, media_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(canaries()) >= 14
    assert len(files(media_root)) == 1
    ids = [session.pk, session.user_id, repr(session.remote_id)]
    done = erasing.erase(session.user, "a test", patience=0)
    erased_by_id = [line for line in canaries(*ids) if "AuditEntry" not in line]
    assert not erased_by_id
    assert not canaries()
    assert not files(media_root)
    assert CANARY not in caplog.text
    assert (done.conversations, done.messages, done.files) == (1, 1, 1)


def test_what_is_said_of_others_stays(session: Conversation) -> None:
    other = factories.conversation(session.installation)
    erasing.erase(session.user, "a test", patience=0)
    assert Conversation.objects.get() == other
    assert User.objects.get(kind=UserKind.END_USER) == other.user
    assert Receipt.objects.get(key="2").body == '{"of": "x"}'
    assert Receipt.objects.get(key="1").body == ""
    assert IdempotentRequest.objects.get().key == "b"


def test_open_sessions_are_closed_at_the_help_desk_first(
    session: Conversation, desk: fake_desk.Desk, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat.beat()
    monkeypatch.setattr("time.sleep", lambda _: drain())
    done = erasing.erase(session.user, "a test")
    assert [(one.remote_id, one.closed) for one in done.tickets] == [(session.remote_id, True)]


def test_without_workers_the_ticket_is_said_to_be_open(session: Conversation) -> None:
    WorkerHeartbeat.objects.all().delete()
    done = erasing.erase(session.user, "a test")
    assert [one.closed for one in done.tickets] == [False]


def test_the_feed_deals_no_position_out_twice(session: Conversation) -> None:
    bot = session.bot
    _, cursor = feed.read(bot, 0)
    other = factories.conversation(session.installation)
    erasing.erase(session.user, "a test", patience=0)
    with transaction.atomic():
        emit(locked(other.pk), EventType.QUEUED, {}, "queued")
    told, _ = feed.read(bot, cursor)
    assert [event.conversation_id for event in told] == [other.pk]


def test_who_erased_is_in_the_audit_log_and_nothing_of_whom(session: Conversation) -> None:
    erasing.erase(session.user, "olga's shell", patience=0)
    entry = AuditEntry.objects.get(action="erased")
    assert (entry.actor_name, entry.target_id) == ("olga's shell", session.user_id)
    assert entry.details["messages"] == 1
    assert {one.action for one in AuditEntry.objects.all()} == {"erased", "dropped"}


def test_words_in_anothers_session_go_and_the_session_stays(
    session: Conversation, installation: Installation, drain: Drain
) -> None:
    other = factories.conversation(installation)
    said = {"type": "text", "payload": {"text": f"{CANARY} elsewhere"}, "status": "sent"}
    Message.objects.create(tenant=other.tenant, conversation=other, sequence=1, author="user",
                           user=session.user, effect_key="x", **said)  # fmt: skip
    erasing.erase(session.user, "a test", patience=0)
    assert not canaries()
    assert Message.objects.get().conversation == other


def test_an_agents_name_goes_and_what_was_said_stays(
    session: Conversation, installation: Installation
) -> None:
    agent = User.objects.create(
        tenant=session.tenant, bot=session.bot, installation=installation, kind=UserKind.AGENT,
        external_id="rui-7", name="Rui Agentcanary", email="rui@agents.example",
    )  # fmt: skip
    with transaction.atomic():
        row = locked(session.pk)
        told = {"agent": {"userId": agent.pk, "name": agent.name, "email": agent.email}}
        emit(row, EventType.ASSIGNED, told, "assigned")
    assert canaries("agentcanary", "rui@agents")
    erasing.erase(agent, "a test")
    assert not [line for line in canaries("agentcanary", "rui-7", "rui@agents")
                if CANARY not in line]  # fmt: skip
    assert Event.objects.get(type="hitlAssigned").data["agent"] == {"userId": agent.pk}
    assert Message.objects.filter(conversation=session).exists()


def test_the_command_finds_by_id_email_and_external_id(session: Conversation) -> None:
    out = io.StringIO()
    slug = session.tenant.slug
    for who in (session.user_id, f"{CANARY}@EXAMPLE.com", f"{CANARY}-crm"):
        call_command("erase_user", who, tenant=slug, dry_run=True, stdout=out)
    assert out.getvalue().count(f"{session.user_id} (end user of") == 3
    assert session.remote_id in out.getvalue()
    with pytest.raises(CommandError, match="no user of this id"):
        call_command("erase_user", session.user_id, tenant=factories.tenant().slug)
    call_command("erase_user", session.user_id, tenant=slug, yes=True, stdout=out)
    assert f"remains at the help desk: fake {session.remote_id}" in out.getvalue()
    assert not canaries()


def test_many_rows_go_in_several_transactions(session: Conversation) -> None:
    fill(session, 2 * erasing.BATCH + 1)
    done = erasing.erase(session.user, "a test", patience=0)
    assert done.messages == 2 * erasing.BATCH + 2
    assert not canaries()


def test_export_holds_everything_and_is_noted(session: Conversation, tmp_path: Path) -> None:
    target = tmp_path / "export.json"
    call_command(
        "export_user", session.user_id, tenant=session.tenant.slug, files=True, output=target,
        stdout=io.StringIO(),
    )  # fmt: skip
    assert target.stat().st_mode & 0o077 == 0
    text = target.read_text()
    for word in (" Name", "@example.com", "-crm", "-tag", "-contact", " title", " description",
                 " before", "-case", " words", " hook", "-chat"):  # fmt: skip
        assert f"{CANARY}{word}" in text, word
    found = json.loads(text)["people"][0]
    assert found["conversations"][0]["mediaFiles"][0]["base64"]
    assert AuditEntry.objects.get(action="exported").target_id == session.user_id


def test_the_admin_asks_and_then_erases(session: Conversation, admin_client: Client) -> None:
    page = f"/admin/conversations/user/{session.user_id}/act/"
    exported = admin_client.post(f"{page}export/")
    assert CANARY in exported.content.decode()
    asked = admin_client.get(f"{page}erase/")
    assert session.remote_id in asked.content.decode()
    assert Conversation.objects.exists()
    told = admin_client.post(f"{page}erase/", {"erase": "yes"})
    assert told.status_code == 200
    assert session.remote_id in told.content.decode()
    assert not [one for one in canaries() if "sessions.Session" not in one]
    actions = AuditEntry.objects.filter(action__in=("erased", "exported"))
    assert set(actions.values_list("actor_name", flat=True)) == {"admin"}
