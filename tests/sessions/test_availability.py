"""Whether agents are there, and what becomes of a handoff when they are not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from conversations.models import Conversation
from hitl_bridge.models import Installation
from providers.types import Availability, Capabilities
from tests import fake_desk
from tests.api.conftest import Api, _fresh, api

__all__ = ["_fresh", "api"]
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPEN = {"businessHours": {"monday": ["09:00-17:00"]}}
CLOSED = {"businessHours": {"tuesday": ["09:00-17:00"]}}
REFUSE = {"whenUnavailable": "refuse"}


@pytest.fixture(autouse=True)
def _monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: MONDAY)


def desk_says(monkeypatch: pytest.MonkeyPatch, status: Any) -> list[bool]:
    """The help desk's own status; the list grows with each question."""
    asked: list[bool] = []

    def answer(self: Any, session: Any) -> Availability:
        asked.append(True)
        return Availability(status)

    able = Capabilities(files=True, transcript="note", notes=True, availability=True)
    monkeypatch.setattr(fake_desk.FakeDesk, "capabilities", able)
    monkeypatch.setattr(fake_desk.FakeDesk, "availability", answer)
    return asked


@pytest.mark.parametrize(
    ("options", "desk", "status"),
    [
        ({}, "offline", "offline"),
        ({"availability": "hours"}, "offline", "unknown"),  # there are none
        ({**OPEN, "availability": "hours"}, "offline", "online"),
        ({**CLOSED, "availability": "helpDesk"}, "online", "online"),
        (OPEN, "online", "online"),
        (OPEN, "offline", "offline"),
        (CLOSED, "online", "offline"),
    ],
)
def test_the_help_desk_the_hours_or_both_decide(
    api: Api, monkeypatch: pytest.MonkeyPatch, options: Any, desk: str, status: str
) -> None:
    desk_says(monkeypatch, desk)
    Installation.objects.update(options=options)
    assert api.get("/availability").json()["status"] == status


def test_hours_alone_decide_where_the_help_desk_can_not_tell(api: Api) -> None:
    Installation.objects.update(options=OPEN)
    assert api.get("/availability").json()["status"] == "online"


def test_it_says_when_it_opens(api: Api) -> None:
    Installation.objects.update(options=CLOSED)
    body = api.get("/availability").json()
    assert (body["status"], body["opensAt"]) == ("offline", "2026-11-24T09:00:00Z")


def test_a_handoff_outside_the_hours_is_accepted_unless_it_is_to_be_refused(api: Api) -> None:
    Installation.objects.update(options=CLOSED)
    api.start()
    body = {"userId": api.user(), "options": REFUSE}
    answer = api.post("/actions/startHitl", body, Idempotency_Key="k")
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, "urn:hitl-bridge:conflict")
    assert (problem["availability"], problem["opensAt"]) == ("offline", "2026-11-24T09:00:00Z")
    assert "It opens at 2026-11-24T09:00:00Z." in problem["detail"]
    assert Conversation.objects.count() == 1


def test_the_help_desk_is_asked_ahead_of_the_handoff(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = desk_says(monkeypatch, "offline")
    Installation.objects.update(options=REFUSE)
    body = {"userId": api.user()}
    assert api.post("/actions/startHitl", body, Idempotency_Key="k").status_code == 409
    assert asked == [True]


def test_a_session_that_is_open_is_answered_though_it_is_closed_now(api: Api) -> None:
    Installation.objects.update(options={**OPEN, **REFUSE})
    user = api.user()
    first = api.start(userId=user, botConversationId="c")
    Installation.objects.update(options={**CLOSED, **REFUSE})
    assert api.start(userId=user, botConversationId="c") == first


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"texts": {"queued": 1}}, "options.texts.queued"),
        ({"businessHours": {"monday": ["9-17"]}}, "options.businessHours.monday"),
        ({"businessHours": {"timeZone": "Berlin"}}, "options.businessHours.timeZone"),
        ({"closeCommands": "/end"}, "options.closeCommands"),
        ({"reopen": "always"}, "options.reopen"),
        ({"locale": 5}, "options.locale"),
        ({"texts": True}, "options.texts"),
    ],
)
def test_a_wrong_option_is_named(api: Api, options: Any, field: str) -> None:
    answer = api.post("/actions/startHitl", {"userId": api.user(), "options": options})
    assert (answer.status_code, answer.json()["field"]) == (400, field)
