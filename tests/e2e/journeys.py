"""What every help desk must carry a conversation through, and in what the desks differ.

Each journey takes a fresh `Stage` and asserts; a desk's own cases stand in its own file.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import requests

from sandbox.control import file
from tests.e2e.harness import until
from tests.e2e.stages import Stage

HISTORY = [
    {"source": {"type": "user"}, "type": "text", "payload": {"text": "Where is my order?"}},
    {"source": {"type": "bot"}, "type": "text", "payload": {"text": "I can't see it."}},
]
PNG = bytes.fromhex("89504e470d0a1a0a") + b"not really a picture"
EMAIL = "ana@example.com"
LATE_NOTE = (
    "This session had ended already: the customer is back with the chatbot and may not see what "
    "is written here."
)


@dataclass(frozen=True)
class Traits:
    """How a desk and its sandbox differ from the others, as far as the journeys notice."""

    reply_webhook: str  # the webhook of an agent's message: a pattern for faults
    send_path: str  # the call that says something in the user's name: a pattern for faults
    open_path: str = ""  # the call that opens a ticket, where the desk is looked up after it
    has_bot: bool = True  # a bot of the desk's own, whose words are not an agent's
    waits_for_agent: bool = False  # its webhooks may overtake each other
    renews: bool = True  # it gives short-lived tokens
    hints: bool = False  # another webhook tells of the message whose own was lost
    team: str = ""  # what the ticket is routed to
    notes: bool = True  # agents can be told something when the ticket is closed
    # Its agents can write on a closed ticket only once they have opened it again.
    reopens_by_hand: bool = False


def texts(stage: Stage, ticket: str) -> list[str]:
    """What stands in the ticket, oldest first."""
    return [part["text"] for part in stage.account.ticket(ticket)["parts"]]


def started(stage: Stage, **body: Any) -> tuple[str, str, str]:
    """The user, the conversation and the ticket of a fresh handoff."""
    user = stage.client.action("createUser", name="Ana", externalId="ana-1", email=EMAIL)["userId"]
    conversation = stage.client.start(user, **body)
    return user, conversation, stage.account.wait_for_ticket()["id"]


def accepted(stage: Stage, **body: Any) -> tuple[str, str, str]:
    """The same, and an agent has joined, which the bot knows."""
    user, conversation, ticket = started(stage, **body)
    stage.account.act(ticket, "accept", agent="Rui")
    until(lambda: "hitlAssigned" in stage.bot.types(conversation), "the agent's name")
    return user, conversation, ticket


def there_and_back(stage: Stage, traits: Traits) -> None:
    """Transcript, agent, words both ways, a private note, last words."""
    client, bot, account = stage.client, stage.bot, stage.account
    user, conversation, ticket = started(
        stage, title="Order", messageHistory=HISTORY, botConversationId="chat-1"
    )
    transcript = " ".join(texts(stage, ticket))
    assert "Where is my order?" in transcript
    assert "I can't see it." in transcript
    opened = account.ticket(ticket)
    assert (opened["customer"], opened["email"]) == ("Ana", EMAIL)
    if traits.team:
        assert opened["team"]["name"] == traits.team

    if traits.has_bot:
        account.act(ticket, "bot_reply", text="I am a bot of the desk.")
    account.act(ticket, "accept", agent="Rui")
    if traits.waits_for_agent:
        until(lambda: "hitlAssigned" in bot.types(conversation), "the agent's name")
    account.act(ticket, "reply", agent="Rui", text="Let me look.")
    until(lambda: bot.texts(conversation) == ["Let me look."], "the agent's reply")
    assert client.say(conversation, "Thank you", user).status_code == 202
    until(lambda: "Thank you" in texts(stage, ticket), "the user's message")
    account.act(ticket, "note", agent="Maya", text="A private note.")
    account.act(ticket, "close", agent="Rui", text="It is on its way. Bye!")
    until(lambda: "hitlStopped" in bot.types(conversation), "the end")
    _was_told_all(stage, conversation)
    assert client.say(conversation, "Too late", user).status_code == 409


def _was_told_all(stage: Stage, conversation: str) -> None:
    bot = stage.bot
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


def files_both_ways(stage: Stage) -> None:
    """The agent's picture at the bot; it and one from elsewhere, from the user, at the desk."""
    client, account = stage.client, stage.account
    user, conversation, ticket = accepted(stage)
    account.act(ticket, "reply", agent="Rui", files=[file("invoice.png", PNG)])
    (url,) = until(lambda: _pictures(stage, conversation), "the agent's picture")
    assert requests.get(url, timeout=10).content == PNG

    elsewhere = f"{account.control.base_url}/static/sandbox/icon.svg"
    for picture, name in ((url, "mine.png"), (elsewhere, "logo.svg")):
        body = {
            "type": "image",
            "payload": {"imageUrl": picture, "title": name},
            "userId": user,
        }
        answer = client.call("POST", f"/conversations/{conversation}/messages", body)
        assert answer.status_code == 202, answer.text

    until(lambda: len(_attached(stage, ticket)) >= 2, "the user's pictures")
    stored = [requests.get(one, timeout=10).content for one in _attached(stage, ticket)]
    assert stored == [PNG, requests.get(elsewhere, timeout=10).content]


def _pictures(stage: Stage, conversation: str) -> list[str]:
    payloads = [event["data"].get("payload") or {} for event in stage.bot.events(conversation)]
    return [found["imageUrl"] for found in payloads if "imageUrl" in found]


def _attached(stage: Stage, ticket: str) -> list[str]:
    return [
        attached["url"]
        for part in stage.account.ticket(ticket)["parts"]
        if part["author"]["kind"] == "contact"
        for attached in part["attachments"]
    ]


def ended_by_command(stage: Stage, traits: Traits) -> None:
    """The user types /end; the agent writes too late and is told; the same chat comes again."""
    client, bot, account = stage.client, stage.bot, stage.account
    user, conversation, ticket = accepted(stage, botConversationId="chat-1")
    assert client.say(conversation, " /END ", user).json()["status"] == "dropped"
    until(lambda: account.ticket(ticket)["state"] == "closed", "the closed ticket")
    until(lambda: "hitlStopped" in bot.types(conversation), "the end")
    assert bot.events(conversation)[-1]["data"]["reason"] == "userEnded"
    assert "/END" not in " ".join(texts(stage, ticket))

    time.sleep(1.1)  # some desks count in whole seconds
    account.act(ticket, "reply", agent="Rui", text="Are you there?")
    until(lambda: bot.texts(conversation) == ["Are you there?"], "the late words")
    assert bot.events(conversation)[-1]["data"]["late"] is True
    if traits.notes:
        until(lambda: LATE_NOTE in texts(stage, ticket), "the note to the agent")
    second = client.start(user, botConversationId="chat-1")
    assert second != conversation


def taken_up_again(stage: Stage, traits: Traits) -> None:
    """The agent goes on after the end: the bot has a new session, which ends like any other."""
    client, bot, account = stage.client, stage.bot, stage.account
    body = {"botConversationId": "chat-1", "options": {"reopen": "newSession"}}
    user, before, ticket = accepted(stage, **body)
    client.action("stopHitl", conversationId=before)
    until(lambda: account.ticket(ticket)["state"] == "closed", "the closed ticket")
    until(lambda: "hitlStopped" in bot.types(before), "the end")
    time.sleep(1.1)  # some desks count in whole seconds
    if traits.reopens_by_hand:
        account.act(ticket, "reopen", agent="Rui")
    account.act(ticket, "reply", agent="Rui", text="One more thing.")

    def following() -> str:
        calls = [call["data"] for call in list(bot.calls)]
        return next((c["conversationId"] for c in calls if c.get("reopenedFrom") == before), "")

    after = until(following, "the new session")
    until(lambda: bot.texts(after) == ["One more thing."], "the agent's words")
    assert next(one for one in bot.types(after) if one != "hitlQueued") == "hitlAssigned"
    assert bot.types(before)[-1] == "hitlStopped"
    assert client.say(after, "Go ahead", user).status_code == 202
    until(lambda: "Go ahead" in texts(stage, ticket), "the user's answer")
    account.act(ticket, "close", agent="Rui")
    until(lambda: "hitlStopped" in bot.types(after), "the second end")
    assert bot.texts(after) == ["One more thing."]


def stop_closes(stage: Stage) -> None:
    """stopHitl closes the ticket, and the bot is told why the session ended."""
    _, conversation, ticket = started(stage)
    stage.client.action("stopHitl", conversationId=conversation, reason="userEnded")
    until(lambda: stage.account.ticket(ticket)["state"] == "closed", "the closed ticket")
    until(lambda: "hitlStopped" in stage.bot.types(conversation), "the event")
    assert stage.bot.events(conversation)[-1]["data"]["reason"] == "userEnded"


def next_agent_is_told(stage: Stage) -> None:
    """A transfer to a team, then who of it takes over. Only where a desk tells both."""
    bot, account = stage.bot, stage.account
    _, conversation, ticket = started(stage)
    account.act(ticket, "accept", agent="Rui")
    account.act(ticket, "assign_team", agent="Rui", to="Billing")
    until(lambda: "hitlTransferred" in bot.types(conversation), "the transfer")
    account.act(ticket, "accept", agent="Maya")

    def agents() -> list[str]:
        events = bot.events(conversation)
        return [
            event["data"]["agent"]["name"] for event in events if event["type"] == "hitlAssigned"
        ]

    assert until(lambda: agents()[1:], "the next agent") == ["Maya Lindqvist"]


def lost_webhook(stage: Stage, traits: Traits) -> None:
    """A message whose webhook was lost reaches the bot once, ahead of what was told after it."""
    bot, account = stage.bot, stage.account
    _, conversation, ticket = accepted(stage)
    account.fault("webhook_lost", path=traits.reply_webhook, count=1)
    account.act(ticket, "reply", agent="Rui", text="Did you get this?")
    if traits.hints:
        until(lambda: bot.texts(conversation) == ["Did you get this?"], "the message")
    account.act(ticket, "close", agent="Rui")
    until(lambda: "hitlStopped" in bot.types(conversation), "the end", within=90)
    assert _struck(stage) == [1]
    assert bot.texts(conversation) == ["Did you get this?"]
    assert bot.types(conversation)[-1] == "hitlStopped"


def refused_and_unanswered(stage: Stage, traits: Traits) -> None:
    """What was carried out but not answered is looked up, what was refused is said again."""
    client, account = stage.client, stage.account
    if traits.open_path:
        account.fault("timeout_after_accept", path=traits.open_path, count=1, seconds=0)
    user, conversation, ticket = started(stage)
    before = len(texts(stage, ticket))
    send = {"method": "POST", "path": traits.send_path, "count": 1}
    account.fault("timeout_after_accept", **send, seconds=0)
    account.fault("503", **send)
    if traits.renews:
        account.fault("401", **send)
    said = [f"message {number}" for number in range(4)]
    for text in said:
        assert client.say(conversation, text, user).ok
    until(lambda: said[-1] in texts(stage, ticket), "the last message", within=60)
    assert texts(stage, ticket)[before:] == said
    assert (len(account.tickets()), len(account.contacts())) == (1, 1)
    assert set(_struck(stage)) == {1}


def _struck(stage: Stage) -> list[int]:
    """How often each fault struck: a pattern that matches nothing would prove nothing."""
    return [rule["hits"] for rule in stage.account.faults()]
