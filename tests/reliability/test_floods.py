"""Webhooks repeated, shuffled and in parallel: each effect once, in order."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.utils import timezone

from conversations.flows import receipts
from conversations.models import Conversation, Event, Message, Receipt
from hitl_bridge.models import Installation
from providers.types import AgentMessage, Content, WebhookRequest
from tests import factories, fake_desk
from tests.engine.test_parallel import all_at_once
from tests.fake_desk import RUI, Desk

SESSIONS, EACH, TIMES, SENDERS = 5, 12, 5, 6


@pytest.mark.django_db(transaction=True)
def test_webhooks_that_come_five_times_shuffled_and_at_once_take_effect_once(
    installation: Installation, desk: Desk, drain: Callable[..., None]
) -> None:
    for _ in range(SESSIONS):
        factories.conversation(installation)
    drain()
    keys = []
    for ticket in desk.tickets:
        for number in range(EACH):
            keys.append(f"{ticket}-{number}")
            words = (Content("text", {"text": keys[-1]}),)
            desk.happened.append(
                AgentMessage(
                    remote_id=ticket, key=keys[-1], at=fake_desk.NOW, agent=RUI, contents=words
                )
            )
    sent = keys * TIMES
    random.Random(7).shuffle(sent)

    def send(sender: int) -> None:
        for key in sent[sender::SENDERS]:
            request = WebhookRequest(
                "POST", "", {"x-secret": "right"}, key.encode(), timezone.now()
            )
            owner = Installation.objects.select_related("bot", "app").get()
            receipts.receive(owner, request)

    all_at_once(SENDERS, send)
    drain()
    assert Receipt.objects.count() == len(keys)
    assert Event.objects.filter(type="messageCreated").count() == len(keys)
    for conversation in Conversation.objects.all():
        told = Message.objects.filter(conversation=conversation).order_by("sequence")
        wanted = [f"{conversation.remote_id}-{number}" for number in range(EACH)]
        assert [message.payload["text"] for message in told] == wanted
