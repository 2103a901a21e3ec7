"""The checker of bench.chaos finds what is planted, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from bench.chaos import check, plan
from bench.chaos.check import Direction
from bench.chaos.evidence import LEASE_SECONDS, Resumed, resumptions
from bench.chaos.supervisor import Killed
from bench.chaos.watch import marks
from conversations.engine.lanes import LEASE


def judged(*observed: int, acknowledged: int = 4, doubtful: tuple[int, ...] = ()) -> check.Verdict:
    """The verdict over four messages that were said and arrived like this."""
    taken = range(1, acknowledged + 1)
    return check.judge(Direction("zoho", "u", 4, taken, observed, doubtful), "talk")


def test_it_finds_nothing_where_nothing_is_wrong() -> None:
    verdict = judged(1, 2, 3, 4)
    assert verdict.clean
    assert (verdict.attempted, verdict.acknowledged, verdict.observed) == (4, 4, 4)
    assert verdict.faults == []


def test_it_finds_a_lost_message() -> None:
    verdict = judged(1, 3, 4)
    assert (verdict.lost, verdict.faults) == (1, ["talk: message 2 lost"])
    assert not verdict.clean


def test_a_message_that_was_not_acknowledged_may_be_missing_or_there() -> None:
    assert judged(1, 2, 3, acknowledged=3).clean
    assert judged(1, 2, 3, 4, acknowledged=3).clean
    # Botpress repeats nothing: what it was not answered may be missing in the middle.
    hole = Direction("zoho", "u", 3, [1, 3], [1, 3])
    assert check.judge(hole, "talk").clean


def test_it_finds_a_message_that_was_overtaken() -> None:
    verdict = judged(1, 3, 2, 4)
    assert (verdict.unordered, verdict.faults) == (1, ["talk: message 2 unordered"])


def test_it_finds_a_doubled_message_once_however_often_it_came() -> None:
    verdict = judged(1, 2, 2, 3, 2, 4)
    assert (verdict.doubled, verdict.unordered) == (1, 0)


def test_a_doubled_message_is_excused_only_where_the_bridge_shows_it() -> None:
    shown = judged(1, 2, 2, 3, 4, doubtful=(2,))
    assert shown.clean
    assert shown.doubtful == 1
    assert judged(1, 2, 2, 3, 3, 4, doubtful=(2,)).doubled == 1


def test_it_finds_a_message_that_nobody_said() -> None:
    assert judged(1, 2, 3, 4, 5).strange == 1


def test_it_finds_gaps_in_the_sequence_of_events() -> None:
    assert check.gaps([1, 2, 3]) == []
    assert check.gaps([1, 3, 2, 5]) == ["2 came late", "4 is missing"]


def test_it_adds_up_by_provider_and_direction() -> None:
    good, bad = (Direction("zoho", "u", 2, [1, 2], seen) for seen in ([1, 2], [2]))
    found = check.by_provider([("one", good), ("two", bad)])
    assert found["zoho", "u"].attempted == 4
    assert found["zoho", "u"].faults == ["two: message 1 lost"]


def test_work_is_resumed_from_the_kill_that_cut_it_off() -> None:
    killed = [Killed(5.0, "redis"), Killed(10.0, "worker-1"), Killed(60.0, "worker-2")]
    found = resumptions([(9.0, 31.0), (70.0, 80.0)], killed, "worker")
    assert found == [Resumed(21.0, 21.0, "worker-1")]


def test_work_whose_new_worker_is_killed_too_counts_from_each_kill() -> None:
    killed = [Killed(10.0, "worker-1"), Killed(32.0, "worker-2"), Killed(40.0, "worker-1")]
    found = resumptions([(9.0, 55.0)], killed, "worker")
    assert found == [Resumed(23.0, 45.0, "worker-2")]
    assert timedelta(seconds=LEASE_SECONDS) == LEASE


def test_equal_seeds_make_equal_plans() -> None:
    options = plan.Options("chaos", 7, 1001, 20, 5, 12, 0.1, 60)
    made = plan.make(options)
    assert made == plan.make(options)
    assert sum(talk.by_user + talk.by_agent for talk in made.talks) == 1001
    assert {kill.target for kill in made.kills} == set(plan.MIXTURE)
    assert [kill.at for kill in made.kills] == sorted(kill.at for kill in made.kills)


def test_a_message_is_known_again_in_any_text() -> None:
    talk = plan.Talk(3, 0, 5, 5)
    text = f"<p>{talk.text('a', 2)}</p> and {talk.text('u', 1)}"
    assert list(marks(text)) == [(3, "a", 2), (3, "u", 1)]
