"""Options that are about time: zones, hours of a day, days without hours."""

from __future__ import annotations

import re
from datetime import date, time
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import available_timezones

from hitl_bridge.options.kinds import MOST, OFF, Kind, WrongValueError, parts, texts

_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*[-\u2013]\s*(\d{1,2}):(\d\d)")
# Days that there are, for the API's description: the 29th of February in leap years only.
_LONG = r"(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
_SHORT = r"(0[469]|11)-(0[1-9]|[12][0-9]|30)"
_EACH_YEAR = rf"({_LONG}|{_SHORT}|02-(0[1-9]|[12][0-9]))"
_LEAP = r"[1-9][0-9](0[48]|[2468][048]|[13579][26])"
_FEBRUARY = r"02-(0[1-9]|1[0-9]|2[0-8])"
_ONE_DAY = rf"([1-9][0-9]{{3}}-({_LONG}|{_SHORT}|{_FEBRUARY})|{_LEAP}-02-29)"
_DAY_OF_YEAR = re.compile(r"\d\d-\d\d")


class Zone(Kind):
    """A time zone by its IANA name."""

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": _zones(), "example": "Europe/Berlin"}

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or value not in available_timezones():
            raise WrongValueError("This must be a time zone such as Europe/Berlin or UTC.")
        return value


class Spans(Kind):
    """Hours of one day: 09:00-12:30; one that ends no later than it begins goes overnight."""

    @property
    def schema(self) -> dict[str, Any]:
        clock = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
        span = {"type": "string", "pattern": f"^{clock}-({clock}|24:00)$"}
        return {"type": "array", "maxItems": MOST, "items": span, "example": ["09:00-17:30"]}

    def check(self, value: Any) -> list[str]:
        return [_span_text(*span(text)) for text in texts(value)]

    def read(self, text: str) -> list[str]:
        return [] if text.lower() in ("closed", *OFF) else self.check(parts(text))

    def show(self, value: Any) -> str:
        return ", ".join(value) or "closed"


class Holidays(Kind):
    """Days without hours: 2026-12-24, 2026-12-24/2027-01-01 (both included), 12-25 (each year).

    Who types them is asked about two days the wrong way round: it may be the year that is wrong.
    """

    several_lines = True

    @property
    def schema(self) -> dict[str, Any]:
        day = {"type": "string", "pattern": f"^({_EACH_YEAR}|{_ONE_DAY}(/{_ONE_DAY})?)$"}
        shown = ["12-25", "2026-12-24/2027-01-01"]
        return {"type": "array", "maxItems": MOST, "items": day, "example": shown}

    def check(self, value: Any) -> list[str]:
        found = [text.strip() for text in texts(value)]
        for text in found:
            holiday(text)
        return found

    def read(self, text: str) -> list[str]:
        for part in parts(text):
            first, _, last = part.partition("/")
            if last and first.strip() > last.strip():
                raise WrongValueError(f"{part[:40]!r} ends before it begins.")
        return self.check(parts(text))

    def show(self, value: Any) -> str:
        return "\n".join(value)


def span(text: str) -> tuple[time, time, bool]:
    """Begin, end, and whether the end is on the next day. Raises WrongValueError."""
    match = _SPAN.fullmatch(text.strip())
    problem = WrongValueError(f"{text[:40]!r} is no span of hours: write 09:00-17:30.")
    if not match:
        raise problem
    hours = [int(group) for group in match.groups()]
    try:
        begin = time(hours[0], hours[1])
        end = time(0) if hours[2:] == [24, 0] else time(hours[2], hours[3])
    except ValueError:
        raise problem from None
    return begin, end, end <= begin


def holiday(text: str) -> tuple[date, date] | tuple[int, int]:
    """The first and the last day, or month and day of each year. Raises WrongValueError."""
    try:
        if _DAY_OF_YEAR.fullmatch(text):
            day = date.fromisoformat(f"2024-{text}")  # a leap year
            return day.month, day.day
        first, _, last = text.partition("/")
        days = sorted([date.fromisoformat(first), date.fromisoformat(last or first)])
    except ValueError:
        raise WrongValueError(
            f"{text[:40]!r} is no holiday: write 2026-12-24, 2026-12-24/2027-01-01, or 12-25 for "
            "each year."
        ) from None
    return days[0], days[1]


@cache
def _zones() -> list[str]:
    """Every name in the package tzdata, the same on every machine."""
    return sorted((files("tzdata") / "zones").read_text(encoding="ascii").split())


def _span_text(begin: time, end: time, over_midnight: bool) -> str:
    last = "24:00" if over_midnight and end == time(0) else end.strftime("%H:%M")
    return f"{begin.strftime('%H:%M')}-{last}"
