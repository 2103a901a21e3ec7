"""The checks that help desks have in common."""

from __future__ import annotations

from typing import Any

import pytest

from providers.checks import ids_in, is_flat, not_allowed, wrong_ids
from providers.types import Problem


def test_ids_come_once_and_in_order() -> None:
    settings = {"team_id": " 7 ", "allowed_teams": "9, 7,,8,"}
    assert ids_in(settings, "team_id", "allowed_teams", "unknown") == ["7", "9", "8"]


def test_wrong_ids_are_named() -> None:
    settings = {"team_id": "7,8", "admin_id": "", "app_id": "12", "allowed_teams": "9, x"}
    found = wrong_ids(
        settings,
        "Deskly",
        single=("team_id", "admin_id", "app_id", "unknown"),
        several=("allowed_teams", "unknown"),
    )
    assert found == [
        Problem("team_id", "This is Deskly's id: a number."),
        Problem("allowed_teams", "These are Deskly's ids: numbers and commas."),
    ]


@pytest.mark.parametrize(
    ("chosen", "allowed", "message"),
    [
        (None, [], ""),
        ("7", ["7"], ""),
        (7, ["7"], ""),
        ("9", ["7", "8"], "The team must be one of 7, 8."),
        ("9", [], "The team must be left out: none is allowed here."),
    ],
)
def test_a_bot_chooses_what_is_allowed(chosen: Any, allowed: list[str], message: str) -> None:
    found = not_allowed({"teamId": chosen}, "teamId", "team", allowed)
    assert found == ([Problem("hitlSession.teamId", message)] if message else [])


@pytest.mark.parametrize(
    ("value", "flat"),
    [
        ({}, True),
        ({"a": "b", "c": 1, "d": 0.5, "e": True}, True),
        ({"a": None}, False),
        ({"a": {}}, False),
        ({1: "a"}, False),
        (["a"], False),
    ],
)
def test_flat_objects_hold_plain_values(value: Any, flat: bool) -> None:
    assert is_flat(value) is flat
