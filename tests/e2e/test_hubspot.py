"""A conversation handed to HubSpot's help desk and back, through real processes."""

from __future__ import annotations

import requests

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


def test_a_conversation_goes_to_a_human_and_back(hubspot: Stage) -> None:
    client, bot, account = hubspot.client, hubspot.bot, hubspot.account
    user = client.action("createUser", name="Ana", email="ana@example.com")["userId"]
    conversation = client.start(
        user, title="Order", messageHistory=HISTORY, botConversationId="chat-1"
    )
    ticket = account.wait_for_ticket()["id"]
    transcript = " ".join(_texts(hubspot, ticket))
    assert "Where is my order?" in transcript
    assert "I can't see it." in transcript
    assert account.ticket(ticket)["email"] == "ana@example.com"

    account.act(ticket, "accept", agent="Rui")
    until(lambda: "hitlAssigned" in bot.types(conversation), "the agent's name")
    account.act(ticket, "reply", agent="Rui", text="Let me look.")
    until(lambda: bot.texts(conversation) == ["Let me look."], "the agent's reply")
    assert client.say(conversation, "Thank you", user).status_code == 202
    until(lambda: "Thank you" in _texts(hubspot, ticket), "the user's message")
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
    assert events[-1]["data"]["reason"] == "agentClosed"
    assert client.say(conversation, "Too late", user).status_code == 409


def test_files_travel_both_ways(hubspot: Stage) -> None:
    client, bot, account = hubspot.client, hubspot.bot, hubspot.account
    user = client.action("createUser", name="Bo")["userId"]
    conversation = client.start(user)
    ticket = account.wait_for_ticket()["id"]
    picture = f"{account.control.base_url}/static/sandbox/icon.svg"
    body = {"type": "image", "payload": {"imageUrl": picture, "title": "Logo"}, "userId": user}
    assert client.call("POST", f"/conversations/{conversation}/messages", body).status_code == 202

    def stored() -> list[str]:
        parts = account.ticket(ticket)["parts"]
        return [one["url"] for part in parts for one in part["attachments"]]

    (url,) = until(stored, "the user's file")
    assert requests.get(url, timeout=5).content == requests.get(picture, timeout=5).content

    account.act(ticket, "reply", agent="Rui", text="This one?", files=[file("a.png", PNG)])
    until(lambda: "image" in _kinds(hubspot, conversation), "the agent's file")
    (image,) = [
        event["data"]["payload"]
        for event in bot.events(conversation)
        if event["data"].get("type") == "image"
    ]
    assert requests.get(image["imageUrl"], timeout=5).content == PNG


def _kinds(stage: Stage, conversation: str) -> list[str]:
    return [event["data"].get("type", "") for event in stage.bot.events(conversation)]


def test_stopping_closes_the_thread(hubspot: Stage) -> None:
    client = hubspot.client
    user = client.action("createUser", name="Bo")["userId"]
    conversation = client.start(user)
    ticket = hubspot.account.wait_for_ticket()["id"]
    client.action("stopHitl", conversationId=conversation, reason="userEnded")
    until(lambda: hubspot.account.ticket(ticket)["state"] == "closed", "the closed thread")
    until(lambda: "hitlStopped" in hubspot.bot.types(conversation), "the event")
    assert hubspot.bot.events(conversation)[-1]["data"]["reason"] == "userEnded"


def test_a_reply_whose_webhooks_were_lost_is_caught_up_with(hubspot: Stage) -> None:
    client, bot, account = hubspot.client, hubspot.bot, hubspot.account
    user = client.action("createUser", name="Bo")["userId"]
    conversation = client.start(user)
    ticket = account.wait_for_ticket()["id"]
    account.act(ticket, "accept", agent="Rui")
    until(lambda: "hitlAssigned" in bot.types(conversation), "the agent's name")
    account.fault("webhook_lost", path="OUTGOING_CHANNEL_MESSAGE_CREATED")
    account.act(ticket, "reply", agent="Rui", text="Can you hear me?")
    # conversation.newMessage tells that there is something; the thread tells what.
    until(lambda: bot.texts(conversation) == ["Can you hear me?"], "the message")


def test_a_message_whose_answer_was_lost_arrives_once(hubspot: Stage) -> None:
    client, account = hubspot.client, hubspot.account
    user = client.action("createUser", name="Bo")["userId"]
    conversation = client.start(user)
    ticket = account.wait_for_ticket()["id"]
    account.fault("timeout_after_accept", method="POST", path="/messages$", count=1, seconds=0)
    account.fault("503", method="POST", path="/messages$", count=1)
    for number in range(4):
        assert client.say(conversation, f"message {number}", user).ok
    until(lambda: "message 3" in _texts(hubspot, ticket), "the last message", within=60)
    said = [text for text in _texts(hubspot, ticket) if text.startswith("message")]
    assert said == [f"message {number}" for number in range(4)]
