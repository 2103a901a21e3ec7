"""Many at once, on real connections: threads, rows that lock, one effect."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from conversations.engine import chores
from conversations.flows import messages, receipts, sessions
from conversations.flows.messages import NewMessage
from conversations.models import Conversation, Delivery, Event, Message
from hitl_bridge.connect import provider_for
from hitl_bridge.models import Installation, OAuthToken
from providers.types import AgentMessage, Content, WebhookRequest
from tests import factories, fake_desk
from tests.fake_desk import RUI, Desk

pytestmark = pytest.mark.django_db(transaction=True)
Drain = Callable[..., None]


def all_at_once(count: int, work: Callable[[int], object]) -> list[object]:
    """What each of `count` threads returned; a thread's error fails the test."""
    ready = threading.Barrier(count)
    results: list[object] = []
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            ready.wait(30)
            results.append(work(number))
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results


def test_a_hundred_equal_starts_make_one_session(installation: Installation, drain: Drain) -> None:
    person = factories.user(installation.bot)

    def start(_: int) -> str:
        bot = type(installation.bot).objects.get(pk=installation.bot_id)
        wanted = sessions.SessionStart(user=person, bot_conversation_id="chat-1")
        return sessions.start_hitl(bot, wanted).id

    ids = [id_ for _ in range(5) for id_ in all_at_once(20, start)]
    drain()
    assert len(set(ids)) == 1
    assert len(fake_desk.desk.tickets) == 1


def test_a_webhook_sent_five_times_at_once_takes_effect_once(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    content = Content("text", {"text": "Hello"})
    desk.happened.append(
        AgentMessage(remote_id="t1", key="p1", at=fake_desk.NOW, agent=RUI, contents=(content,))
    )

    def receive(_: int) -> None:
        request = WebhookRequest("POST", "", {"x-secret": "right"}, b"p1", timezone.now())
        receipts.receive(Installation.objects.select_related("bot", "app").get(), request)

    all_at_once(5, receive)
    drain()
    assert Message.objects.count() == 1
    assert Event.objects.filter(type="messageCreated").count() == 1


def test_many_workers_keep_the_order_of_a_lane(
    session: Conversation, installation: Installation, desk: Desk
) -> None:
    runner = chores.runner(threads=8, interval=0.05, grace=timedelta(0))
    runner.start()
    try:

        def say(number: int) -> None:
            for turn in range(10):
                new = NewMessage("text", {"text": f"{number}-{turn}"}, session.user_id)
                messages.send_message(session.bot, session.id, new)

        all_at_once(4, say)
        finished = threading.Event()
        for _ in range(600):
            if not Delivery.objects.exclude(state="done").exists():
                break
            finished.wait(0.05)
    finally:
        runner.stop()
    accepted = Message.objects.order_by("sequence").values_list("payload__text", flat=True)
    assert desk.tickets["t1"] == list(accepted)
    assert len(desk.tickets["t1"]) == 40


def test_fifty_sends_on_an_expired_token_refresh_it_once(
    installation: Installation, desk: Desk
) -> None:
    OAuthToken.objects.create(
        installation=installation,
        access_token="old",
        refresh_token="r",
        expires_at=timezone.now() - timedelta(minutes=1),
    )

    def token(_: int) -> str:
        fresh = Installation.objects.select_related("bot", "app").get()
        return provider_for(fresh).connection.tokens.get()

    tokens = all_at_once(25, token) + all_at_once(25, token)
    assert set(tokens) == {"access-1"}
    assert desk.refreshes == 1
