"""A database that is away for a moment makes nothing doubtful that was carried out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import OperationalError

from conversations.engine import patience, worker
from conversations.flows import messages
from conversations.flows.messages import NewMessage
from conversations.models import Conversation, Delivery, DeliveryKind, Lane, Outcome
from tests.fake_desk import Desk


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0)


class Database:
    """A function that writes, on a database that is away for so many tries."""

    def __init__(self, away: int) -> None:
        self.away, self.tries = away, 0

    def write(self) -> str:
        self.tries += 1
        if self.tries <= self.away:
            raise OperationalError("the database system is starting up")
        return "written"


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_the_database_and_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert patience.patiently(Database(away=3).write) == "written"
    monkeypatch.setattr(patience, "PATIENCE", -1)
    with pytest.raises(OperationalError):
        patience.patiently(Database(away=3).write)


@pytest.mark.django_db
def test_it_does_not_repeat_half_a_transaction() -> None:
    database = Database(away=1)
    with pytest.raises(OperationalError):
        patience.patiently(database.write)
    assert database.tries == 1


@pytest.mark.django_db(transaction=True)
def test_what_was_sent_is_written_down_once_the_database_is_back(
    session: Conversation,
    desk: Desk,
    drain: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finish, tries = worker._finish, []

    def away_at_first(*args: object, **kwargs: object) -> bool:
        tries.append(args)
        if len(tries) < 3:
            raise OperationalError("terminating connection")
        return finish(*args, **kwargs)  # type: ignore[arg-type]

    new = NewMessage("text", {"text": "one"}, session.user_id)
    messages.send_message(session.bot, session.id, new)
    monkeypatch.setattr(worker, "_finish", away_at_first)
    drain()
    sent = Delivery.objects.get(kind=DeliveryKind.MESSAGE)
    assert desk.tickets["t1"] == ["one"]
    assert (sent.crash_count, sent.attempt_count) == (0, 1)
    assert [attempt.outcome for attempt in sent.attempts.all()] == [Outcome.DONE]


@pytest.mark.django_db(transaction=True)
def test_a_lane_is_given_back_when_the_database_cuts_its_turn_short(
    session: Conversation, drain: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    new = NewMessage("text", {"text": "one"}, session.user_id)
    messages.send_message(session.bot, session.id, new)
    with monkeypatch.context() as patched:
        patched.setattr(worker._Turn, "_head", away)
        with pytest.raises(OperationalError):
            worker.run_lane(f"{session.id}:provider")
    assert not Lane.objects.exclude(lease_until=None).exists()
    drain()
    assert Delivery.objects.get(kind=DeliveryKind.MESSAGE).crash_count == 0
