"""Callbacks to the bot: signed, in order, for days."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import responses
from django.db import transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from conversations.api.stream import frame
from conversations.flows import feed, timers
from conversations.flows.events import emit
from conversations.flows.locking import locked
from conversations.models import Conversation, Delivery, DeliveryKind, DeliveryState, EventType
from hitl_bridge.models import Bot, Installation
from tests import factories

Drain = Callable[..., None]
OLD_SECRET = "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xk"


def start(installation: Installation) -> Conversation:
    return factories.conversation(installation)


@pytest.mark.parametrize("secret", [factories.CALLBACK_SECRET, OLD_SECRET])
def test_callbacks_verify_with_the_new_and_the_old_secret(
    installation: Installation, callbacks: responses.RequestsMock, drain: Drain, secret: str
) -> None:
    Bot.objects.update(previous_callback_secret=OLD_SECRET)
    start(installation)
    drain()
    request = callbacks.calls[0].request
    assert request.body
    Webhook(secret).verify(request.body, dict(request.headers))


def test_a_bot_that_is_away_gets_everything_in_order_when_it_is_back(
    installation: Installation, callbacks: responses.RequestsMock, drain: Drain
) -> None:
    callbacks.replace(responses.POST, factories.CALLBACK_URL, status=503)
    conversation = start(installation)
    drain()
    assert len(callbacks.calls) == 1
    callbacks.replace(responses.POST, factories.CALLBACK_URL, status=204)
    drain(later=timedelta(hours=1))
    delivery = Delivery.objects.get(kind=DeliveryKind.EVENT)
    assert delivery.state == DeliveryState.DONE
    assert conversation.events.count() == 1


def test_an_attempt_repeats_the_id_with_a_new_time_stamp(
    installation: Installation, callbacks: responses.RequestsMock, drain: Drain
) -> None:
    callbacks.replace(responses.POST, factories.CALLBACK_URL, status=500)
    start(installation)
    drain()
    drain(later=timedelta(hours=1))
    first, second = (call.request.headers for call in callbacks.calls)
    assert first["webhook-id"] == second["webhook-id"]


def test_410_switches_callbacks_off_and_keeps_the_events(
    installation: Installation, callbacks: responses.RequestsMock, drain: Drain
) -> None:
    callbacks.replace(responses.POST, factories.CALLBACK_URL, status=410)
    conversation = start(installation)
    drain()
    drain(later=timedelta(hours=1))
    assert len(callbacks.calls) == 1
    assert Bot.objects.get().callback_disabled_reason
    assert conversation.events.count() == 1


def test_a_bot_without_an_address_reads_its_feed(
    installation: Installation, callbacks: responses.RequestsMock, drain: Drain
) -> None:
    Bot.objects.update(callback_url="")
    installation.refresh_from_db()
    conversation = start(Installation.objects.select_related("bot").get())
    drain()
    assert len(callbacks.calls) == 0
    events, cursor = feed.read(conversation.bot, after=0)
    assert [event.type for event in events] == ["hitlQueued"]
    assert feed.read(conversation.bot, after=cursor) == ([], cursor)


def test_a_session_that_nobody_takes_ends_on_both_sides(
    session: Conversation, drain: Drain
) -> None:
    Conversation.objects.update(assignment_deadline=timezone.now() - timedelta(seconds=1))
    assert timers.run_due() == 1
    drain()
    session.refresh_from_db()
    assert session.stop_reason == "assignmentTimeout"
    assert session.deliveries.get(kind=DeliveryKind.CLOSE).state == DeliveryState.DONE


def test_a_session_in_which_nobody_writes_ends(session: Conversation) -> None:
    Conversation.objects.update(idle_deadline=timezone.now() - timedelta(seconds=1))
    timers.run_due()
    session.refresh_from_db()
    assert session.stop_reason == "idleTimeout"


def test_a_bot_that_was_down_for_a_day_catches_up_by_any_way_without_a_gap(
    session: Conversation,
    installation: Installation,
    callbacks: responses.RequestsMock,
    drain: Drain,
) -> None:
    """The same ids and numbers by callbacks, feed and stream, whenever the bot comes back."""
    other = factories.conversation(installation)
    drain()
    seen = len(callbacks.calls)
    _, before = feed.read(session.bot, after=0)
    callbacks.replace(responses.POST, factories.CALLBACK_URL, body=ConnectionError("down"))
    for number in range(30):
        told = (session, other)[number % 2]
        with transaction.atomic():
            emit(locked(told.id), EventType.TRANSFERRED, {"to": str(number)}, f"t{number}")
        if number % 10 == 9:
            drain(later=timedelta(hours=8))  # in vain
    seen = len(callbacks.calls)
    callbacks.replace(responses.POST, factories.CALLBACK_URL, status=204)
    Bot.objects.update(hold_until=None)
    drain(later=timedelta(days=1))
    drain(later=timedelta(days=1))
    called = [json.loads(call.request.body or b"") for call in callbacks.calls[seen:]]
    rows, cursor = feed.read(session.bot, after=before)
    streamed = [json.loads(frame(row).split(b"\ndata: ")[1]) for row in rows]
    for conversation in (session, other):
        ways = [
            [event for event in way if event["data"]["conversationId"] == conversation.id]
            for way in (called, [row.body() for row in rows], streamed)
        ]
        assert ways[0] == ways[1] == ways[2]
        numbers = [event["sequence"] for event in ways[0]]
        assert numbers == list(range(2, 17))  # the first was told before
    assert [row.position for row in rows] == list(range(before + 1, cursor + 1))
    assert len(called) == len({event["id"] for event in called}) == 30
