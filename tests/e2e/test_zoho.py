"""A conversation handed to SalesIQ and back, through real processes."""

from __future__ import annotations

from typing import Any

import requests
import yaml

from sandbox.control import file
from tests.e2e.conftest import Stage
from tests.e2e.harness import until

HISTORY = [
    {"source": {"type": "user"}, "type": "text", "payload": {"text": "Where is my order?"}},
    {"source": {"type": "bot"}, "type": "text", "payload": {"text": "I can't see it."}},
]
PNG = bytes.fromhex("89504e470d0a1a0a") + b"not really a picture"


def _texts(stage: Stage, ticket: str) -> list[str]:
    return [part["text"] for part in stage.account.ticket(ticket)["parts"]]


def _started(stage: Stage, **body: Any) -> tuple[str, str, str]:
    """The user, the conversation and the ticket of a fresh handoff."""
    user = stage.client.action("createUser", name="Ana", externalId="ana-1")["userId"]
    conversation = stage.client.start(user, **body)
    return user, conversation, stage.account.wait_for_ticket()["id"]


def test_a_conversation_goes_to_a_human_and_back(zoho: Stage) -> None:
    client, bot, account = zoho.client, zoho.bot, zoho.account
    user, conversation, ticket = _started(zoho, title="Order", messageHistory=HISTORY)
    transcript = " ".join(_texts(zoho, ticket))
    assert "Where is my order?" in transcript
    assert "I can't see it." in transcript

    account.act(ticket, "bot_reply", text="I am Zobot.")
    account.act(ticket, "accept", agent="Rui")
    until(lambda: "hitlAssigned" in bot.types(conversation), "the agent's name")
    account.act(ticket, "reply", agent="Rui", text="Let me look.")
    until(lambda: bot.texts(conversation) == ["Let me look."], "the agent's reply")
    assert client.say(conversation, "Thank you", user).status_code == 202
    until(lambda: "Thank you" in _texts(zoho, ticket), "the user's message")
    account.act(ticket, "note", agent="Rui", text="A private note.")
    account.act(ticket, "close", agent="Rui", text="It is on its way. Bye!")
    until(lambda: "hitlStopped" in bot.types(conversation), "the end")

    assert bot.types(conversation) == [
        "hitlQueued",
        "hitlAssigned",
        "messageCreated",
        "messageCreated",
        "hitlStopped",
    ]
    assert bot.texts(conversation) == ["Let me look.", "It is on its way. Bye!"]
    assert bot.bad == []
    events = bot.events(conversation)
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5]
    assert events[1]["data"]["agent"]["name"] == "Rui Costa"
    assert events[1]["data"]["agent"]["email"] == "rui@acme.test"
    assert events[-1]["data"]["reason"] == "agentClosed"
    assert client.say(conversation, "Too late", user).status_code == 409


def test_files_travel_both_ways(zoho: Stage) -> None:
    client, bot, account = zoho.client, zoho.bot, zoho.account
    user, conversation, ticket = _started(zoho)
    account.act(ticket, "accept", agent="Rui")
    account.act(ticket, "reply", agent="Rui", files=[file("invoice.png", PNG)])

    def media() -> list[str]:
        payloads = [event["data"].get("payload") or {} for event in bot.events(conversation)]
        return [found["imageUrl"] for found in payloads if "imageUrl" in found]

    (url,) = until(media, "the agent's picture")
    assert requests.get(url, timeout=10).content == PNG

    body = {"type": "image", "payload": {"imageUrl": url, "title": "mine.png"}, "userId": user}
    answer = client.call("POST", f"/conversations/{conversation}/messages", body)
    assert answer.status_code == 202, answer.text
    sent = until(
        lambda: [
            attached
            for part in account.ticket(ticket)["parts"]
            if part["author"]["kind"] == "contact"
            for attached in part["attachments"]
        ],
        "the user's picture",
    )
    assert requests.get(sent[0]["url"], timeout=10).content == PNG


def test_stopping_closes_the_ticket(zoho: Stage) -> None:
    _, conversation, ticket = _started(zoho)
    zoho.client.action("stopHitl", conversationId=conversation, reason="userEnded")
    until(lambda: zoho.account.ticket(ticket)["state"] == "closed", "the closed ticket")
    until(lambda: "hitlStopped" in zoho.bot.types(conversation), "the event")
    assert zoho.bot.events(conversation)[-1]["data"]["reason"] == "userEnded"


def test_a_chat_that_nobody_answers_goes_back_to_the_bot(zoho: Stage) -> None:
    _, conversation, ticket = _started(zoho, hitlSession={"waitTime": 1})
    until(lambda: "hitlStopped" in zoho.bot.types(conversation), "the end")
    assert zoho.bot.events(conversation)[-1]["data"]["reason"] == "missed"
    assert zoho.account.ticket(ticket)["state"] == "closed"


def test_a_transfer_tells_who_comes_next(zoho: Stage) -> None:
    bot, account = zoho.bot, zoho.account
    _, conversation, ticket = _started(zoho)
    account.act(ticket, "accept", agent="Rui")
    account.act(ticket, "assign_team", agent="Rui", to="Billing")
    until(lambda: "hitlTransferred" in bot.types(conversation), "the transfer")
    account.act(ticket, "accept", agent="Maya")
    names = until(
        lambda: [
            event["data"]["agent"]["name"]
            for event in bot.events(conversation)
            if event["type"] == "hitlAssigned"
        ][1:],
        "the next agent",
    )
    assert names == ["Maya Lindqvist"]


def test_a_message_whose_webhook_was_lost_is_caught_up(zoho: Stage) -> None:
    bot, account = zoho.bot, zoho.account
    _, conversation, ticket = _started(zoho)
    account.act(ticket, "accept", agent="Rui")
    account.fault("webhook_lost", path="operator.replied", count=1)
    account.act(ticket, "reply", agent="Rui", text="Did you get this?")
    account.act(ticket, "close", agent="Rui")
    until(lambda: "hitlStopped" in bot.types(conversation), "the end", within=90)
    assert bot.texts(conversation) == ["Did you get this?"]


def test_nothing_is_doubled_whose_answer_was_lost(zoho: Stage) -> None:
    client, account = zoho.client, zoho.account
    account.fault(
        "timeout_after_accept", path="/visitor/v1/[^/]+/conversations$", count=1, seconds=0
    )
    user, conversation, ticket = _started(zoho)
    account.fault("timeout_after_accept", method="POST", path="/messages$", count=1, seconds=0)
    account.fault("503", method="POST", path="/messages$", count=1)
    for number in range(4):
        assert client.say(conversation, f"message {number}", user).ok
    until(lambda: "message 3" in _texts(zoho, ticket), "the last message", within=60)
    said = [text for text in _texts(zoho, ticket) if text.startswith("message")]
    assert said == [f"message {number}" for number in range(4)]
    assert len(account.tickets()) == 1


def test_a_dead_token_is_renewed_without_loss(zoho: Stage) -> None:
    account = zoho.account
    user, conversation, ticket = _started(zoho)
    account.fault("401", method="POST", path="/messages$", count=1)
    assert zoho.client.say(conversation, "Still here", user).ok
    until(lambda: "Still here" in _texts(zoho, ticket), "the user's message")


def test_disabling_the_installation_removes_its_webhook(zoho: Stage) -> None:
    declared = yaml.safe_load((zoho.bridge.folder / "apply.yaml").read_text())
    declared["tenants"][0]["bots"][0]["installations"][0]["enabled"] = False
    zoho.bridge.apply(declared)
    until(lambda: not zoho.account.data()["settings"]["zoho"]["webhooks"], "no webhook")
