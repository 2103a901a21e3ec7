"""Fills the database with hostile texts, by the ways that they would come."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

import providers
from conversations.flows import inbound, media
from conversations.flows.locking import locked
from conversations.models import (
    Attempt,
    Conversation,
    ConversationStatus,
    Delivery,
    Receipt,
)
from hitl_bridge import audit
from hitl_bridge.models import Alert, AuditAction, Bot, Installation, Membership
from providers.types import AgentMessage, WebhookRequest
from tests import factories
from tests.security.payloads import AGENTS, PAYLOADS

ALL = " ".join(PAYLOADS)
MESSAGES: dict[str, Any] = {
    "text": lambda bad: {"text": bad},
    "markdown": lambda bad: {"markdown": bad},
    "file": lambda bad: {"fileUrl": "https://files.example.com/a.svg", "title": bad[:200]},
    "image": lambda bad: {"imageUrl": "https://files.example.com/?" + "a=%22onerror=fired()"},
    "choice": lambda bad: {"text": bad, "options": [{"label": bad[:200], "value": bad[:200]}]},
    "location": lambda bad: {"latitude": 1, "longitude": 2, "title": bad[:200]},
}


def call(key: str, path: str, body: Any) -> Any:
    answer = Client().post(
        f"/api/v1{path}", json.dumps(body), "application/json",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip
    assert answer.status_code < 300, (path, answer.content)
    return answer.json()


def from_the_bot(bot: Bot, key: str, desk: Installation) -> list[str]:
    """Users, sessions and messages: every payload as a name, a tag, a title, a text."""
    started = []
    for number, bad in enumerate(PAYLOADS):
        about = {"name": bad, "tags": {"note": bad}, "externalId": bad, "phone": ""}
        user = call(key, "/actions/createUser", about)["userId"]
        if number % 10:
            continue
        said = [{"source": {"type": "user"}, "type": "text", "payload": {"text": ALL}}]
        session = {
            "userId": user, "title": ALL[:300], "description": ALL, "messageHistory": said,
            "botConversationId": bad, "tags": {"case": bad}, "installation": desk.slug,
        }  # fmt: skip
        id_ = call(key, "/actions/startHitl", session)["conversationId"]
        started.append(id_)
        for type_, make in MESSAGES.items():
            for text in PAYLOADS if type_ == "text" and number == 0 else (bad,):
                body = {"type": type_, "payload": make(text), "userId": user}
                call(key, f"/conversations/{id_}/messages", body)
    return started


def from_agents() -> list[str]:
    """Every payload said by an agent of that name at each help desk, in the vendor's own JSON."""
    heard = []
    for slug, says in AGENTS.items():
        told = [_parsed(slug, says(bad, number), bad) for number, bad in enumerate(PAYLOADS, 1)]
        session = _session(slug, told[0])
        for event in told:
            with transaction.atomic():
                inbound.apply(locked(session.pk), [event])
        # Some hold nothing but what is cleaned away.
        assert session.messages.filter(author="agent").count() > len(PAYLOADS) / 2, slug
        assert any("fired" in agent.name for agent in session.installation.users.all()), slug
        heard.append(session.pk)
    return heard


def _parsed(slug: str, told: Any, name: str) -> AgentMessage:
    """As the adapter reads it; where it has to ask for the agent's name, that is hostile too."""
    request = WebhookRequest("POST", "", {}, json.dumps(told).encode(), timezone.now())
    events = providers.get(slug).parse(request)
    event = next(one for one in events if isinstance(one, AgentMessage))
    return replace(event, agent=replace(event.agent, name=event.agent.name or name))


def _session(slug: str, event: AgentMessage) -> Conversation:
    """One whose ticket the event is about."""
    bot = factories.bot(connector="feed", callback_url="")
    desk = factories.installation(bot, provider=slug, account_id=event.account_id)
    session = factories.conversation(desk)
    rows = Conversation.objects.filter(pk=session.pk)
    rows.update(remote_id=event.remote_id, status=ConversationStatus.QUEUED)
    return rows.get()


def from_elsewhere(session: Conversation, desk: Installation) -> None:
    """What help desks answer, what operators name things, and files."""
    short = "<img src=x onerror=fired()>"
    media.store(session, "in:x:0", 0, f"{short}.svg", b"<svg onload=fired()>")
    now = timezone.now()
    dead = session.deliveries.exclude(message=None)[0]
    Delivery.objects.filter(pk=dead.pk).update(state="dead", error=ALL[:300], error_kind=short[:20])
    Attempt.objects.create(delivery=dead, number=1, started_at=now, error=ALL[:300])
    Receipt.objects.create(
        installation=desk, key=short, body=ALL, received_at=now, error=ALL[:300], state="failed"
    )
    Installation.objects.filter(pk=desk.pk).update(
        account_name=short, account_id=short, status="config", status_reason=ALL[:300],
        last_error=ALL[:300], hold_reason=short, hold_until=now + timedelta(hours=1),
    )  # fmt: skip
    Conversation.objects.filter(pk=session.pk).update(
        failure=ALL[:300], remote_url=f"javascript:fired()//{short}", remote_id=short
    )
    session.messages.update(failure=ALL[:300])
    bot, tenant = desk.bot, desk.tenant
    bot.name, tenant.name = ALL[:200], ALL[:200]
    bot.last_error = ALL[:300]
    bot.save()
    tenant.save()
    person = User.objects.create_user("x", is_staff=True, first_name=short, email=short)
    Membership.objects.create(user=person, tenant=tenant, role="operator")
    Alert.objects.create(
        tenant=tenant, kind="deadLetters", subject_type="installation", subject_id=desk.pk,
        subject_label=ALL[:200],
    )  # fmt: skip
    audit.record(ALL[:100], AuditAction.CHANGED, bot, note=ALL)
