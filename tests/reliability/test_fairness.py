"""Nobody waits for somebody else's trouble: places, turns, breakers, suspects."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.engine import crowd as crowds
from conversations.engine import lanes, worker
from conversations.engine.crowd import Crowd
from conversations.models import Conversation, Delivery, DeliveryKind, DeliveryState, Lane
from hitl_bridge import health
from hitl_bridge.models import Installation
from providers.errors import Unavailable
from tests import factories
from tests.engine.test_delivering import say
from tests.fake_desk import Desk, fails
from tests.travel import PassTime

pytestmark = pytest.mark.usefixtures("pass_time")  # from the first row on
Drain = Callable[..., None]


def enter(crowd: Crowd, places: ExitStack, side: str, *, troubled: bool = False) -> bool:
    return places.enter_context(crowd.place(side, troubled=troubled))


def test_a_side_begins_with_a_few_places_and_earns_more_by_answering_quickly() -> None:
    crowd = Crowd(threads=16)
    with ExitStack() as places:
        assert [enter(crowd, places, "new") for _ in range(5)] == [True] * 4 + [False]
    for _ in range(20):
        with crowd.place("new", troubled=False):
            pass
    with ExitStack() as places:
        assert sum(enter(crowd, places, "new") for _ in range(16)) == 12


def test_a_side_that_lets_us_wait_is_back_to_a_few_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowd = Crowd(threads=16)
    for _ in range(20):
        with crowd.place("slow", troubled=False):
            pass
    with monkeypatch.context() as patch, crowd.place("slow", troubled=False):
        patch.setattr(crowds, "QUICK", 0.0)
        with crowd.place("slow", troubled=False):
            pass
    with ExitStack() as places:
        assert sum(enter(crowd, places, "slow") for _ in range(16)) < 12


def test_all_who_have_just_failed_share_half_of_the_threads() -> None:
    crowd = Crowd(threads=16)
    with ExitStack() as places:
        taken = [enter(crowd, places, f"black-hole-{n}", troubled=True) for n in range(20)]
        assert sum(taken) == 8
        assert enter(crowd, places, "well")


def test_a_thousand_waiting_lanes_of_one_side_do_not_come_ahead_of_the_others(
    installation: Installation,
) -> None:
    for _ in range(12):
        factories.conversation(installation)
    Lane.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(hours=1))
    quiet = factories.conversation(factories.installation(provider="fake"))
    assert f"{quiet.id}:provider" in lanes.due(limit=2)


def test_what_a_dead_worker_was_at_comes_ahead_of_all_that_waits(
    installation: Installation,
) -> None:
    now = timezone.now()
    waiting = [factories.conversation(installation) for _ in range(12)]
    Lane.objects.filter(due_at__isnull=False).update(due_at=now - timedelta(hours=1))
    cut_off = f"{waiting[7].id}:provider"
    Lane.objects.filter(pk=cut_off).update(
        due_at=now - timedelta(seconds=30), lease_until=now - timedelta(seconds=1)
    )
    assert lanes.due(limit=1) == [cut_off]


def test_one_failure_among_many_at_once_is_counted_once_each(installation: Installation) -> None:
    seen = [Installation.objects.get() for _ in range(health.OPENS_AFTER - 1)]
    assert {health.failed(each, Unavailable("down")) for each in seen} == {None}
    installation.refresh_from_db()
    assert (installation.failures, installation.hold_until) == (health.OPENS_AFTER - 1, None)


def test_many_failures_at_once_open_the_breaker_for_its_first_hold_only(
    installation: Installation,
) -> None:
    seen = [Installation.objects.get() for _ in range(40)]
    for each in seen:
        health.failed(each, Unavailable("down"))
    installation.refresh_from_db()
    assert installation.failures == health.OPENS_AFTER
    assert installation.hold_until
    assert installation.hold_until <= timezone.now() + health.FIRST_HOLD
    assert installation.hold_reason == "down"


def test_one_alone_probes_and_who_failed_last_does_so_after_the_others(
    installation: Installation,
) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Installation.objects.update(failures=health.OPENS_AFTER, hold_until=past)
    seen = [Installation.objects.get() for _ in range(5)]
    assert [health.probe(each) for each in seen].count(None) == 1
    prober = next(each for each in seen if each.hold_until is None)
    again = health.failed(prober, Unavailable("still down"))
    other = Installation.objects.get()
    latest = max(health.hold_until(other) or past for _ in range(100))
    assert again
    assert again >= latest


def test_a_message_that_alone_fails_does_not_keep_the_breaker_open_for_the_others(
    pass_time: PassTime,
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
) -> None:
    other = factories.conversation(installation)
    drain()
    say(session, "always 500")
    for _ in range(health.OPENS_AFTER):
        desk.answers = [fails(Unavailable("500"))]
        drain(later=timedelta(hours=1))
    say(other, "fine")
    for _ in range(2):
        pass_time(timedelta(seconds=20))  # the first hold is over, the failed one's turn is not
        drain()
    assert desk.tickets["t2"] == ["fine"]


def test_who_may_have_killed_a_worker_is_tried_one_at_a_time(
    pass_time: PassTime,
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
) -> None:
    other = factories.conversation(installation)
    drain()
    say(session, "killer")
    say(other, "bystander")
    # Both were being carried out when their worker died, for the second time.
    Delivery.objects.filter(kind=DeliveryKind.MESSAGE).update(
        state=DeliveryState.SENDING, attempt_count=2, crash_count=1, started_at=timezone.now()
    )
    killer, bystander = Delivery.objects.filter(kind=DeliveryKind.MESSAGE).order_by("id")
    attempts: list[int] = []

    def meanwhile() -> None:
        worker.run_lane(bystander.lane_id)
        bystander.refresh_from_db()
        attempts.append(bystander.attempt_count)
        raise SystemExit(9)

    meanwhile.before = True  # type: ignore[attr-defined]
    desk.answers = [meanwhile]
    with pytest.raises(SystemExit):
        worker.run_lane(killer.lane_id)
    assert attempts == [2]
    pass_time(timedelta(seconds=5))
    worker.run_lane(bystander.lane_id)
    bystander.refresh_from_db()
    assert (bystander.state, bystander.crash_count) == (DeliveryState.DONE, 2)
