"""What only LiveChat has, through real processes."""

from __future__ import annotations

from tests.e2e.harness import until
from tests.e2e.journeys import next_agent_is_told, started
from tests.e2e.stages import Stage


def _comes_back(stage: Stage) -> None:
    user, first, ticket = started(stage)
    stage.account.act(ticket, "close", agent="Rui")
    until(lambda: "hitlStopped" in stage.bot.types(first), "the first end")
    second = stage.client.start(user, title="One more thing")
    (chat,) = stage.account.tickets()
    assert (chat["id"], chat["state"]) == (ticket, "open")
    stage.account.act(ticket, "reply", agent="Maya", text="Welcome back")
    until(lambda: stage.bot.texts(second) == ["Welcome back"], "the second session's words")
    assert stage.bot.texts(first) == []
    assert len(stage.account.contacts()) == 1


def test_a_user_who_comes_back_is_the_same_customer(livechat: Stage) -> None:
    _comes_back(livechat)


def test_a_user_who_comes_back_is_known_by_their_cookies(livechat_by_token: Stage) -> None:
    _comes_back(livechat_by_token)


def test_a_transfer_tells_who_comes_next(livechat: Stage) -> None:
    next_agent_is_told(livechat)


def test_disabling_the_installation_removes_its_webhooks(livechat: Stage) -> None:
    livechat.disable()
    until(lambda: not livechat.account.data()["settings"]["webhooks"], "no webhooks")
