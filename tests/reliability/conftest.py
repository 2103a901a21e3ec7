"""The engine's fixtures, and time that passes while workers work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from conversations.engine import lanes, worker
from conversations.flows import catching_up, delays, timers
from tests.engine.conftest import callbacks, desk, drain, installation, session
from tests.travel import PassTime, stopped_clock

__all__ = ["callbacks", "desk", "drain", "installation", "session"]


@pytest.fixture
def pass_time() -> Iterator[PassTime]:
    with stopped_clock() as shift:
        yield shift


@pytest.fixture
def live(pass_time: PassTime) -> Callable[[timedelta], None]:
    """Let workers work while so much time passes, in steps that grow."""

    def work() -> None:
        catching_up.start_due()
        timers.run_due()
        delays.tell_due()
        for _ in range(50):
            due = lanes.due(limit=100)
            if not due:
                return
            for lane in due:
                worker.run_lane(lane)
        raise AssertionError("the lanes never run dry")

    def live(time: timedelta) -> None:
        passed, step = timedelta(0), timedelta(seconds=1)
        work()
        while passed < time:
            step = min(step * 2, timedelta(minutes=10), time - passed)
            pass_time(step)
            passed += step
            work()

    return live
