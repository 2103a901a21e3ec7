"""Rolling restarts and many workers: SIGTERM drains, order is kept, nothing is in doubt."""

from __future__ import annotations

import time

import psycopg

from tests.e2e.harness import Bridge, until
from tests.e2e.stages import Stage
from tests.e2e.talking import Talk

MESSAGES = 40  # each way
DOUBTFUL = """
from conversations.models import Attempt
print("doubtful:", Attempt.objects.filter(
    delivery__conversation_id="{id}", outcome__in=["unknown", "crashed"]).count())
"""


def test_a_rolling_restart_amid_many_workers_reorders_loses_and_doubts_nothing(
    intercom: Stage,
) -> None:
    bridge = intercom.bridge
    talk = Talk(intercom, MESSAGES)
    # Slow enough for a SIGTERM to find something under way.
    intercom.account.fault("slow", method="POST", path="/reply", count=MESSAGES, seconds=0.2)
    if bridge.redis_url:
        bridge.start_worker("worker-2")
        bridge.start_worker("worker-3")
        until(lambda: _at_work(bridge), "three workers at work", within=90)
    with talk.going_on(pause=0.05):
        time.sleep(2)
        codes = _roll(bridge)
    try:
        talk.all_arrived(within=60)
    finally:
        for name in [name for name in bridge.processes if name.startswith("worker-")]:
            bridge.end(name)
    assert set(codes.values()) == {0}
    assert "doubtful: 0" in bridge.manage("shell", "-c", DOUBTFUL.format(id=talk.conversation))


def _at_work(bridge: Bridge) -> bool:
    """Whether every worker process has shown itself: before that, SIGTERM just kills it."""
    with psycopg.connect(bridge.database_url) as database:
        rows = database.execute("SELECT name FROM conversations_workerheartbeat").fetchall()
    seen = {str(name).rpartition(":")[2] for (name,) in rows}
    workers = [one.pid for name, one in bridge.processes.items() if name.startswith("worker")]
    return seen >= set(map(str, workers))


def _roll(bridge: Bridge) -> dict[str, int]:
    """End each process and start it again; the exit codes by name."""
    codes = {}
    if bridge.redis_url:
        # Two of the three: what they hand back the third one takes.
        for name in ("worker", "worker-2"):
            codes[name] = bridge.end(name)
        bridge.start_worker("worker")
        until(lambda: _at_work(bridge), "the new worker at work", within=90)
    codes["web"] = bridge.end("web")
    for name in [name for name in bridge.processes if name == "worker"]:
        codes["again"] = bridge.end(name)
    bridge.start()
    return codes
