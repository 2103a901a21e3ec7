"""The bridge was away while agents wrote, and the help desks gave up telling it; or they were."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e.harness import until
from tests.e2e.journeys import accepted, texts
from tests.e2e.stages import Stage, Stages

NAMES = ("intercom", "hubspot", "livechat", "zoho")
TRIES = 2
WORDS = ["Hello?", "Are you there?", "I'll wait."]


@dataclass
class Talk:
    """A session with an agent at one help desk."""

    name: str
    stage: Stage
    user: str
    conversation: str
    ticket: str

    def agent_writes(self) -> None:
        for text in WORDS:
            self.stage.account.act(self.ticket, "reply", agent="Rui", text=text)

    def desk_gives_up(self) -> None:
        def sent() -> bool:
            return all(hook["state"] != "due" for hook in self.stage.account.webhooks())

        until(sent, f"{self.name} gave up", within=60)
        assert any(hook["state"] == "lost" for hook in self.stage.account.webhooks())

    def bot_hears(self) -> None:
        heard = self.stage.bot.texts
        until(lambda: heard(self.conversation) == WORDS, f"{self.name}'s words", within=60)

    def desk_goes_away(self) -> None:
        for kind in ("reset", "503"):  # the second once the first has struck twice
            self.stage.account.fault(kind, count=2 if kind == "reset" else 1000)

    def user_writes(self) -> None:
        for text in WORDS:
            assert self.stage.client.say(self.conversation, text, self.user).ok

    def desk_was_tried(self) -> None:
        def struck() -> bool:
            return sum(int(rule["hits"]) for rule in self.stage.account.faults()) >= TRIES

        until(struck, f"{self.name} was tried", within=60)
        assert not set(WORDS) & set(texts(self.stage, self.ticket))

    def desk_gets(self) -> None:
        until(lambda: WORDS[-1] in texts(self.stage, self.ticket), f"{self.name}'s", within=90)
        assert [text for text in texts(self.stage, self.ticket) if text in WORDS] == WORDS

    def ends(self) -> None:
        bot, account = self.stage.bot, self.stage.account
        account.act(self.ticket, "close", agent="Rui", text="Bye!")
        until(lambda: "hitlStopped" in bot.types(self.conversation), "the end", within=60)
        assert bot.texts(self.conversation) == [*WORDS, "Bye!"]
        numbers = [event["sequence"] for event in bot.events(self.conversation)]
        assert numbers == list(range(1, len(numbers) + 1))


def _talk(stages: Stages, name: str) -> Talk:
    stage = stages.take(name)
    return Talk(name, stage, *accepted(stage))


def test_what_users_wrote_while_the_help_desk_was_down_arrives_once_and_in_order(
    stages: Stages,
) -> None:
    talks = [_talk(stages, name) for name in NAMES]
    for talk in talks:
        talk.desk_goes_away()
        talk.user_writes()
    for talk in talks:
        talk.desk_was_tried()
        talk.stage.account.heal()
    for talk in talks:
        talk.desk_gets()


def test_what_agents_wrote_while_we_were_down_arrives_once_and_in_order(stages: Stages) -> None:
    talks = [_talk(stages, name) for name in NAMES]
    stages.bridge.stop()
    try:
        for talk in talks:
            talk.agent_writes()
        for talk in talks:
            talk.desk_gives_up()
    finally:
        stages.bridge.start()
    for talk in talks:
        talk.bot_hears()
        talk.ends()
