"""Session behaviour through Botpress, whose plugin says and does part of it itself."""

from __future__ import annotations

from django.db import transaction

from conversations.flows import inbound
from conversations.flows.late import NOTE
from conversations.flows.locking import locked
from conversations.models import Conversation, Message
from hitl_bridge.models import Installation
from providers.errors import Permanent
from providers.types import TicketClosed
from tests import fake_desk
from tests.botpress.conftest import Drain, Hub, conversation_of
from tests.botpress.test_telling import MUCH_LATER, happens, says, takes
from tests.fake_desk import Desk, fails

CLOSED: dict[str, dict[str, list[str]]] = {"businessHours": {"monday": []}}


def test_the_plugin_s_texts_are_not_doubled(hub: Hub, drain: Drain) -> None:
    Installation.objects.update(options={"texts": {"all": True}})
    conversation, user = hub.start()
    hub.say(conversation, user)
    drain()
    happens(conversation, takes("a1"))
    drain()
    assert hub.paths == ["/agent-assigned"]
    assert not Message.objects.filter(author="system").exists()


def test_an_undeliverable_message_is_told_once_an_agent_is_there(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    Installation.objects.update(options={"texts": {"undeliverable": "Lost!"}})
    conversation, user = hub.start()
    hub.say(conversation, user)
    drain()
    happens(conversation, takes("a1"))
    desk.answers.append(fails(Permanent("Too long.")))
    hub.say(conversation, user, "Again")
    drain()
    path, body = hub.sent[-1]
    assert (path, body["remoteUserId"]) == ("/message-from-agent", "ag_bridge")
    assert body["payload"] == {"text": "Lost!"}


def test_a_command_that_the_plugin_let_through_ends_the_session(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    conversation, user = hub.start()
    hub.say(conversation, user)
    drain()
    hub.say(conversation, user, "/end")
    drain()
    assert conversation_of(conversation).stop_reason == "userEnded"
    assert hub.paths == ["/stop-hitl"]
    assert desk.tickets["t1"] == ["Hello"]


def test_late_words_are_answered_and_no_session_is_made_of_them(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    Installation.objects.update(options={"reopen": "newSession"})
    conversation, user = hub.start()
    hub.say(conversation, user, "/end")
    drain()
    happens(conversation, says("m1"))
    drain()
    assert (desk.notes, hub.paths) == ([NOTE], ["/stop-hitl"])
    assert Conversation.objects.count() == 1


def test_a_second_handoff_in_the_same_chat_is_a_new_conversation(hub: Hub, drain: Drain) -> None:
    first, user = hub.start()
    hub.say(first, user)
    drain()
    with transaction.atomic():
        event = TicketClosed(remote_id="t1", key="c", at=fake_desk.NOW)
        inbound.apply(locked(first), [event])
    drain()
    second = hub.create_conversation()  # the plugin announces each user only once
    hub.say(second, user, "Me again")
    drain()
    assert second != first
    happens_in = conversation_of(second)
    assert (happens_in.user_id, happens_in.remote_id) == (user, "t2")


def test_a_handoff_that_is_refused_begins_and_fails(hub: Hub, desk: Desk, drain: Drain) -> None:
    Installation.objects.update(options={**CLOSED, "whenUnavailable": "refuse"})
    conversation, _ = hub.start()
    drain(MUCH_LATER)
    assert conversation_of(conversation).status == "failed"
    assert hub.paths == ["/message-from-agent", "/stop-hitl"]
    assert desk.tickets == {}
