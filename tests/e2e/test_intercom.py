"""A conversation handed to a human and back, through real processes."""

from __future__ import annotations

from tests.e2e.conftest import Stage
from tests.e2e.harness import until

HISTORY = [
    {"source": {"type": "user"}, "type": "text", "payload": {"text": "Where is my order?"}},
    {"source": {"type": "bot"}, "type": "text", "payload": {"text": "I can't see it."}},
]


def test_a_conversation_goes_to_a_human_and_back(intercom: Stage) -> None:
    client, bot, account = intercom.client, intercom.bot, intercom.account
    user = client.action("createUser", name="Ana", externalId="ana-1")["userId"]
    conversation = client.start(
        user, title="Order", messageHistory=HISTORY, botConversationId="chat-1"
    )
    ticket = account.wait_for_ticket()
    transcript = " ".join(part["text"] for part in ticket["parts"])
    assert "Where is my order?" in transcript
    assert "I can't see it." in transcript

    account.act(ticket["id"], "accept", agent="Rui")
    account.act(ticket["id"], "reply", agent="Rui", text="Let me look.")
    until(lambda: bot.texts(conversation) == ["Let me look."], "the agent's reply")
    assert client.say(conversation, "Thank you", user).status_code == 202
    until(
        lambda: "Thank you" in [part["text"] for part in account.ticket(ticket["id"])["parts"]],
        "the user's message",
    )
    account.act(ticket["id"], "note", agent="Rui", text="A private note.")
    account.act(ticket["id"], "close", agent="Rui", text="It is on its way. Bye!")
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


def test_stopping_closes_the_ticket(intercom: Stage) -> None:
    client = intercom.client
    user = client.action("createUser", name="Bo")["userId"]
    conversation = client.start(user)
    ticket = intercom.account.wait_for_ticket()
    client.action("stopHitl", conversationId=conversation, reason="userEnded")
    until(lambda: intercom.account.ticket(ticket["id"])["state"] == "closed", "the closed ticket")
    until(lambda: "hitlStopped" in intercom.bot.types(conversation), "the event")
    assert intercom.bot.events(conversation)[-1]["data"]["reason"] == "userEnded"
