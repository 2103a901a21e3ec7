"""The other side is down for an hour, or we are: queues hold, order holds, the bot is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.utils import timezone

from conversations.engine import retry, worker
from conversations.flows import catching_up, messages, sessions
from conversations.flows.messages import NewMessage
from conversations.flows.outgoing import note_success
from conversations.models import (
    Conversation,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Lane,
    LaneKind,
    Message,
    StopReason,
)
from hitl_bridge import health
from hitl_bridge.models import Bot, Installation
from providers.errors import OutcomeUnknown, ProviderError, RateLimited, Unavailable
from providers.types import AgentMessage, Content
from tests import factories, fake_desk
from tests.fake_desk import RUI, Desk

pytestmark = pytest.mark.usefixtures("pass_time")  # from the first row on
Live = Callable[[timedelta], None]
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def say(session: Conversation, *texts: str) -> None:
    for text in texts:
        new = NewMessage("text", {"text": text}, session.user_id)
        messages.send_message(session.bot, session.id, new)


def statuses(session: Conversation) -> list[str]:
    told = session.events.filter(type="messageStatus").order_by("sequence")
    return [event.data["status"] for event in told]


@pytest.fixture
def away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[ProviderError | None], None]:
    """Let every call to the help desk fail, from now on, or (None) be well again."""

    def fail(error: ProviderError | None) -> None:
        def write(effect: Callable[[], Any]) -> Any:
            if error:
                raise error
            return effect()

        def catch_up(_self: object, ticket: object, since: object) -> list[object]:
            found: list[object] = write(lambda: desk.happened)
            return list(found)

        monkeypatch.setattr(desk, "write", write)
        monkeypatch.setattr(fake_desk.FakeDesk, "catch_up", catch_up)

    return fail


def test_an_hour_without_the_help_desk_keeps_everything_in_order(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    away: Callable[..., None],
    live: Live,
) -> None:
    others = [factories.conversation(installation) for _ in range(5)]
    live(SECOND)
    away(Unavailable("down"))
    for number in range(10):
        say(session, f"message {number}")
        live(6 * MINUTE)
    for other in others:
        say(other, "hello")
    live(MINUTE)
    assert statuses(session) == ["delayed"]
    away(None)
    live(8 * MINUTE)
    assert desk.tickets["t1"] == [f"message {number}" for number in range(10)]
    assert sorted(desk.tickets.values())[:5] == [["hello"]] * 5
    assert statuses(session) == ["delayed", "delivered"]
    delayed, delivered = session.events.filter(type="messageStatus").order_by("sequence")
    assert delayed.data["messageId"] == delivered.data["messageId"]
    assert all(statuses(other) == ["delayed", "delivered"] for other in others)
    assert {lane.stuck_since for lane in Lane.objects.all()} == {None}


def test_one_success_calls_all_who_wait_also_those_in_their_own_back_off(
    session: Conversation, installation: Installation
) -> None:
    for each in (session, *(factories.conversation(installation) for _ in range(5))):
        say(each, "one")
    later = timezone.now() + 10 * MINUTE
    Delivery.objects.update(next_attempt_at=later, error_kind="Unavailable")
    Lane.objects.filter(due_at__isnull=False).update(due_at=later)
    Installation.objects.update(failures=health.OPENS_AFTER)
    installation.refresh_from_db()
    note_success(installation)
    waiting = Delivery.objects.filter(state="pending", next_attempt_at__gt=timezone.now())
    assert not waiting.exists()
    assert not Lane.objects.filter(due_at__gt=timezone.now()).exists()


def test_questions_that_are_not_put_keep_no_breaker_open(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    away: Callable[..., None],
    live: Live,
) -> None:
    for _ in range(10):
        factories.conversation(installation)
    live(SECOND)
    away(OutcomeUnknown("no answer"))
    say(session, "one")
    live(HOUR)
    away(None)
    # Nothing was waiting to be sent but this one message; the other sessions only ask.
    live(10 * MINUTE)
    assert desk.tickets["t1"] == ["one"]
    installation.refresh_from_db()
    assert (installation.failures, installation.hold_until) == (0, None)
    assert installation.hold_reason == ""


def test_a_paused_installation_does_not_count_as_asked(
    session: Conversation, installation: Installation, desk: Desk, live: Live
) -> None:
    told = Content("text", {"text": "Hello?"})
    Installation.objects.update(status="paused")
    desk.happened.append(
        AgentMessage(remote_id="t1", key="p1", at=fake_desk.NOW, agent=RUI, contents=(told,))
    )
    live(HOUR)
    session.refresh_from_db()
    assert session.caught_up_to is None
    Installation.objects.update(status="active")
    live(15 * MINUTE)
    assert session.messages.get().payload == {"text": "Hello?"}


def test_a_hiccup_is_not_told(
    session: Conversation, desk: Desk, away: Callable[..., None], live: Live
) -> None:
    away(Unavailable("busy"))
    say(session, "one")
    live(5 * SECOND)
    away(None)
    live(MINUTE)
    assert desk.tickets["t1"] == ["one"]
    assert statuses(session) == []


def test_a_ticket_that_waits_is_told_without_a_message(
    installation: Installation, desk: Desk, away: Callable[..., None], live: Live
) -> None:
    away(Unavailable("down"))
    session = factories.conversation(installation)
    live(2 * MINUTE)
    told = session.events.get()
    assert (told.type, told.data["status"]) == ("messageStatus", "delayed")
    assert "messageId" not in told.data
    away(None)
    live(10 * MINUTE)
    assert [event.type for event in session.events.order_by("sequence")] == [
        "messageStatus",
        "hitlQueued",
    ]


def test_a_second_outage_is_told_again(
    session: Conversation, desk: Desk, away: Callable[..., None], live: Live
) -> None:
    for text in ("one", "two"):
        away(Unavailable("down"))
        say(session, text)
        live(2 * MINUTE)
        away(None)
        live(10 * MINUTE)
    assert statuses(session) == ["delayed", "delivered", "delayed", "delivered"]
    assert desk.tickets["t1"] == ["one", "two"]


def test_a_session_that_ends_while_its_messages_wait_is_told_nothing_more_of_them(
    session: Conversation, desk: Desk, away: Callable[..., None], live: Live
) -> None:
    away(Unavailable("down"))
    say(session, "one")
    live(2 * MINUTE)
    sessions.stop_hitl(session.bot, session.id, StopReason.USER_ENDED)
    away(None)
    live(10 * MINUTE)
    assert desk.tickets["t1"] == ["one"]
    assert desk.closed == {"t1"}
    assert session.events.latest("sequence").type == "hitlStopped"


@pytest.fixture
def short_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more try, after an hour."""
    monkeypatch.setitem(worker.SCHEDULES, LaneKind.PROVIDER, retry.Schedule((HOUR.seconds,)))


def test_who_is_only_asked_to_slow_down_never_becomes_a_dead_letter(
    session: Conversation,
    desk: Desk,
    away: Callable[..., None],
    live: Live,
    short_schedule: None,
) -> None:
    away(RateLimited("slow down", retry_after=20))
    say(session, "one")
    for _ in range(5):
        live(21 * SECOND)
    delivery = Delivery.objects.get(kind="message")
    assert delivery.attempt_count >= 5
    assert delivery.state == DeliveryState.PENDING
    away(None)
    live(MINUTE)
    assert desk.tickets["t1"] == ["one"]


def test_a_bot_that_was_away_for_an_hour_is_told_everything_in_order(
    session: Conversation,
    desk: Desk,
    callbacks: responses.RequestsMock,
    live: Live,
) -> None:
    callbacks.replace(responses.POST, factories.CALLBACK_URL, status=503)
    for number in range(5):
        told = Content("text", {"text": f"word {number}"})
        desk.happened.append(
            AgentMessage(
                remote_id="t1", key=f"p{number}", at=fake_desk.NOW, agent=RUI, contents=(told,)
            )
        )
        catching_up.after_down_time()
        live(12 * MINUTE)
    assert Bot.objects.get().failures >= health.OPENS_AFTER
    callbacks.replace(responses.POST, factories.CALLBACK_URL, status=204)
    live(10 * MINUTE)
    texts = Message.objects.order_by("sequence").values_list("payload__text", "status")
    assert list(texts) == [(f"word {number}", "sent") for number in range(5)]
    assert Bot.objects.get().failures == 0


def test_down_time_upon_down_time_asks_each_ticket_once(session: Conversation) -> None:
    for _ in range(3):
        Conversation.objects.update(catch_up_at=timezone.now())
        catching_up.start_due()
    assert session.deliveries.filter(kind=DeliveryKind.CATCH_UP).count() == 1
