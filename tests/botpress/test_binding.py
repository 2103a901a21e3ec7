"""Whose session it is."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.botpress.description import split
from conversations.models import (
    BotpressArrival,
    BotpressSession,
    Conversation,
    Delivery,
    DeliveryKind,
    Message,
    User,
)
from tests import factories
from tests.botpress.conftest import (
    Drain,
    Hub,
    connection,
    conversation_of,
    invented_email,
    user_of,
)
from tests.fake_desk import Desk, FakeDesk

LATER = timedelta(seconds=5)  # longer than a ticket's opening is held back
ANA = "user_01K9ZXJ2V6T3M8Q4B5C7D0E1F2"


def held(conversation: str) -> bool:
    opening = Delivery.objects.get(conversation=conversation, kind=DeliveryKind.OPEN)
    return opening.next_attempt_at > timezone.now()


def test_an_invented_address_is_an_identity_and_no_address(hub: Hub) -> None:
    user = User.objects.get(pk=hub.create_user(name="Ana", email=invented_email(ANA)))
    assert (user.external_id, user.email, user.name) == (ANA, "", "Ana")


def test_a_real_address_is_kept(hub: Hub) -> None:
    user = User.objects.get(pk=hub.create_user(email="Ana@x.io"))
    assert user.email == "Ana@x.io"


@pytest.mark.parametrize("emails", [(invented_email(ANA),) * 2, ("Ana@x.io", "ana@X.io")])
def test_the_same_identity_gets_the_same_id(hub: Hub, emails: tuple[str, str]) -> None:
    first, second = (
        hub.create_user(name=name, email=e) for name, e in zip("AB", emails, strict=True)
    )
    assert first == second
    assert User.objects.get().name == "B"


def test_unknown_user_is_no_name_that_replaces_another(hub: Hub) -> None:
    hub.create_user(name="Ana", email=invented_email(ANA))
    hub.create_user(name="Unknown User", email=invented_email(ANA))
    assert User.objects.get().name == "Ana"


def test_identities_end_at_the_bot(hub: Hub) -> None:
    other = Hub(connection())
    email = invented_email(ANA)
    assert hub.create_user(email=email) != other.create_user(email=email)


def test_the_only_user_announced_just_before_is_the_session_s(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    conversation, user = hub.start()
    drain()
    assert not desk.tickets  # it may turn out to be somebody else's
    drain(later=LATER)
    assert user_of(conversation).id == user
    assert len(desk.tickets) == 1


def test_the_first_message_ends_the_wait(hub: Hub, desk: Desk, drain: Drain) -> None:
    conversation, user = hub.start()
    hub.say(conversation, user, "hi")
    drain()
    assert desk.tickets == {"t1": ["hi"]}


def test_two_at_once_are_told_apart_by_their_first_messages(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    users = [hub.create_user(), hub.create_user()]
    sessions = [hub.create_conversation(), hub.create_conversation()]
    assert all(user_of(id_).id not in users for id_ in sessions)
    hub.say(sessions[0], users[1], "from two")
    # By elimination; the last one needs no message of its own.
    assert [user_of(id_).id for id_ in sessions] == [users[1], users[0]]
    drain(later=LATER)
    assert Conversation.objects.exclude(remote_id="").count() == 2
    assert User.objects.count() == 2  # nobody stands in for anybody any more


def test_two_one_after_the_other_are_told_apart_at_once(hub: Hub) -> None:
    (first, one), (second, two) = hub.start(), hub.start()
    assert [user_of(first).id, user_of(second).id] == [one, two]


def test_a_returning_user_does_not_get_the_newcomer_s_name(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    ana = hub.create_user()
    BotpressArrival.objects.update(at=timezone.now() - timedelta(hours=1))
    ben = hub.create_user()
    of_ana = hub.create_conversation()  # her second handoff: nobody announces her
    of_ben = hub.create_conversation()
    assert user_of(of_ana).id not in (ana, ben)
    hub.say(of_ana, ana, "it's Ana")
    assert [user_of(of_ana).id, user_of(of_ben).id] == [ana, ben]


def test_an_unknown_user_s_ticket_waits_for_seconds_only(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    conversation = hub.create_conversation()
    drain()
    assert not desk.tickets
    drain(later=LATER)
    assert len(desk.tickets) == 1
    assert user_of(conversation).name == "Unknown user"


def test_who_turns_up_after_the_ticket_is_open_is_recorded_and_told(hub: Hub, drain: Drain) -> None:
    user = hub.create_user(name="Ana", email="ana@x.io")
    BotpressArrival.objects.update(at=timezone.now() - timedelta(hours=1))
    conversation = hub.create_conversation()
    drain(later=LATER)
    hub.say(conversation, user, "hi")
    assert BotpressSession.objects.get().user_id == user
    assert (user_of(conversation).name, user_of(conversation).email) == ("Ana", "ana@x.io")
    assert Message.objects.get().user_id == user
    note = Delivery.objects.get(kind=DeliveryKind.TELL_AGENT)
    assert note.payload["text"] == "The customer in this chat is Ana (ana@x.io)."


def test_a_wrong_guess_is_put_right_while_the_ticket_waits(hub: Hub) -> None:
    ana = hub.create_user()
    BotpressArrival.objects.update(at=timezone.now() - timedelta(hours=1))
    hub.create_user(name="Ben")
    conversation = hub.create_conversation()
    hub.say(conversation, ana, "it's Ana")
    assert user_of(conversation).id == ana
    assert not held(conversation)


def test_an_announcement_of_long_ago_does_not_count(hub: Hub) -> None:
    user = hub.create_user()
    BotpressArrival.objects.update(at=timezone.now() - timedelta(minutes=1))
    assert user_of(hub.create_conversation()).id != user


def test_restarts_between_create_and_first_message_lose_nothing(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    """All of it is rows: a new process sees the same."""
    conversation, user = hub.start()
    again = Hub(type(hub.installation).objects.get())
    again.say(conversation, user, "after the restart")
    drain()
    assert desk.tickets == {"t1": ["after the restart"]}
    assert user_of(conversation).id == user


def test_an_explicit_user_is_taken_at_once(hub: Hub, desk: Desk, drain: Drain) -> None:
    user = hub.create_user()
    hub.create_user()
    conversation = hub.create_conversation(userId=user)
    assert user_of(conversation).id == user
    drain()
    assert len(desk.tickets) == 1


def test_our_own_integration_may_send_history_and_session(hub: Hub) -> None:
    history = [
        {"source": {"type": "user", "userId": ANA}, "type": "text", "payload": {"text": "Where?"}},
        {"source": {"type": "bot"}, "type": "choice", "payload": {"text": "Which?", "options": []}},
        {"source": {"type": "bot"}, "type": "text", "payload": {"text": ""}},
        "nonsense",
    ]
    stored = conversation_of(hub.create_conversation(messageHistory=history))
    assert [line["source"]["type"] for line in stored.transcript] == ["user", "bot", "bot"]


def test_messages_of_the_stock_integration_are_history(hub: Hub) -> None:
    lines = [{"text": "Hi", "author": "user"}, {"text": "Yes?", "author": "Bot"}, {"text": " "}]
    stored = conversation_of(hub.create_conversation(messages=lines))
    assert [(line["source"]["type"], line["payload"]["text"]) for line in stored.transcript] == [
        ("user", "Hi"),
        ("bot", "Yes?"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        f"hitl: userId={ANA} email=ana@x.io",
        f'[HITL] email="ana@x.io"; user_id: {ANA}',
        f"userId={ANA}",
        ANA,
        f"hitl: {ANA} ana@x.io",
    ],
)
def test_the_description_s_first_line_names_the_user(hub: Hub, line: str) -> None:
    user = hub.create_user(email=invented_email(ANA))
    hub.create_user()
    conversation = conversation_of(hub.create_conversation(description=f"{line}\nWants a refund"))
    assert (conversation.user_id, conversation.description) == (user, "Wants a refund")


def test_the_description_names_a_user_known_by_address(hub: Hub) -> None:
    user = hub.create_user(email="ana@x.io")
    hub.create_user()
    conversation = hub.create_conversation(description=f"hitl: userId={ANA} email=Ana@x.io")
    assert user_of(conversation).id == user


def test_a_botpress_id_is_learnt_for_the_next_time(hub: Hub) -> None:
    user = hub.create_user(email="ana@x.io")
    first = hub.create_conversation(description=f"hitl: userId={ANA}")
    hub.say(first, user)
    hub.create_user()
    assert user_of(hub.create_conversation(description=f"hitl: userId={ANA}")).id == user


def test_the_description_may_add_what_the_plugin_did_not_tell(hub: Hub) -> None:
    hub.create_user(email=invented_email(ANA), name="Unknown User")
    line = f'hitl: userId={ANA} email=ana@x.io name="Ana Silva" Wants a refund'
    conversation = conversation_of(hub.create_conversation(description=line))
    assert (conversation.user.name, conversation.user.email) == ("Ana Silva", "ana@x.io")
    assert conversation.description == "Wants a refund"


@pytest.mark.parametrize(
    "text",
    [
        "Wants a refund",
        "ana@x.io wrote this",  # the user may have
        f"Wants a refund\nhitl: userId={ANA}",  # not the builder's line
        "",
    ],
)
def test_only_the_builder_s_line_names_anybody(text: str) -> None:
    who, rest = split(text)
    assert (who.external_id, rest) == ("", text)


def test_variables_that_were_not_filled_in_name_nobody() -> None:
    who, rest = split("hitl: userId={{event.userId}} email=undefined Help")
    assert (who.external_id, rest) == ("", "Help")


def test_another_bot_s_user_can_not_be_named(hub: Hub) -> None:
    stranger = factories.user(factories.bot(), external_id=ANA)
    for named in ({"userId": stranger.id}, {"description": f"hitl: userId={ANA}"}):
        assert user_of(hub.create_conversation(**named)).bot_id == hub.installation.bot_id


def test_a_new_handoff_ends_the_old_one_where_there_is_one_chat_per_customer(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = dataclasses.replace(FakeDesk.capabilities, one_ticket_per_person=True)
    monkeypatch.setattr(FakeDesk, "capabilities", one)
    first, user = hub.start()
    hub.say(first, user)
    second = hub.create_conversation()
    hub.say(second, user)
    assert [conversation_of(id_).is_open for id_ in (first, second)] == [False, True]
    assert user_of(second).id == user


def test_a_session_that_botpress_forgets_ends_by_itself(hub: Hub) -> None:
    conversation = conversation_of(hub.create_conversation())
    assert conversation.idle_deadline
    assert conversation.options["idleTimeout"] == 24 * 3600


def test_the_installation_s_own_idle_timeout_goes_first(hub: Hub) -> None:
    type(hub.installation).objects.update(options={"idleTimeout": 600})
    assert conversation_of(hub.create_conversation()).options["idleTimeout"] == 600
