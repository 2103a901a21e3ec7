"""kill -9 in the middle of work: nothing lost, nothing doubled, nothing out of order."""

from __future__ import annotations

import time

from tests.e2e.stages import Stage
from tests.e2e.talking import Talk

MESSAGES = 100  # each way


def test_a_kill_in_the_middle_loses_doubles_and_reorders_nothing(intercom: Stage) -> None:
    account, bridge = intercom.account, intercom.bridge
    talk = Talk(intercom, MESSAGES)
    account.fault("timeout_after_accept", method="POST", path="/reply", count=2, seconds=0)
    account.fault("503", method="POST", path="/reply", count=3)
    with talk.going_on(pause=0.03):
        for _ in range(2):
            time.sleep(1.5)
            bridge.kill("worker" if bridge.redis_url else "web")
            time.sleep(0.5)
            bridge.stop()
            bridge.start()
    talk.all_arrived(within=90)
