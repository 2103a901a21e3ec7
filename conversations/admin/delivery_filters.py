"""Filters and forms of the list of deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.forms import ActionForm
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.flows.explaining import REASONS
from conversations.models import DeliveryState
from hitl_bridge.fields import in_zone


class StateFilter(admin.SimpleListFilter):
    """Dead letters unless something else is asked for."""

    title = "state"
    parameter_name = "state"
    EVERYTHING = "all"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*DeliveryState.choices, (self.EVERYTHING, "Everything")]

    def value(self) -> str:
        return super().value() or DeliveryState.DEAD

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == str(value),
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == self.EVERYTHING:
            return queryset
        return queryset.filter(state=self.value())


class ReasonFilter(admin.SimpleListFilter):
    """By what went wrong last, in words."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return reason_choices()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(error_kind=self.value()) if self.value() else queryset


class SinceFilter(admin.SimpleListFilter):
    """By when it was given up."""

    title = "given up"
    parameter_name = "since"
    HOURS = {"1": "In the last hour", "24": "In the last day", "168": "In the last week"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.HOURS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        hours = self.value()
        if hours is None or hours not in self.HOURS:
            return queryset
        return queryset.filter(finished_at__gte=timezone.now() - timedelta(hours=int(hours)))


class ReasonForm(ActionForm):
    """The reason for dropping, beside the choice of action."""

    reason = forms.CharField(
        required=False,
        label="",
        max_length=200,
        widget=UnfoldAdminTextInputWidget(
            {"placeholder": "Reason, for dropping", "aria-label": "Reason, for dropping"}
        ),
    )


class RetrySinceForm(forms.Form):
    """Which dead letters to try again."""

    since = forms.SplitDateTimeField(
        label="Given up since",
        widget=UnfoldAdminSplitDateTimeWidget(),
        help_text=in_zone("Everything that was given up at this time or later."),
    )
    installation: Any = forms.ModelChoiceField(
        queryset=None,
        required=False,
        empty_label="All",
        widget=UnfoldAdminSelectWidget(),
        help_text="Only those of one installation.",
    )
    reason = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="Only those that ended for one reason.",
    )

    def __init__(self, installations: QuerySet[Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("since", timezone.now() - timedelta(days=1))
        choose: Any = self.fields["installation"]
        choose.queryset = installations
        of_reason: Any = self.fields["reason"]
        of_reason.choices = [("", "All"), *reason_choices()]

    def chosen(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the rows that the answers name, but for the time."""
        if self.cleaned_data["installation"]:
            rows = rows.filter(conversation__installation=self.cleaned_data["installation"])
        if self.cleaned_data["reason"]:
            rows = rows.filter(error_kind=self.cleaned_data["reason"])
        return rows


def reason_choices() -> list[tuple[str, str]]:
    """The names of errors and what they are called."""
    return [(kind, title) for kind, (title, _meaning, _step) in REASONS.items()]
