"""Whom a request for erasure or export means, and what of theirs there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from conversations.models import (
    BotpressSession,
    Contact,
    Conversation,
    DeliveryKind,
    DeliveryState,
    Message,
    StopReason,
    User,
    UserKind,
)
from hitl_bridge.models import Tenant

SHORTEST = 3  # letters of a name or an id that are looked for in texts


@dataclass(frozen=True, slots=True)
class RemoteTicket:
    """A ticket that stays in a help desk, where only its own people can delete it."""

    provider: str
    installation: str
    remote_id: str
    url: str
    closed: bool

    def __str__(self) -> str:
        state = "closed" if self.closed else "may still be open"
        return f"{self.provider} {self.remote_id} ({self.installation}, {state}) {self.url}".strip()


@dataclass
class Traces:
    """By what a person is known in rows that are not their own."""

    ids: set[str]  # ours: of the person, their conversations, their messages
    tickets: set[str] = field(default_factory=set)  # the help desks' ids
    words: set[str] = field(default_factory=set)  # name, addresses, ids elsewhere

    def pattern(self) -> re.Pattern[str] | None:
        """Finds any of them as a whole word, in plain text and in JSON; None: nothing to find."""
        known = self.tickets | {word for word in self.words if len(word) >= SHORTEST}
        spelled = {one for word in known for one in (word, json.dumps(word)[1:-1])} - {""}
        if not spelled:
            return None
        found = "|".join(map(re.escape, sorted(spelled, key=len, reverse=True)))
        return re.compile(rf"(?<!\w)(?:{found})(?!\w)", re.IGNORECASE)


def people(tenant: Tenant, who: str) -> list[User]:
    """The tenant's users whose id, e-mail or external id this is; of several bots maybe."""
    exact = Q(pk=who) | Q(email__iexact=who) | Q(external_id=who)
    return list(User.objects.filter(exact, tenant=tenant).select_related("bot").order_by("pk"))


def conversations_of(user: User) -> QuerySet[Conversation]:
    """Every session that is the person's; an agent has none."""
    if user.kind == UserKind.AGENT:
        return Conversation.objects.none()
    # Botpress may say too late who it is: then the ticket stands under another user.
    late = BotpressSession.objects.filter(user=user).values("conversation")
    return Conversation.objects.filter(Q(user=user) | Q(pk__in=late), tenant=user.tenant_id)


def words_elsewhere(user: User) -> QuerySet[Message]:
    """What the person wrote in a session that is somebody else's."""
    said = Message.objects.filter(user=user)
    return said.exclude(conversation__in=conversations_of(user).values("pk"))


def tickets_of(rows: QuerySet[Conversation]) -> list[RemoteTicket]:
    """What stays at the help desks."""
    found: dict[tuple[str, str], RemoteTicket] = {}
    for row in rows.exclude(remote_id="").select_related("installation").order_by("pk"):
        closing = row.deliveries.filter(kind=DeliveryKind.CLOSE, state=DeliveryState.DONE)
        ticket = RemoteTicket(
            row.installation.provider,
            row.installation.slug,
            row.remote_id,
            row.remote_url,
            row.stop_reason == StopReason.AGENT_CLOSED or closing.exists(),
        )
        found[(row.installation_id, row.remote_id)] = ticket
    return list(found.values())


def traces_of(user: User) -> Traces:
    """Read them before the rows are gone."""
    traces = Traces({user.pk})
    words = [user.name, user.email, user.phone, user.external_id]
    for contact in Contact.objects.filter(user=user):
        words += _strings(contact.data)
    for row in conversations_of(user).only("id", "remote_id", "bot_conversation_id"):
        traces.ids.add(row.pk)
        traces.ids.update(row.messages.values_list("pk", flat=True).iterator())
        if row.remote_id:
            traces.tickets.add(row.remote_id)
        words.append(row.bot_conversation_id)
    traces.words.update(word for word in words if word)
    return traces


def _strings(value: Any) -> Iterator[str]:
    """The texts in what an adapter keeps of somebody."""
    if isinstance(value, dict | list):
        inner: Iterable[Any] = value.values() if isinstance(value, dict) else value
        for one in inner:
            yield from _strings(one)
    elif isinstance(value, str) and len(value) > SHORTEST:
        yield value
