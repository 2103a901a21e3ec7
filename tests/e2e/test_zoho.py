"""What only SalesIQ has, through real processes."""

from __future__ import annotations

from tests.e2e.harness import until
from tests.e2e.journeys import next_agent_is_told, started
from tests.e2e.stages import Stage


def test_a_chat_that_nobody_answers_goes_back_to_the_bot(zoho: Stage) -> None:
    _, conversation, ticket = started(zoho, hitlSession={"waitTime": 1})
    until(lambda: "hitlStopped" in zoho.bot.types(conversation), "the end")
    assert zoho.bot.events(conversation)[-1]["data"]["reason"] == "missed"
    assert zoho.account.ticket(ticket)["state"] == "closed"


def test_a_transfer_tells_who_comes_next(zoho: Stage) -> None:
    next_agent_is_told(zoho)


def test_disabling_the_installation_removes_its_webhook(zoho: Stage) -> None:
    zoho.disable()
    until(lambda: not zoho.account.data()["settings"]["zoho"]["webhooks"], "no webhook")
