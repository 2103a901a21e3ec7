"""Rolling restarts and many workers: SIGTERM drains, order is kept, nothing is in doubt."""

from __future__ import annotations

import threading
import time

import psycopg
import requests

from tests.e2e.harness import Bridge, until
from tests.e2e.stages import Stage

MESSAGES = 40  # each way
DOUBTFUL = """
from conversations.models import Attempt
print("doubtful:", Attempt.objects.filter(
    delivery__conversation_id="{id}", outcome__in=["unknown", "crashed"]).count())
"""


def test_a_rolling_restart_amid_many_workers_reorders_loses_and_doubts_nothing(
    intercom: Stage,
) -> None:
    client, account, bridge = intercom.client, intercom.account, intercom.bridge
    user = client.action("createUser", name="Ana")["userId"]
    conversation = client.start(user)
    ticket = account.wait_for_ticket()["id"]
    account.act(ticket, "accept", agent="Rui")
    # Slow enough for a SIGTERM to find something under way.
    account.fault("slow", method="POST", path="/reply", count=MESSAGES, seconds=0.2)
    if bridge.redis_url:
        bridge.start_worker("worker-2")
        bridge.start_worker("worker-3")
        until(lambda: _at_work(bridge), "three workers at work", within=90)

    def customer() -> None:
        for number in range(MESSAGES):
            while not _say(intercom, conversation, f"user {number}", user):
                time.sleep(0.2)

    def agent() -> None:
        for number in range(MESSAGES):
            account.act(ticket, "reply", agent="Rui", text=f"agent {number}")
            time.sleep(0.05)

    speakers = [threading.Thread(target=customer), threading.Thread(target=agent)]
    for speaker in speakers:
        speaker.start()
    time.sleep(2)
    codes = _roll(bridge)
    for speaker in speakers:
        speaker.join()
    try:
        _all_arrived(intercom, conversation, ticket)
    finally:
        for name in [name for name in bridge.processes if name.startswith("worker-")]:
            bridge.end(name)
    assert set(codes.values()) == {0}
    assert "doubtful: 0" in bridge.manage("shell", "-c", DOUBTFUL.format(id=conversation))


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


def _all_arrived(stage: Stage, conversation: str, ticket: str) -> None:
    def arrived() -> list[str]:
        parts = stage.account.ticket(ticket)["parts"]
        return [part["text"] for part in parts if part["author"]["kind"] == "contact"][1:]

    until(lambda: len(arrived()) >= MESSAGES, "all of the user's messages", within=60)
    assert arrived() == [f"user {number}" for number in range(MESSAGES)]
    until(lambda: len(stage.bot.texts(conversation)) >= MESSAGES, "the agent's", within=60)
    assert stage.bot.texts(conversation) == [f"agent {number}" for number in range(MESSAGES)]


def _say(stage: Stage, conversation: str, text: str, user: str) -> bool:
    try:
        return stage.client.say(conversation, text, user, key=text).ok
    except requests.RequestException:
        return False
