"""Many calls at once, on real connections."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conversations.models import BotpressArrival, BotpressClose, Conversation, User
from tests.botpress.conftest import Drain, Hub, botpress_id, invented_email, is_open, user_of
from tests.engine.test_parallel import all_at_once
from tests.fake_desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_identity_announced_ten_times_at_once_is_one_user(hub: Hub) -> None:
    email = invented_email("user_01K9ZXJ2V6T3M8Q4B5C7D0E1F2")
    ids = all_at_once(10, lambda _: hub.create_user(name="Ana", email=email))
    assert len(set(ids)) == 1
    assert User.objects.count() == BotpressArrival.objects.count() == 1


def test_ten_different_ones_are_ten(hub: Hub) -> None:
    assert len(set(all_at_once(10, lambda _: hub.create_user()))) == 10


def test_first_messages_at_once_give_everybody_their_own_session(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    users = [hub.create_user() for _ in range(4)]
    sessions = all_at_once(4, lambda _: hub.create_conversation())
    all_at_once(4, lambda n: hub.say(str(sessions[n]), users[n], f"from {users[n]}"))
    assert [user_of(str(id_)).id for id_ in sessions] == users
    drain(later=timedelta(seconds=5))
    for id_, user in zip(sessions, users, strict=True):
        ticket = Conversation.objects.get(pk=str(id_)).remote_id
        assert desk.tickets[ticket] == [f"from {user}"]
    assert User.objects.count() == 4


def test_two_users_write_at_once_and_each_keeps_their_order(
    hub: Hub, desk: Desk, drain: Drain
) -> None:
    sessions = [hub.start() for _ in range(2)]

    def write(number: int) -> None:
        for turn in range(8):
            hub.say(*sessions[number], f"{number}-{turn}")

    all_at_once(2, write)
    drain()
    texts = sorted(desk.tickets.values())
    assert texts == [[f"{number}-{turn}" for turn in range(8)] for number in range(2)]


def test_notices_and_closes_at_once_end_exactly_their_sessions(hub: Hub) -> None:
    sessions = [hub.start()[0] for _ in range(3)]
    ids = [botpress_id(), botpress_id()]

    def end(number: int) -> None:
        if number < 2:
            hub.bot_says(sessions[number])
        else:
            hub.close(ids[number - 2])

    all_at_once(4, end)
    assert [is_open(id_) for id_ in sessions] == [False, False, True]


def test_a_close_repeated_at_once_is_one(hub: Hub) -> None:
    first, _ = hub.start()
    id_ = botpress_id()
    all_at_once(5, lambda _: hub.close(id_))
    assert not is_open(first)
    assert BotpressClose.objects.count() == 1
