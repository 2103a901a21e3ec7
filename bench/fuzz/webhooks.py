"""Sending one help desk's webhooks, most of them forged, and judging the answers."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone

import providers
from bench.fuzz.mutations import mutated, mutated_header
from bench.fuzz.vendors import Headers, Vendor
from conversations import webhooks
from conversations.models import Conversation, ConversationStatus, Receipt
from hitl_bridge.models import Installation
from providers.errors import BadPayload
from providers.types import WebhookRequest
from tests import factories

THROUGH_ALL = 50  # one in so many goes through the whole site, the others to the view alone
SHOWN = 20


@dataclass
class Outcome:
    """What became of one provider's webhooks."""

    provider: str
    answers: Counter[str] = field(default_factory=Counter)
    accepted: list[bytes] = field(default_factory=list)  # without a valid signature
    refused: list[bytes] = field(default_factory=list)  # with one
    failed: list[tuple[bytes, str]] = field(default_factory=list)  # 5xx, or not applied

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.accepted or self.refused or self.failed)


class Fuzz:
    """One installation and what is sent to it."""

    def __init__(self, vendor: Vendor, seed: int) -> None:
        self.vendor, self.rng = vendor, random.Random(f"{vendor.slug}-{seed}")
        bot = factories.bot(connector="feed", callback_url="")
        self.desk = factories.installation(bot, provider=vendor.slug, **vendor.columns())
        self.corpus = [vendor.prepared(body) for body in vendor.corpus]
        _sessions(self.desk, self.corpus)
        self.path = f"/webhooks/{vendor.slug}/{self.desk.webhook_token}"
        self.outcome = Outcome(vendor.slug)
        self._client = Client(raise_request_exception=False)

    def run(self, count: int) -> Outcome:
        """Send so many."""
        for number in range(count):
            self._one(number)
            if number % 2000 == 1999:
                self._look()
        self._look()
        return self.outcome

    def _one(self, number: int) -> None:
        body, headers = self._made()
        right = self.vendor.is_right(settings.PUBLIC_URL + self.path, body, headers)
        try:
            status = self._send(number, body, headers)
        except Exception as error:  # noqa: BLE001 - what would be a 5xx is what we look for
            self.outcome.failed.append((body, repr(error)))
            return
        self.outcome.answers[f"{status} {'signed' if right else 'forged'}"] += 1
        if status >= 500:
            self.outcome.failed.append((body, str(status)))
        if not right and status < 400:
            self.outcome.accepted.append(body)
        if right and self.vendor.signs and status not in (200, 400, 413):
            self.outcome.refused.append(body)

    def _made(self) -> tuple[bytes, Headers]:
        """A webhook: rightly signed rubbish, or forged in some way."""
        rng, body = self.rng, self.rng.choice(self.corpus)
        url = settings.PUBLIC_URL + self.path
        way = rng.random()
        if way < 0.25:
            worse = mutated(rng, body)
            return worse, self.vendor.sign(url, worse)
        headers = self.vendor.sign(url, body)
        if way < 0.65:
            return mutated(rng, body), headers
        if way < 0.95:
            name = rng.choice(list(headers) or [self.vendor.header])
            headers[name] = mutated_header(rng, headers.get(name, "x"))
            return (mutated(rng, body) if rng.random() < 0.5 else body), headers
        return body, {}

    def _send(self, number: int, body: bytes, headers: Headers) -> int:
        kind = self.rng.choice(["application/json", "text/plain", "multipart/form-data", ""])
        if number % THROUGH_ALL == 0:
            answer: Any = self._client.post(
                self.path, body, content_type=kind, secure=True, headers=headers
            )
            return int(answer.status_code)
        request: HttpRequest = RequestFactory().post(
            self.path, body, content_type=kind, secure=True, headers=headers
        )
        token = self.desk.webhook_token
        return webhooks.to_installation(request, self.vendor.slug, token).status_code

    def _look(self) -> None:
        """What an error kept from being applied was answered 200, and is a defect as well."""
        for row in Receipt.objects.filter(state="stored").exclude(error="IntegrityError"):
            self.outcome.failed.append((row.body.encode(), f"not applied: {row.error}"))
        Receipt.objects.all().delete()


def _sessions(desk: Installation, corpus: list[bytes]) -> None:
    """Sessions that the corpus speaks of, so that what is accepted is applied as well."""
    known: set[str] = set()
    for body in corpus:
        request = WebhookRequest("POST", "", {}, body, timezone.now())
        try:
            events = providers.get(desk.provider).parse(request)
        except BadPayload:
            continue
        known |= {event.remote_id for event in events if event.remote_id}
    for remote_id in sorted(known)[:5]:
        with transaction.atomic():
            session = factories.conversation(desk)
        rows = Conversation.objects.filter(pk=session.pk)
        rows.update(remote_id=remote_id, status=ConversationStatus.QUEUED)
