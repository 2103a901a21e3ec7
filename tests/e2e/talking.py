"""A user and an agent who talk at once, whatever happens to the bridge meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.e2e.harness import until
from tests.e2e.stages import Stage


class Talk:
    """A session that an agent has taken, and so many messages each way."""

    def __init__(self, stage: Stage, messages: int) -> None:
        self.stage, self.messages = stage, messages
        self.user = stage.client.action("createUser", name="Ana")["userId"]
        self.conversation = stage.client.start(self.user)
        self.ticket = stage.account.wait_for_ticket()["id"]
        stage.account.act(self.ticket, "accept", agent="Rui")

    @contextmanager
    def going_on(self, pause: float) -> Iterator[None]:
        """Both talk from here on; at its end both have said everything. `pause`: the agent's."""
        speakers = [
            threading.Thread(target=self._user_talks),
            threading.Thread(target=self._agent_talks, args=[pause]),
        ]
        for speaker in speakers:
            speaker.start()
        yield
        for speaker in speakers:
            speaker.join()

    def all_arrived(self, within: float) -> None:
        """Everything is at the other side soon: once, in order."""
        until(lambda: len(self._at_desk()) >= self.messages, "the user's messages", within=within)
        assert self._at_desk() == [f"user {number}" for number in range(self.messages)]
        told = self.stage.bot.texts
        until(lambda: len(told(self.conversation)) >= self.messages, "the agent's", within=within)
        assert told(self.conversation) == [f"agent {number}" for number in range(self.messages)]

    def _user_talks(self) -> None:
        for number in range(self.messages):
            while not self._said(f"user {number}"):
                time.sleep(0.2)

    def _agent_talks(self, pause: float) -> None:
        for number in range(self.messages):
            self.stage.account.act(self.ticket, "reply", agent="Rui", text=f"agent {number}")
            time.sleep(pause)

    def _said(self, text: str) -> bool:
        try:
            return self.stage.client.say(self.conversation, text, self.user, key=text).ok
        except requests.RequestException:
            return False

    def _at_desk(self) -> list[str]:
        parts = self.stage.account.ticket(self.ticket)["parts"]
        return [part["text"] for part in parts if part["author"]["kind"] == "contact"][1:]
