"""kill -9 in the middle of work: nothing lost, nothing doubled, nothing out of order."""

from __future__ import annotations

import threading
import time

import requests

from tests.e2e.harness import until
from tests.e2e.stages import Stage

MESSAGES = 100  # each way


def test_a_kill_in_the_middle_loses_doubles_and_reorders_nothing(intercom: Stage) -> None:
    client, bot, account, bridge = (
        intercom.client,
        intercom.bot,
        intercom.account,
        intercom.bridge,
    )
    user = client.action("createUser", name="Ana")["userId"]
    conversation = client.start(user)
    ticket = account.wait_for_ticket()["id"]
    account.act(ticket, "accept", agent="Rui")
    account.fault("timeout_after_accept", method="POST", path="/reply", count=2, seconds=0)
    account.fault("503", method="POST", path="/reply", count=3)

    def customer() -> None:
        for number in range(MESSAGES):
            while not _say(intercom, conversation, f"user {number}", user):
                time.sleep(0.2)

    def agent() -> None:
        for number in range(MESSAGES):
            account.act(ticket, "reply", agent="Rui", text=f"agent {number}")
            time.sleep(0.03)

    speakers = [threading.Thread(target=customer), threading.Thread(target=agent)]
    for speaker in speakers:
        speaker.start()
    for _ in range(2):
        time.sleep(1.5)
        bridge.kill("worker" if bridge.redis_url else "web")
        time.sleep(0.5)
        bridge.stop()
        bridge.start()
    for speaker in speakers:
        speaker.join()

    wanted = [f"user {number}" for number in range(MESSAGES)]

    def arrived() -> list[str]:
        parts = account.ticket(ticket)["parts"]
        return [part["text"] for part in parts if part["author"]["kind"] == "contact"][1:]

    until(lambda: len(arrived()) >= MESSAGES, "all of the user's messages", within=90)
    assert arrived() == wanted
    told = [f"agent {number}" for number in range(MESSAGES)]
    until(lambda: len(bot.texts(conversation)) >= MESSAGES, "all of the agent's", within=90)
    assert bot.texts(conversation) == told


def _say(stage: Stage, conversation: str, text: str, user: str) -> bool:
    try:
        return stage.client.say(conversation, text, user, key=text).ok
    except requests.RequestException:
        return False
