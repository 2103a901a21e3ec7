"""Business hours: whether it is open, and when it opens next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hitl_bridge.options.times import holiday, span

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LOOK_AHEAD = 400  # days: who opens later than that counts as never opening

Span = tuple[time, time, bool]
ROUND_THE_CLOCK: tuple[Span, ...] = ((time(0), time(0), True),)


@dataclass(frozen=True)
class Hours:
    """A week's hours in a time zone, without the holidays.

    A span belongs to the day on which it begins: a holiday takes away that day's spans only.
    """

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]  # from Monday
    holidays: tuple[tuple[date, date], ...] = ()  # first and last day
    each_year: frozenset[tuple[int, int]] = frozenset()  # month and day

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at that moment."""
        day = at.astimezone(self.zone).date()
        nearby = (*self._spans(day - timedelta(days=1)), *self._spans(day))
        return any(begin <= at < end for begin, end in nearby)

    def opens_at(self, at: datetime) -> datetime | None:
        """When it opens next, in UTC; None while it is open, or if it never does."""
        if self.is_open(at):
            return None
        day = at.astimezone(self.zone).date()
        for number in range(LOOK_AHEAD):
            begins = [begin for begin, _ in self._spans(day + timedelta(days=number))]
            later = [begin for begin in begins if begin > at]
            if later:
                return min(later)
        return None

    def _spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        if (day.month, day.day) in self.each_year:
            return
        if any(first <= day <= last for first, last in self.holidays):
            return
        for begin, end, over_midnight in self.week[day.weekday()]:
            last_day = day + timedelta(days=1) if over_midnight else day
            yield self._moment(day, begin), self._moment(last_day, end)

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)


def hours_of(options: Mapping[str, Any]) -> Hours | None:
    """The hours in these options; None where there are none: then it is always open."""
    given = options.get("businessHours") or {}
    if not any(name in given for name in (*DAYS, "holidays")):
        return None
    found = [holiday(text) for text in given.get("holidays", ())]
    ranges = [(first, last) for first, last in found if isinstance(first, date)]
    yearly = [(month, day) for month, day in found if isinstance(month, int)]
    return Hours(
        ZoneInfo(given.get("timeZone") or "UTC"),
        _week(given),
        tuple(ranges),  # type: ignore[arg-type]  # both of a pair are dates, or neither is
        frozenset(yearly),  # type: ignore[arg-type]
    )


def counts_from(options: Mapping[str, Any], at: datetime) -> datetime:
    """When a session's timers begin to run: now, or once it opens."""
    hours = hours_of(options)
    return (hours.opens_at(at) if hours else None) or at


def _week(given: Mapping[str, Any]) -> tuple[tuple[Span, ...], ...]:
    """A day that is not named is closed; where none is named, only holidays are."""
    if not any(name in given for name in DAYS):
        return (ROUND_THE_CLOCK,) * len(DAYS)
    return tuple(tuple(span(text) for text in given.get(name, ())) for name in DAYS)
