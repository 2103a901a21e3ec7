"""What an operator has tried again, and what a worker that is stopped hands back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conversations.engine import lanes, stopping, worker
from conversations.flows import messages, operators
from conversations.flows.messages import NewMessage
from conversations.models import Conversation, Delivery, LaneKind, lane_id
from providers.errors import Permanent
from tests.fake_desk import Desk, fails

pytestmark = pytest.mark.django_db
Drain = Callable[..., None]


def say(session: Conversation, text: str) -> None:
    messages.send_message(session.bot, session.pk, NewMessage("text", {"text": text}))


def test_the_bot_is_told_when_a_retried_message_arrives_after_all(
    session: Conversation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fails(Permanent("Too long."))]
    say(session, "hi")
    drain()
    operators.retry(Delivery.objects.get(state="dead").pk, "a test")
    drain()
    assert desk.tickets["t1"] == ["hi"]
    told = session.events.filter(type="messageStatus").order_by("sequence")
    assert [event.data["status"] for event in told] == ["failed", "pending", "delivered"]


def test_a_worker_that_is_stopped_hands_back_what_it_has_not_begun(
    session: Conversation, desk: Desk, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(session, "one")
    say(session, "two")
    monkeypatch.setattr(stopping, "requested", lambda: True)
    worker.run_lane(lane_id(session.pk, LaneKind.PROVIDER))
    waiting = Delivery.objects.filter(kind="message").order_by("id")
    assert [(one.state, one.attempt_count) for one in waiting] == [("pending", 0)] * 2
    assert desk.tickets["t1"] == []
    assert lane_id(session.pk, LaneKind.PROVIDER) in lanes.due(limit=10)
    monkeypatch.setattr(stopping, "requested", lambda: False)
    drain()
    assert desk.tickets["t1"] == ["one", "two"]
    assert desk.looked_up == 0  # nothing was in doubt
