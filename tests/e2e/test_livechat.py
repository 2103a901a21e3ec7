"""A conversation handed to LiveChat and back, through real processes."""

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


def _goes_there_and_back(stage: Stage) -> None:
    client, bot, account = stage.client, stage.bot, stage.account
    user, conversation, ticket = _started(stage, title="Order", messageHistory=HISTORY)
    transcript = " ".join(_texts(stage, ticket))
    assert "Where is my order?" in transcript
    assert "I can't see it." in transcript
    assert account.ticket(ticket)["customer"] == "Ana"
    assert account.ticket(ticket)["team"]["name"] == "Support"

    account.act(ticket, "bot_reply", text="I am a bot of LiveChat.")
    account.act(ticket, "accept", agent="Rui")
    account.act(ticket, "reply", agent="Rui", text="Let me look.")
    until(lambda: bot.texts(conversation) == ["Let me look."], "the agent's reply")
    assert client.say(conversation, "Thank you", user).status_code == 202
    until(lambda: "Thank you" in _texts(stage, ticket), "the user's message")
    account.act(ticket, "note", agent="Maya", text="A private note.")
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


def test_a_conversation_goes_to_a_human_and_back(livechat: Stage) -> None:
    _goes_there_and_back(livechat)


def test_the_same_with_a_personal_access_token(livechat_by_token: Stage) -> None:
    _goes_there_and_back(livechat_by_token)


def _comes_back(stage: Stage) -> None:
    user, first, ticket = _started(stage)
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


def test_files_travel_both_ways(livechat: Stage) -> None:
    client, bot, account = livechat.client, livechat.bot, livechat.account
    user, conversation, ticket = _started(livechat)
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


def test_stopping_closes_the_ticket(livechat: Stage) -> None:
    _, conversation, ticket = _started(livechat)
    livechat.client.action("stopHitl", conversationId=conversation, reason="userEnded")
    until(lambda: livechat.account.ticket(ticket)["state"] == "closed", "the closed ticket")
    until(lambda: "hitlStopped" in livechat.bot.types(conversation), "the event")
    assert livechat.bot.events(conversation)[-1]["data"]["reason"] == "userEnded"


def test_a_transfer_tells_who_comes_next(livechat: Stage) -> None:
    bot, account = livechat.bot, livechat.account
    _, conversation, ticket = _started(livechat)
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


def test_an_unanswered_call_is_looked_up_and_not_repeated(livechat: Stage) -> None:
    client, account = livechat.client, livechat.account
    user, conversation, ticket = _started(livechat)
    account.fault("timeout_after_accept", path="send_event", count=1, seconds=0)
    assert client.say(conversation, "Only once", user).status_code == 202
    assert client.say(conversation, "And then this", user).status_code == 202
    until(lambda: "And then this" in _texts(livechat, ticket), "the second message", within=60)
    assert _texts(livechat, ticket)[1:] == ["Only once", "And then this"]


def test_refused_tokens_are_renewed_without_loss(livechat: Stage) -> None:
    client, account = livechat.client, livechat.account
    user, conversation, ticket = _started(livechat)
    account.fault("401", path="send_event", count=1)
    account.fault("503", path="send_event", count=1)
    for number in range(3):
        assert client.say(conversation, f"message {number}", user).ok
    until(lambda: "message 2" in _texts(livechat, ticket), "the last message", within=60)
    said = [text for text in _texts(livechat, ticket) if text.startswith("message")]
    assert said == [f"message {number}" for number in range(3)]
    assert len(account.contacts()) == 1


def test_a_message_whose_webhook_was_lost_is_caught_up(livechat: Stage) -> None:
    bot, account = livechat.bot, livechat.account
    _, conversation, ticket = _started(livechat)
    account.act(ticket, "accept", agent="Rui")
    until(lambda: "hitlAssigned" in bot.types(conversation), "the agent's name")
    account.fault("webhook_lost", path="incoming_event", count=1)
    account.act(ticket, "reply", agent="Rui", text="Did you get this?")
    account.act(ticket, "close", agent="Rui")
    until(lambda: "hitlStopped" in bot.types(conversation), "the end", within=90)
    assert bot.texts(conversation) == ["Did you get this?"]


def test_disabling_the_installation_removes_its_webhooks(livechat: Stage) -> None:
    declared = yaml.safe_load((livechat.bridge.folder / "apply.yaml").read_text())
    declared["tenants"][0]["bots"][0]["installations"][0]["enabled"] = False
    livechat.bridge.apply(declared)
    until(lambda: not livechat.account.data()["settings"]["webhooks"], "no webhooks")
