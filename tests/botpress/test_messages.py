"""What the user and the bot say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from conversations.flows import ending
from conversations.flows.locking import locked
from conversations.models import Message, StopReason
from tests.botpress.conftest import Drain, Hub, botpress_id
from tests.fake_desk import Desk

FILE = "https://files.example.com/a"


@pytest.mark.parametrize(
    ("payload", "type_"),
    [
        ({"text": "hi"}, "text"),
        ({"imageUrl": FILE}, "image"),
        ({"audioUrl": FILE}, "audio"),
        ({"videoUrl": FILE}, "video"),
        ({"fileUrl": FILE, "title": "a.pdf"}, "file"),
        ({"markdown": "*hi*"}, "markdown"),
        ({"latitude": 38.7, "longitude": -9.1}, "location"),
        ({"text": "Which?", "options": [{"label": "A", "value": "a"}]}, "choice"),
        ({"title": "Shoe", "actions": []}, "card"),
        ({"title": "Shoe", "imageUrl": FILE, "actions": []}, "card"),
        ({"items": [{"title": "Shoe", "actions": []}]}, "carousel"),
        ({"items": [{"type": "text", "payload": {"text": "hi"}}]}, "bloc"),
        ({"type": "dropdown", "text": "Which?", "options": [{"label": "A"}]}, "dropdown"),
        ({"type": "text", "text": "hi"}, "text"),
    ],
)
def test_the_type_is_told_by_the_keys(hub: Hub, payload: dict[str, Any], type_: str) -> None:
    conversation, user = hub.start()
    hub.say(conversation, user, **payload)
    message = Message.objects.get()
    assert message.type == type_
    assert not {"userId", "type"} & set(message.payload)


@pytest.mark.parametrize(
    "payload",
    [{"imageUrl": "javascript:1"}, {"text": ""}, {"items": [1]}, {"strange": True}, {"items": []}],
)
def test_what_can_not_be_shown_is_kept_as_text(hub: Hub, payload: dict[str, Any]) -> None:
    conversation, user = hub.start()
    hub.say(conversation, user, **payload)
    message = Message.objects.get()
    assert message.type == "text"
    assert message.payload["text"]


def test_the_bot_speaks_as_bot(hub: Hub) -> None:
    conversation, _ = hub.start()
    hub.bot_says(conversation, "I can't show that.")
    assert Message.objects.get().author == "bot"


@pytest.mark.parametrize("key", ["imageUrl", "audioUrl", "videoUrl", "fileUrl"])
def test_files_that_come_as_the_bot_s_are_the_user_s(hub: Hub, key: str) -> None:
    """The plugin itself writes nothing but texts."""
    conversation, user = hub.start()
    hub.bot_says(conversation, **{key: FILE})
    message = Message.objects.get()
    assert (message.author, message.user_id) == ("user", user)


def test_a_payload_with_a_user_is_the_user_s_whoever_is_named(hub: Hub) -> None:
    conversation, user = hub.start()
    hub.bot_says(conversation, text="hi", userId=botpress_id("user"))
    assert Message.objects.get().user_id == user


def test_an_author_we_do_not_know_is_the_session_s_user(hub: Hub) -> None:
    conversation, user = hub.start()
    hub.say(conversation, "user_nobody")
    assert Message.objects.get().user_id == user


def test_messages_keep_the_order_of_arrival(hub: Hub, desk: Desk, drain: Drain) -> None:
    conversation, user = hub.start()
    said = [f"{n}" for n in range(20)]
    for text in said:
        hub.say(conversation, user, text)
    drain()
    assert desk.tickets == {"t1": said}


def test_equal_texts_are_not_taken_for_repeats(hub: Hub, desk: Desk, drain: Drain) -> None:
    conversation, user = hub.start()
    hub.say(conversation, user, "hello")
    hub.say(conversation, user, "hello")
    drain()
    assert desk.tickets == {"t1": ["hello", "hello"]}


@pytest.mark.parametrize(
    "id_", ["conv_nothing", "x" * 500, botpress_id()], ids=["unknown", "long", "well-formed"]
)
def test_an_unknown_conversation_is_404(hub: Hub, id_: str) -> None:
    body = {"remoteConversationId": id_, "remoteUserId": "BOT", "payload": {"text": "hi"}}
    answer = hub.post("botSendsMessage", body)
    assert (answer.status_code, answer.json()["field"]) == (404, "remoteConversationId")


@pytest.mark.parametrize("id_", [None, 7, ""])
def test_a_missing_conversation_is_400(hub: Hub, id_: object) -> None:
    body = {"remoteConversationId": id_, "payload": {"text": "hi"}}
    assert hub.post("botSendsMessage", body).status_code == 400


def test_a_message_after_the_end_is_kept_and_not_delivered(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    conversation, user = hub.start()
    drain(later=timedelta(seconds=10))
    with transaction.atomic():
        ending.end(locked(conversation), StopReason.AGENT_CLOSED, ticket_is_closed=True)
    hub.say(conversation, user, "too late")
    drain()
    assert Message.objects.get().status == "dropped"
    assert desk.tickets == {"t1": []}
