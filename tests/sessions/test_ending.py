"""How a session ends by a word of the user's, and what an agent can do after the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from conversations.flows import inbound, sessions
from conversations.flows.late import NOTE, TOLD_FOR
from conversations.flows.locking import locked
from conversations.flows.messages import NewMessage, send_message
from conversations.models import Conversation, StopReason
from hitl_bridge.models import Installation
from providers.types import (
    AgentMessage,
    Content,
    InboundEvent,
    MessageRedacted,
    TicketClosed,
    TicketReopened,
    TicketTransferred,
)
from tests import factories
from tests.fake_desk import RUI, Desk

Drain = Callable[..., None]


def happens(conversation: Conversation, *events: InboundEvent) -> None:
    with transaction.atomic():
        inbound.apply(locked(conversation.id), events)


def says(key: str, at: datetime | None = None) -> AgentMessage:
    content = Content("text", {"text": f"words of {key}"})
    return AgentMessage(
        remote_id="t1", key=key, at=at or timezone.now(), agent=RUI, contents=(content,)
    )


def closes(key: str = "c", at: datetime | None = None) -> TicketClosed:
    return TicketClosed(remote_id="t1", key=key, at=at or timezone.now(), agent=RUI)


def reopens() -> TicketReopened:
    return TicketReopened(remote_id="t1", key="r", at=timezone.now(), agent=RUI)


def told(conversation: Conversation) -> list[str]:
    return list(conversation.events.order_by("sequence").values_list("type", flat=True))


def user_says(conversation: Conversation, text: str, **fields: Any) -> Any:
    new = NewMessage(**{"type": "text", "payload": {"text": text}, **fields})
    return send_message(conversation.bot, conversation.id, new)


def ended(installation: Installation, drain: Drain, **options: Any) -> Conversation:
    """A session that its user has ended, and whose ticket is closed."""
    conversation = factories.conversation(
        installation, bot_conversation_id="chat-1", tags={"order": "1"}, options=options
    )
    drain()
    sessions.stop_hitl(conversation.bot, conversation.id, StopReason.USER_ENDED)
    drain()
    return Conversation.objects.get(pk=conversation.pk)


# --- the close command --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["/end", " /END\n"])
def test_the_user_ends_the_session_by_a_command(
    session: Conversation, desk: Desk, drain: Drain, text: str
) -> None:
    user_says(session, "Bye", user_id=session.user_id)
    message = user_says(session, text, user_id=session.user_id)
    drain()
    session.refresh_from_db()
    assert session.stop_reason == StopReason.USER_ENDED
    assert desk.tickets["t1"] == ["Bye"]
    assert desk.closed == {"t1"}
    assert (message.status, "close command" in message.failure) == ("dropped", True)
    assert told(session)[-1] == "hitlStopped"


def test_only_the_user_s_own_plain_text_is_a_command(session: Conversation) -> None:
    user_says(session, "/end")  # the bot speaks
    user_says(session, "/end please", user_id=session.user_id)
    said = {"type": "markdown", "payload": {"markdown": "/end"}}
    user_says(session, "", user_id=session.user_id, **said)
    session.refresh_from_db()
    assert session.is_open


@pytest.mark.parametrize(("commands", "text"), [([], "/end"), (["Tchüss"], "/end")])
def test_other_commands_take_its_place(
    session: Conversation, commands: list[str], text: str
) -> None:
    Conversation.objects.update(options={"closeCommands": commands})
    user_says(session, text, user_id=session.user_id)
    session.refresh_from_db()
    assert session.is_open
    if commands:
        user_says(session, commands[0].upper(), user_id=session.user_id)
        session.refresh_from_db()
        assert not session.is_open


# --- the timer ----------------------------------------------------------------------------------


def test_back_in_a_queue_the_assignment_timeout_begins_anew(session: Conversation) -> None:
    Conversation.objects.update(options={"assignmentTimeout": 60})
    away = TicketTransferred(remote_id="t1", key="x", at=timezone.now() + timedelta(seconds=1))
    happens(session, says("m1"))
    session.refresh_from_db()
    assert session.assignment_deadline is None
    happens(session, away)
    session.refresh_from_db()
    assert session.assignment_deadline is not None


# --- late words ---------------------------------------------------------------------------------


def test_who_writes_after_the_end_is_told_once_in_a_while(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    conversation = ended(installation, drain)
    happens(conversation, says("m1"), says("m2"))
    drain()
    assert desk.notes == [NOTE]
    last = [event.data.get("late") for event in conversation.events.order_by("sequence")][-2:]
    assert last == [True, True]
    Conversation.objects.update(late_told_at=timezone.now() - TOLD_FOR)
    happens(conversation, says("m3"), says("m3"))
    drain()
    assert desk.notes == [NOTE, NOTE]


def test_the_last_words_of_who_closed_it_are_no_reason_for_a_note(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    before = timezone.now()
    happens(session, closes(), says("m1", before))
    drain()
    assert desk.notes == []
    assert told(session)[-1] == "messageCreated"


def test_who_opens_the_ticket_again_is_told(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    happens(ended(installation, drain), reopens())
    drain()
    assert desk.notes == [NOTE]
    assert Conversation.objects.count() == 1


# --- a new session on the old ticket ------------------------------------------------------------

NEW = {"reopen": "newSession"}


def test_an_agent_s_words_begin_a_new_session_where_that_is_wanted(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    before = ended(installation, drain, **NEW)
    happens(before, says("m1"), says("m2"))
    drain()
    after = Conversation.objects.get(reopened_from=before)
    assert told(before)[-1] == "hitlStopped"
    assert told(after) == ["hitlAssigned", "messageCreated", "messageCreated"]
    first = after.events.order_by("sequence")[0].data
    assert (first["reopenedFrom"], first["botConversationId"]) == (before.id, "chat-1")
    assert first["tags"] == {"order": "1"}
    assert (after.status, after.remote_id, desk.closed) == ("assigned", "t1", set())
    user_says(after, "Thank you", user_id=after.user_id)
    drain()
    assert desk.tickets["t1"] == ["Thank you"]
    assert desk.notes == []


def test_opening_the_ticket_again_begins_one_as_well(
    installation: Installation, drain: Drain
) -> None:
    before = ended(installation, drain, **NEW)
    happens(before, reopens())
    after = Conversation.objects.get(reopened_from=before)
    assert told(after) == ["hitlQueued", "hitlAssigned"]


def test_what_was_said_before_is_not_told_again_in_the_new_session(
    session: Conversation, installation: Installation, drain: Drain
) -> None:
    Conversation.objects.update(options=NEW)
    old = says("m0")
    happens(session, old, closes())
    happens(session, says("m1"))
    after = Conversation.objects.get(reopened_from=session)
    happens(after, old, says("m1"), closes("c", old.at))
    after.refresh_from_db()
    assert told(after) == ["hitlAssigned", "messageCreated"]
    assert after.is_open
    happens(after, closes("c2"))
    assert told(after)[-1] == "hitlStopped"


def test_what_waited_for_the_ended_session_goes_to_the_new_one(
    installation: Installation, drain: Drain
) -> None:
    before = ended(installation, drain, **NEW)
    happens(before, says("m1"))
    happens(before, says("m2"))  # as a worker applies what was queued for the old one
    after = Conversation.objects.get(reopened_from=before)
    assert told(after) == ["hitlAssigned", "messageCreated", "messageCreated"]


def test_a_message_of_the_old_session_is_redacted_from_the_new_one(
    session: Conversation, drain: Drain
) -> None:
    Conversation.objects.update(options=NEW)
    happens(session, says("m0"), closes())
    happens(session, says("m1"))
    after = Conversation.objects.get(reopened_from=session)
    gone = MessageRedacted(remote_id="t1", key="x", at=timezone.now(), message_key="m0")
    happens(after, gone)
    assert session.messages.get().payload == {}
    assert told(session)[-1] == "messageStatus"


def test_a_chat_that_was_handed_over_anew_is_not_begun_twice(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    before = ended(installation, drain, **NEW)
    user = before.user
    second = factories.conversation(installation, user=user, bot_conversation_id="chat-1")
    assert second.pk != before.pk  # a second handoff in the same chat
    happens(before, says("m1"))
    drain()
    assert Conversation.objects.count() == 2
    assert desk.notes == [NOTE]


def test_the_new_session_ends_like_any_other(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    before = ended(installation, drain, **NEW)
    happens(before, says("m1"))
    after = Conversation.objects.get(reopened_from=before)
    user_says(after, "/end", user_id=after.user_id)
    drain()
    assert desk.closed == {"t1"}
    happens(after, says("m2", timezone.now() + timedelta(seconds=1)))
    assert Conversation.objects.filter(reopened_from=after).exists()
