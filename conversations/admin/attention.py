"""What needs somebody now, each with the list behind it: the first half of the home page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from conversations.engine import heartbeat
from conversations.models import WAITING_STATUSES, Conversation, Delivery, DeliveryState
from hitl_bridge import roles
from hitl_bridge.admin.badges import TROUBLED
from hitl_bridge.health import OPENS_AFTER
from hitl_bridge.models import Bot, Installation, InstallationStatus

SHOWN = 5  # of each kind; the list behind it has them all
LONG_WAIT = timedelta(minutes=5)  # until somebody should look why no agent comes
SOON = timedelta(days=3)
MISSED = timedelta(minutes=1)  # since any worker was seen


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that needs somebody."""

    name: str
    why: str
    url: str


@dataclass(frozen=True, slots=True)
class Concern:
    """All of one kind."""

    title: str
    next_step: str
    count: int
    url: str  # the list behind the number; empty where there is none
    icon: str
    cases: list[Case] = field(default_factory=list)


def concerns(request: HttpRequest) -> list[Concern]:
    """What there is, the most urgent first; nothing that the person may not see."""
    now = timezone.now()
    kinds = (
        _workers(request),
        _troubled(request),
        _breakers(request, Installation),
        _breakers(request, Bot),
        _tokens(request, now),
        _dead_letters(request),
        _waiting(request, now),
    )
    return [concern for kind in kinds for concern in kind]


def rows_of(request: HttpRequest, model: type[Any]) -> QuerySet[Any]:
    """The rows that the person may see; none if they may not see any."""
    model_admin: Any = admin.site.get_model_admin(model)
    if not model_admin.has_view_permission(request):
        nothing: QuerySet[Any] = model._default_manager.none()
        return nothing
    rows: QuerySet[Any] = model_admin.get_queryset(request)
    return rows


def list_of(model: type[Any], **filters: object) -> str:
    """The address of a filtered list."""
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return f"{address}?{urlencode(filters)}" if filters else address


def _page(row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(row.pk)])


def _workers(request: HttpRequest) -> Iterator[Concern]:
    latest = heartbeat.last_seen()
    away = latest is None or timezone.now() - latest > MISSED
    if away and roles.reaches_all(request.user):
        seen = f"the last one {timesince(latest, depth=1)} ago" if latest else "none ever was"
        yield Concern(
            f"No worker runs: {seen}",
            "Nothing is delivered until one does. Nothing is lost meanwhile.",
            0, "", "error",
        )  # fmt: skip


def _troubled(request: HttpRequest) -> Iterator[Concern]:
    rows = rows_of(request, Installation).filter(status__in=TROUBLED)
    if count := rows.count():
        yield Concern(
            "Installations that need you",
            "What is for them waits. It goes on by itself once they are connected again.",
            count,
            list_of(Installation, status__in=",".join(TROUBLED)),
            "hub",
            [
                Case(str(one), f"{one.get_status_display()}: {one.status_reason}", _page(one))
                for one in rows.select_related("tenant")[:SHOWN]
            ],
        )


def _breakers(request: HttpRequest, model: type[Any]) -> Iterator[Concern]:
    rows = rows_of(request, model).filter(failures__gte=OPENS_AFTER)
    if model is Installation:
        rows = rows.exclude(status__in=[*TROUBLED, InstallationStatus.DISABLED])
    else:
        rows = rows.filter(enabled=True)
    if count := rows.count():
        side = "Help desks" if model is Installation else "Bots"
        yield Concern(
            f"{side} that do not answer",
            "They are tried again and again; what waits goes out in order when they are back.",
            count,
            list_of(model, failures__gte=OPENS_AFTER),
            "electrical_services",
            [Case(str(one), one.last_error, _page(one)) for one in rows[:SHOWN]],
        )


def _tokens(request: HttpRequest, now: datetime) -> Iterator[Concern]:
    """Logins that end soon and can't be renewed; all others the bridge renews by itself."""
    ending = Q(token__expires_at__lt=now + SOON, token__refresh_token="")
    rows = rows_of(request, Installation).filter(ending, status=InstallationStatus.ACTIVE)
    if count := rows.count():
        yield Concern(
            "Logins that end soon",
            "They can't be renewed without you: open each and press Connect.",
            count,
            "",
            "key",
            [
                Case(str(one), f"until {_moment(one.token.expires_at)}", _page(one))
                for one in rows.select_related("token").order_by("token__expires_at")[:SHOWN]
            ],
        )


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M %Z}"


def _dead_letters(request: HttpRequest) -> Iterator[Concern]:
    rows = rows_of(request, Delivery).filter(state=DeliveryState.DEAD)
    if count := rows.count():
        found = rows.select_related("conversation__installation").order_by("-id")[:SHOWN]
        yield Concern(
            "Dead letters",
            "Given up after all tries: send each again, or drop it with a reason.",
            count,
            list_of(Delivery),
            "mark_email_unread",
            [Case(_what(one), one.error, _page(one)) for one in found],
        )


def _what(delivery: Delivery) -> str:
    return f"{delivery.get_kind_display()}, {delivery.conversation.installation}"


def _waiting(request: HttpRequest, now: datetime) -> Iterator[Concern]:
    rows = rows_of(request, Conversation).filter(
        status__in=WAITING_STATUSES,
        created_at__lt=now - LONG_WAIT,
    )
    if count := rows.count():
        first = rows.select_related("user", "installation").order_by("created_at")[:SHOWN]
        yield Concern(
            "Customers who wait for an agent for over five minutes",
            "Look whether anybody is there at the help desk.",
            count,
            list_of(Conversation, status__in=",".join(WAITING_STATUSES)),
            "hourglass_top",
            [
                Case(
                    str(one.user),
                    f"for {timesince(one.created_at, now, depth=1)}, {one.installation}",
                    _page(one),
                )
                for one in first
            ],
        )
