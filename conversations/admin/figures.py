"""Volumes and times per day, for the charts of the home page.

Rows are found by their ids, which begin with the time they were made at, so a chart reads the
days that it shows and nothing older.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.utils import timezone

import providers
from conversations.admin.attention import list_of, rows_of
from conversations.models import Conversation
from hitl_bridge.ids import first_id
from hitl_bridge.models import Bot, Installation, Tenant

DAYS = (7, 14, 30, 90)
# One colour per help desk; the theme's own follow the light and the dark.
COLOURS = ("#7c3aed", "#0891b2", "#d97706", "#65a30d", "#db2777", "#475569")


class Choice(forms.Form):
    """What the charts are of. All is optional; what is not understood is left out."""

    days: Any = forms.TypedChoiceField(
        coerce=int, required=False, empty_value=None, choices=[(n, f"{n} days") for n in DAYS]
    )
    tenant: Any = forms.ModelChoiceField(None, required=False, empty_label="All tenants")
    bot: Any = forms.ModelChoiceField(None, required=False, empty_label="All bots")
    provider = forms.ChoiceField(required=False, label="Help desk")

    def __init__(self, request: HttpRequest) -> None:
        super().__init__({"days": "14", **request.GET.dict()})
        for name, model in (("tenant", Tenant), ("bot", Bot)):
            field: Any = self.fields[name]
            field.queryset = rows_of(request, model).order_by("pk")
            if not field.queryset[1:2]:
                del self.fields[name]  # there is nothing to choose
        desks = rows_of(request, Installation).order_by("provider")
        names = desks.values_list("provider", flat=True).distinct()
        provider: Any = self.fields["provider"]
        provider.choices = [("", "All help desks"), *((slug, label_of(slug)) for slug in names)]
        for field in self.fields.values():
            field.widget.attrs["class"] = "hb-input"
        self.full_clean()

    def chosen(self, name: str) -> Any:
        """The answer, or None."""
        return self.cleaned_data.get(name) or None


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, the table with the same numbers, and the list that they are of."""

    title: str
    note: str
    unit: str
    days: list[date]
    series: dict[str, list[float]]
    url: str

    @property
    def data(self) -> str:
        """For Chart.js."""
        return json.dumps(
            {
                "labels": [f"{day:%d %b}" for day in self.days],
                "datasets": [
                    {
                        "label": name,
                        "data": values,
                        "backgroundColor": colour,
                        "stack": "all",
                    }
                    for (name, values), colour in zip(
                        self.series.items(), COLOURS * len(self.series), strict=False
                    )
                ],
            }
        )

    @property
    def rows(self) -> list[tuple[date, list[float]]]:
        """The table: a day and its numbers, the latest first."""
        columns = zip(*self.series.values(), strict=True) if self.series else [()] * len(self.days)
        return [(day, list(row)) for day, row in zip(self.days, columns, strict=True)][::-1]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.series


def label_of(slug: str) -> str:
    """What the help desk is called."""
    return providers.get(slug).label if slug in providers.PROVIDERS else slug


def charts(request: HttpRequest, choice: Choice) -> list[Chart]:
    """Sessions, waiting times and handling times of each day."""
    days = choice.chosen("days") or 14
    today = timezone.localdate()
    shown = [today - timedelta(days=ago) for ago in reversed(range(days))]
    rows = _rows(request, choice, shown[0])
    of_all = {
        name: getattr(choice.chosen(name), "pk", None)
        for name in ("tenant", "bot")
        if choice.chosen(name)
    }
    listed = {f"{name}__id__exact": pk for name, pk in of_all.items()}
    if choice.chosen("provider"):
        listed["installation__provider__exact"] = choice.chosen("provider")
    listed["created_at__gte"] = _midnight(shown[0]).isoformat()
    return [
        Chart(
            "Handed over",
            "Sessions that began, by help desk",
            "",
            shown,
            _series(shown, rows.annotate(value=Count("id")), float),
            list_of(Conversation, **listed),
        ),
        Chart(
            "Waiting",
            "Minutes on average until an agent took it",
            "min",
            shown,
            _series(shown, _mean(rows, "created_at", "assigned_at"), _minutes),
            list_of(Conversation, **listed, assigned_at__isnull=False),
        ),
        Chart(
            "Handling",
            "Minutes on average from the agent's coming to the end",
            "min",
            shown,
            _series(shown, _mean(rows, "assigned_at", "stopped_at"), _minutes),
            list_of(Conversation, **listed, assigned_at__isnull=False, stopped_at__isnull=False),
        ),
    ]


def _rows(request: HttpRequest, choice: Choice, first: date) -> QuerySet[Any, Any]:
    rows = rows_of(request, Conversation).filter(id__gte=first_id("conv", _midnight(first)))
    for name in ("tenant", "bot"):
        if choice.chosen(name):
            rows = rows.filter(**{name: choice.chosen(name)})
    if choice.chosen("provider"):
        rows = rows.filter(installation__provider=choice.chosen("provider"))
    days: QuerySet[Any, Any] = rows.order_by().annotate(day=TruncDate("created_at"))
    return days.values("day", "installation__provider")


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def _mean(rows: QuerySet[Any, Any], since: str, until: str) -> QuerySet[Any, Any]:
    lasted = ExpressionWrapper(F(until) - F(since), output_field=DurationField())
    there = {f"{since}__isnull": False, f"{until}__isnull": False}
    timed: QuerySet[Any, Any] = rows.filter(**there).annotate(value=Avg(lasted))
    return timed


def _minutes(value: timedelta) -> float:
    return round(max(0.0, value.total_seconds()) / 60, 2)


def _series(
    days: list[date], rows: Iterable[Any], number: Callable[[Any], float]
) -> dict[str, list[float]]:
    """By help desk, a number for each day."""
    found: dict[str, dict[date, float]] = defaultdict(dict)
    for row in rows:
        found[row["installation__provider"]][row["day"]] = number(row["value"])
    return {label_of(slug): [found[slug].get(day, 0.0) for day in days] for slug in sorted(found)}
