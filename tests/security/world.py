"""Two tenants with one of everything each, and ways to see whether one touched the other."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from django.test import Client
from django.utils import timezone

from conversations.flows import media
from conversations.flows.events import emit
from conversations.flows.locking import locked
from conversations.flows.messages import NewMessage, send_message
from conversations.models import (
    Attempt,
    Conversation,
    ConversationStatus,
    Delivery,
    EventType,
    MediaFile,
    Receipt,
)
from conversations.models import User as Customer
from hitl_bridge import audit, roles
from hitl_bridge.models import (
    Alert,
    App,
    AuditAction,
    Bot,
    Installation,
    Membership,
    Role,
    SecondStep,
    Tenant,
)
from providers.errors import BadSignature
from tests import factories
from tests.fake_desk import FakeDesk

OURS = ("hitl_bridge", "conversations", "auth", "admin", "axes")
# What every login and every call notes.
NOTES = {"last_login", "last_used_at", "seen_at"}


class WatchedDesk(FakeDesk):
    """Keeps who called it about what: the credentials' secret, the ticket, the text."""

    calls: list[tuple[str, str, str]] = []

    @classmethod
    def verify(cls, request: Any, trust: Any) -> None:
        if request.headers.get("x-secret") != trust.credentials["client_secret"]:
            raise BadSignature

    def _note(self, ticket: Any, text: str) -> None:
        self.calls.append((self.connection.credentials["client_secret"], ticket.remote_id, text))

    def send(self, ticket: Any, message: Any, journal: Any) -> Any:
        self._note(ticket, str(message.payload.get("text")))
        return super().send(ticket, message, journal)

    def close(self, ticket: Any, note: str, journal: Any) -> None:
        self._note(ticket, "close")
        super().close(ticket, note, journal)

    def typing(self, ticket: Any) -> None:
        self._note(ticket, "typing")
        super().typing(ticket)


@dataclass
class Side:
    """One tenant; its `marker` is in every name and text that belongs to it."""

    marker: str
    tenant: Tenant
    bot: Bot
    key: str
    desk: Installation
    app: App
    session: Conversation
    kept: MediaFile
    rows: dict[str, models.Model] = field(default_factory=dict)  # by model's label
    people: dict[str, User] = field(default_factory=dict)  # by role

    def client(self, role: str) -> Client:
        """A browser in which that person is logged in."""
        browser = Client(raise_request_exception=False)
        browser.force_login(self.people[role], backend="django.contrib.auth.backends.ModelBackend")
        return browser

    def traces(self) -> list[str]:
        """What must be in nothing that others get."""
        return [self.marker, *(str(row.pk) for row in self.rows.values() if len(str(row.pk)) > 9)]


def side(marker: str, **bot: Any) -> Side:
    """A tenant with one row of everything that the admin shows."""
    tenant = factories.tenant(slug=marker, name=f"{marker} Ltd")
    owner = factories.bot(tenant, slug=f"{marker}-bot", name=f"{marker} bot", **bot)
    key, text = factories.api_key(owner, name=f"{marker} key")
    app = App.objects.create(
        tenant=tenant, slug=f"{marker}-app", provider="fake", credentials={"client_secret": marker}
    )
    desk = factories.installation(
        owner, slug=f"{marker}-desk", provider="fake", credentials={"client_secret": marker},
        account_name=f"{marker} account",
    )  # fmt: skip
    session = _session(marker, owner, desk)
    found = Side(marker, tenant, owner, text, desk, app, session, _file(marker, session))
    _people(found)
    _rows(found, key)
    return found


def _session(marker: str, bot: Bot, desk: Installation) -> Conversation:
    person = factories.user(bot, name=f"{marker} customer", tags={"crm": f"{marker}-tag"})
    fields = {"title": f"{marker} title", "bot_conversation_id": f"{marker}-chat"}
    session = factories.conversation(desk, user=person, tags={"case": f"{marker}-case"}, **fields)
    said = NewMessage("text", {"text": f"{marker} text"}, user_id=person.pk)
    send_message(bot, session.pk, said)
    with transaction.atomic():
        emit(locked(session.pk), EventType.QUEUED, {}, "queued")
    rows = Conversation.objects.filter(pk=session.pk)
    rows.update(remote_id=f"{marker}-ticket", status=ConversationStatus.QUEUED)
    dead = Delivery.objects.filter(conversation=session, kind="message")
    dead.update(state="dead", error=f"{marker} error", error_kind="permanent")
    session.refresh_from_db()
    return session


def _file(marker: str, session: Conversation) -> MediaFile:
    return media.store(session, f"in:{marker}:0", 0, f"{marker}.png", b"\x89PNG\r\n\x1a\n")


def _people(found: Side) -> None:
    for role in Role.values:
        user = User.objects.create_user(f"{found.marker}-{role}", is_staff=True)
        Membership.objects.create(user=user, tenant=found.tenant, role=role)
        found.people[role] = user
    SecondStep.objects.create(user=found.people["operator"], secret="A" * 32)
    # Somebody with every permission of Django's but the one that counts.
    stranger = User.objects.create_user(f"{found.marker}-stranger", is_staff=True)
    stranger.user_permissions.set(Permission.objects.exclude(codename="reach_every_tenant"))
    stranger.groups.set(Group.objects.exclude(name=roles.PLATFORM))
    found.people["stranger"] = stranger


def _rows(found: Side, key: models.Model) -> None:
    now, session = timezone.now(), found.session
    message, event = session.messages.get(), session.events.get(type=EventType.QUEUED)
    dead = session.deliveries.get(state="dead")
    kept: list[models.Model] = [
        found.tenant, found.bot, key, found.app, found.desk, session, message, event, dead,
        Customer.objects.get(pk=session.user_id),
        Attempt.objects.create(delivery=dead, number=1, started_at=now),
        Receipt.objects.create(
            installation=found.desk, key=f"{found.marker}-hook", body="{}", received_at=now
        ),
        found.people["operator"],
        Membership.objects.get(user=found.people["support"]),
        Alert.objects.create(
            tenant=found.tenant, kind="deadLetters", subject_type="installation",
            subject_id=found.desk.pk, subject_label=f"{found.marker} desk",
        ),
        audit.record("a test", AuditAction.CHANGED, found.desk),
    ]  # fmt: skip
    found.rows = {row._meta.label: row for row in kept}


def fingerprint(belongs_to: Tenant | None = None) -> dict[str, str]:
    """A hash of each table's rows, of one tenant if asked for; sessions and notes left out."""
    found = {}
    for model in apps.get_models():
        rows: Any = model._base_manager.all()
        if model._meta.app_label not in OURS:
            continue
        if belongs_to is not None:
            way = way_to_tenant(model)
            if way is None:
                continue
            rows = rows.filter(**{way: belongs_to.pk})
        columns = [one.attname for one in model._meta.concrete_fields if one.name not in NOTES]
        text = repr(sorted(map(repr, rows.values_list(*columns))))
        found[model._meta.label] = hashlib.sha256(text.encode()).hexdigest()
    return found


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The tables that are not as they were."""
    return [label for label in before if before[label] != after[label]]


def way_to_tenant(model: Any, depth: int = 3) -> str | None:
    """A look-up from the model to its tenant, over relations that must be there first."""
    if model is Tenant:
        return "pk"
    links = [one for one in model._meta.concrete_fields if one.many_to_one or one.one_to_one]
    ours = [one for one in links if one.related_model._meta.app_label in OURS[:2]]
    for link in sorted(ours, key=lambda one: one.null):
        way = way_to_tenant(link.related_model, depth - 1) if depth else None
        if way:
            return link.name if way == "pk" else f"{link.name}__{way}"
    return None


def crossings() -> list[str]:
    """Rows that belong to two tenants, by two of their relations; each model's every pair."""
    found = []
    for model in (
        *apps.get_app_config(OURS[0]).get_models(),
        *apps.get_app_config(OURS[1]).get_models(),
    ):
        links = [one for one in model._meta.concrete_fields if one.many_to_one or one.one_to_one]
        ways = []
        for link in links:
            way = way_to_tenant(link.related_model)
            back = link.remote_field
            if way and back and back.related_name != "+historical":
                ways.append(link.name if way == "pk" else f"{link.name}__{way}")
        for one, other in itertools.pairwise(ways):
            rows = model._base_manager.exclude(**{one: None}).exclude(**{other: None})
            if rows.exclude(**{one: models.F(other)}).exists():
                found.append(f"{model.__name__}: {one} and {other}")
    return found
