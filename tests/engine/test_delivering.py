"""Messages to the help desk: in order, once, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.engine import lanes, worker
from conversations.flows import messages, sessions
from conversations.flows.messages import NewMessage
from conversations.models import (
    Conversation,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Lane,
    Message,
    MessageStatus,
    Outcome,
    StopReason,
)
from hitl_bridge import health
from hitl_bridge.models import Installation, InstallationStatus
from providers.errors import Gone, OutcomeUnknown, Permanent, RateLimited, Reconnect, Unavailable
from providers.types import Account
from tests import factories
from tests.fake_desk import Desk, fails

Drain = Callable[..., None]


def say(session: Conversation, *texts: str) -> list[Message]:
    return [
        messages.send_message(
            session.bot, session.id, NewMessage("text", {"text": text}, session.user_id)
        )
        for text in texts
    ]


def event_types(session: Conversation) -> list[str]:
    return list(session.events.values_list("type", flat=True))


def test_it_opens_a_ticket_and_tells_the_bot_that_the_user_waits(session: Conversation) -> None:
    assert session.status == "queued"
    assert session.remote_id == "t1"
    assert event_types(session) == ["hitlQueued"]


def test_it_delivers_messages_in_the_order_of_acceptance(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    said = say(session, "one", "two", "three")
    drain()
    assert desk.tickets["t1"] == ["one", "two", "three"]
    assert {m.status for m in Message.objects.filter(pk__in=[m.pk for m in said])} == {"sent"}


def test_a_message_that_fails_for_now_holds_back_the_ones_behind_it(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(Unavailable("down"))]
    say(session, "one", "two")
    drain()
    assert desk.tickets["t1"] == []
    drain(later=timedelta(seconds=5))
    assert desk.tickets["t1"] == ["one", "two"]


def test_a_send_whose_outcome_is_unknown_is_looked_up_and_not_repeated(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(OutcomeUnknown("time-out"), carried_out=True)]
    say(session, "one")
    drain()
    drain(later=timedelta(seconds=5))
    assert desk.tickets["t1"] == ["one"]
    delivery = Delivery.objects.get(kind=DeliveryKind.MESSAGE)
    outcomes = [attempt.outcome for attempt in delivery.attempts.all()]
    assert outcomes == [Outcome.UNKNOWN, Outcome.FOUND]


def test_where_nobody_can_be_asked_a_doubtful_send_is_repeated_and_shown_as_such(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    desk.silent = True
    desk.answers = [fails(OutcomeUnknown("time-out"), carried_out=True)]
    say(session, "one", "two")
    drain()
    drain(later=timedelta(seconds=5))
    assert desk.tickets["t1"] == ["one", "one", "two"]
    shown = Delivery.objects.filter(kind=DeliveryKind.MESSAGE).order_by("id")
    assert [delivery.repeated_in_doubt for delivery in shown] == [True, False]


def test_a_send_that_was_surely_not_carried_out_is_repeated_without_a_look(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(Unavailable("refused"))]
    say(session, "one")
    drain()
    drain(later=timedelta(seconds=5))
    assert desk.tickets["t1"] == ["one"]
    assert desk.looked_up == 0


def test_a_worker_that_dies_leaves_its_delivery_to_be_looked_up(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(SystemExit(9), carried_out=True)]  # not an Exception: as if killed
    say(session, "one", "two")
    with pytest.raises(SystemExit):
        drain()
    Lane.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    drain()
    assert desk.tickets["t1"] == ["one", "two"]
    first = Delivery.objects.filter(kind=DeliveryKind.MESSAGE).earliest("id")
    assert [a.outcome for a in first.attempts.all()] == [Outcome.CRASHED, Outcome.FOUND]


def test_a_lane_that_was_left_idle_with_work_is_found(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    say(session, "one")
    Lane.objects.update(due_at=None)
    drain()
    assert desk.tickets["t1"] == []
    assert lanes.repair() == 1
    drain()
    assert desk.tickets["t1"] == ["one"]


def test_a_lease_keeps_other_workers_out_until_it_is_over(
    session: Conversation, desk: Desk
) -> None:
    say(session, "one")
    lane = lanes.due(limit=1)[0]
    assert lanes.claim(lane)
    worker.run_lane(lane)
    assert desk.tickets["t1"] == []
    assert lanes.due(limit=1) == []


def test_a_message_that_kills_its_worker_is_parked_after_three_tries(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    say(session, "poison", "fine")
    for _ in range(3):
        desk.answers = [fails(SystemExit(9))]
        with pytest.raises(SystemExit):
            drain()
        Lane.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    drain()
    assert desk.tickets["t1"] == ["fine"]
    assert event_types(session)[-1] == "messageStatus"


def test_a_refused_message_becomes_a_dead_letter_and_the_bot_is_told(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(Permanent("too large"))]
    bad, _good = say(session, "bad", "good")
    drain()
    bad.refresh_from_db()
    assert bad.status == MessageStatus.FAILED
    assert desk.tickets["t1"] == ["good"]
    told = session.events.get(type="messageStatus")
    assert told.data["messageId"] == bad.id
    assert told.data["detail"] == "too large"


def test_a_ticket_that_is_gone_ends_the_session(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(Gone("deleted"))]
    say(session, "one", "two")
    drain()
    session.refresh_from_db()
    assert (session.status, session.stop_reason) == ("stopped", "failed")
    assert event_types(session)[-1] == "hitlStopped"


def test_a_dead_token_pauses_the_installation_until_it_is_connected_again(
    session: Conversation, desk: Desk, installation: Installation, drain: Drain
) -> None:
    desk.answers = [fails(Reconnect("revoked"))]
    say(session, "one")
    drain()
    drain(later=timedelta(minutes=5))
    installation.refresh_from_db()
    assert installation.status == InstallationStatus.RECONNECT
    assert desk.tickets["t1"] == []
    health.check_passed(installation, Account("acc", "Acme"))
    drain()
    assert desk.tickets["t1"] == ["one"]


def test_a_rate_limit_holds_the_whole_installation(
    session: Conversation, desk: Desk, installation: Installation, drain: Drain
) -> None:
    desk.answers = [fails(RateLimited("slow down", retry_after=30))]
    say(session, "one")
    drain()
    installation.refresh_from_db()
    assert installation.hold_until
    assert installation.hold_until > timezone.now() + timedelta(seconds=25)


def test_a_rate_limit_that_is_over_holds_nobody_back(
    session: Conversation, desk: Desk, installation: Installation, drain: Drain
) -> None:
    other = factories.conversation(installation)
    drain()
    Installation.objects.update(hold_until=timezone.now() - timedelta(seconds=1))
    say(session, "one")
    say(other, "two")
    desk.answers = [fails(Unavailable("busy"))]
    drain()
    # Whoever comes first fails; the other did not have to wait for the outcome.
    assert sorted(desk.tickets["t1"] + desk.tickets["t2"]) in (["one"], ["two"])


def test_five_failures_in_a_row_open_the_breaker_and_one_success_closes_it(
    session: Conversation, desk: Desk, installation: Installation, drain: Drain
) -> None:
    desk.answers = [fails(Unavailable("down")) for _ in range(5)]
    say(session, "one")
    for _ in range(5):
        drain(later=timedelta(hours=1))
    installation.refresh_from_db()
    assert installation.hold_until
    Installation.objects.update(hold_until=timezone.now() - timedelta(seconds=1))
    drain(later=timedelta(hours=1))
    installation.refresh_from_db()
    assert desk.tickets["t1"] == ["one"]
    assert installation.failures == 0


def test_a_ticket_that_can_not_be_opened_fails_the_session_and_tells_the_bot(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(Permanent("no such team"))]
    conversation = factories.conversation(installation)
    say(conversation, "one")
    drain()
    conversation.refresh_from_db()
    assert conversation.status == "failed"
    assert event_types(conversation) == ["messageStatus", "hitlFailed"]
    assert conversation.messages.get().status == MessageStatus.DROPPED


def test_a_session_stopped_by_the_bot_closes_the_ticket_after_its_messages(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    say(session, "bye")
    sessions.stop_hitl(session.bot, session.id, StopReason.USER_ENDED)
    sessions.stop_hitl(session.bot, session.id, StopReason.USER_ENDED)
    drain()
    assert desk.tickets["t1"] == ["bye"]
    assert desk.closed == {"t1"}
    assert event_types(session).count("hitlStopped") == 1


def test_a_session_stopped_before_its_ticket_was_tried_opens_none(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    conversation = factories.conversation(installation)
    sessions.stop_hitl(conversation.bot, conversation.id, StopReason.BOT_STOPPED)
    drain()
    assert desk.tickets == {}
    assert Delivery.objects.get(kind=DeliveryKind.OPEN).state == DeliveryState.DROPPED


def test_what_was_said_to_a_ticket_that_was_never_opened_is_dropped_though_it_ended_before(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(Unavailable("down")), fails(Permanent("no such team"))]
    conversation = factories.conversation(installation)
    say(conversation, "one")
    drain()
    sessions.stop_hitl(conversation.bot, conversation.id, StopReason.USER_ENDED)
    drain(later=timedelta(hours=1))
    assert not Delivery.objects.filter(state=DeliveryState.PENDING).exists()
    assert conversation.messages.get().status == MessageStatus.DROPPED
    assert event_types(conversation) == ["hitlStopped", "messageStatus"]
