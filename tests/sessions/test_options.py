"""What an option may hold, whose value holds, and what comes of it; no database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hitl_bridge import options
from hitl_bridge.options import Text, WrongValueError
from hitl_bridge.options.declared import BY_NAME
from hitl_bridge.options.texts import WORDS

BERLIN = {
    "timeZone": "Europe/Berlin",
    "monday": ["09:00-12:30", "13:30-17:00"],
    "friday": ["22:00-02:00"],
    "holidays": ["12-25", "2026-12-30/2027-01-01"],
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "typed", "stored"),
    [
        ("idleTimeout", "60", 60),
        ("closeCommands", "/end, Stop", ["/end", "Stop"]),
        ("closeCommands", "off", []),
        ("reopen", "new session", "newSession"),
        ("locale", "pt_BR", "pt-BR"),
        ("texts.all", "on", True),
        ("texts.queued", "off", False),
        ("texts.queued", "Wait!", "Wait!"),
        ("texts.queued", "[de] Moment!\n[es] off", {"de": "Moment!", "es": False}),
        ("texts.queued", "Wait!\n[de] Moment!", {"default": "Wait!", "de": "Moment!"}),
        ("businessHours.monday", "9:00-12:30, 13:30 - 24:00", ["09:00-12:30", "13:30-24:00"]),
        ("businessHours.monday", "closed", []),
        ("businessHours.holidays", "12-25\n2026-12-30/2027-01-01", BERLIN["holidays"]),
    ],
)
def test_what_a_person_types_is_stored_and_shown_again(name: str, typed: str, stored: Any) -> None:
    item = BY_NAME[name]
    assert options.read(item, typed) == stored
    assert options.read(item, item.kind.show(stored)) == stored
    assert item.kind.check(stored) == stored


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("idleTimeout", "60", "whole number of seconds"),
        ("idleTimeout", True, "whole number of seconds"),
        ("closeCommands", "/end", "list of strings"),
        ("closeCommands", [""], "1 to 40 characters"),
        ("reopen", "always", "one of note, newSession"),
        ("locale", "English please", "de or pt-BR"),
        ("texts.all", "on", "true or false"),
        ("texts.queued", 5, "true, false, words"),
        ("texts.queued", {"de": True}, "words, or false"),
        ("texts.queued", {"what is this": "x"}, "de or pt-BR"),
        ("texts.agentJoined", "{name} is here", "no {name} here. Known are: {agent}"),
        ("businessHours.timeZone", "Berlin", "Europe/Berlin or UTC"),
        ("businessHours.monday", ["9-17"], "write 09:00-17:30"),
        ("businessHours.monday", ["25:00-26:00"], "write 09:00-17:30"),
        ("businessHours.holidays", ["25.12."], "12-25 for each year"),
    ],
)
def test_what_is_wrong_is_said(name: str, value: Any, words: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        BY_NAME[name].kind.check(value)
    assert words in str(caught.value)


def test_two_days_may_stand_in_either_order_but_not_where_somebody_types_them() -> None:
    kind = BY_NAME["businessHours.holidays"].kind
    backwards = "2027-01-01/2026-12-30"
    assert kind.check([backwards]) == [backwards]
    with pytest.raises(WrongValueError, match="ends before it begins"):
        kind.read(backwards)


def test_a_session_s_options_go_before_the_installation_s() -> None:
    below = {"idleTimeout": 60, "texts": {"queued": "A", "noAgent": "B"}, "businessHours": BERLIN}
    own = {"idleTimeout": 0, "texts": {"queued": False}, "businessHours": {"sunday": []}}
    assert options.in_effect(below, own) == {
        "idleTimeout": 0,
        "texts": {"queued": False, "noAgent": "B"},
        "businessHours": {"sunday": []},
    }


def test_a_session_can_switch_all_texts_off_but_its_own() -> None:
    below = {"texts": {"all": True, "queued": "Wait!"}}
    given = options.in_effect(below, {"texts": {"all": False, "noAgent": "Nobody!"}})
    assert [options.words(given, text) for text in (Text.QUEUED, Text.JOINED)] == ["", ""]
    assert options.words(given, Text.NO_AGENT) == "Nobody!"


def test_nothing_is_said_unless_it_is_switched_on() -> None:
    assert not any(options.words({}, text) for text in Text)


@pytest.mark.parametrize("locale", ["en", "de", "es"])
def test_all_texts_have_words_in_each_language(locale: str) -> None:
    shown = {options.words({"texts": {"all": True}, "locale": locale}, text) for text in Text}
    assert len(shown) == len(Text)
    assert {WORDS[text][locale] for text in Text if "{" not in WORDS[text][locale]} < shown


@pytest.mark.parametrize(
    ("locale", "said"),
    [("de-AT", "Servas"), ("de-DE", "Hallo"), ("de", "Hallo"), ("es", ""), ("fr", "Hello")],
)
def test_the_words_of_the_closest_locale_are_taken(locale: str, said: str) -> None:
    by_locale = {"default": "Hello", "de": "Hallo", "de-AT": "Servas", "es": False}
    given = {"texts": {"queued": by_locale}, "locale": locale}
    assert options.words(given, Text.QUEUED) == said


def test_a_locale_without_words_of_the_operator_s_gets_the_bridge_s() -> None:
    given = {"texts": {"queued": {"de": "Hallo"}}, "locale": "es"}
    assert options.words(given, Text.QUEUED) == WORDS[Text.QUEUED]["es"]


def test_the_agent_is_named_or_the_team() -> None:
    given = {"texts": {"agentJoined": "{agent}!"}, "locale": "de"}
    assert options.words(given, Text.JOINED, "Rui") == "Rui!"
    assert options.words(given, Text.JOINED) == "Unser Team!"


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-23T08:00", None),  # Monday, 9:00 in Berlin
        ("2026-11-23T11:29", None),
        ("2026-11-23T11:30", "2026-11-23T12:30"),  # lunch
        ("2026-11-23T16:00", "2026-11-27T21:00"),  # Friday at 22:00
        ("2026-11-28T00:59", None),  # Saturday, but Friday's span goes on
        ("2026-11-28T01:00", "2026-11-30T08:00"),
        ("2026-12-25T21:30", "2026-12-28T08:00"),  # Christmas is a Friday in 2026
        ("2027-01-01T21:30", "2027-01-04T08:00"),  # the last day of a range
        ("2026-03-29T20:00", "2026-03-30T07:00"),  # summer time has begun
    ],
)
def test_when_it_is_open_and_when_it_opens(at: str, opens: str | None) -> None:
    hours = options.hours_of({"businessHours": BERLIN})
    assert hours is not None
    assert hours.opens_at(utc(at)) == (utc(opens) if opens else None)
    assert hours.is_open(utc(at)) == (opens is None)


def test_holidays_alone_leave_all_else_open() -> None:
    hours = options.hours_of({"businessHours": {"holidays": ["12-25"]}})
    assert hours is not None
    assert hours.is_open(utc("2026-12-24T23:59"))
    assert hours.opens_at(utc("2026-12-25T00:00")) == utc("2026-12-26T00:00")


def test_who_never_opens_says_no_time() -> None:
    hours = options.hours_of({"businessHours": {"monday": []}})
    assert hours is not None
    assert not hours.is_open(utc("2026-11-23T12:00"))
    assert hours.opens_at(utc("2026-11-23T12:00")) is None


def test_timers_wait_for_the_opening() -> None:
    night = utc("2026-11-23T02:00")
    assert options.counts_from({"businessHours": BERLIN}, night) == utc("2026-11-23T08:00")
    assert options.counts_from({}, night) == night
