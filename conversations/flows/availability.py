"""Whether agents are there: the help desk's own word, the business hours, or both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.core.cache import cache
from django.utils import timezone

import providers
from hitl_bridge.connect import provider_for
from hitl_bridge.models import Installation
from hitl_bridge.options import hours_of
from providers.errors import ProviderError

log = structlog.get_logger(__name__)

FRESH = 15.0  # seconds
KEPT = 300  # seconds an old answer serves while somebody asks for a new one
ASKING = 30  # seconds: longer than a help desk may take to answer
ONLINE, OFFLINE, UNKNOWN = "online", "offline", "unknown"
Told = tuple[str, str]  # status and detail


@dataclass(frozen=True, slots=True)
class Availability:
    """What is known now."""

    status: str  # online, offline or unknown
    detail: str = ""
    opens_at: datetime | None = None  # when the business hours begin next, if it is closed

    def body(self) -> dict[str, Any]:
        """For the API; what is not known is left out."""
        told = {"status": self.status, "detail": self.detail, "opensAt": opening(self)}
        return {name: value for name, value in told.items() if value}


def opening(found: Availability) -> str:
    """When it opens next, as the API has times; empty if it is open, or that is not known."""
    return found.opens_at.isoformat().replace("+00:00", "Z") if found.opens_at else ""


def look(installation: Installation, options: Mapping[str, Any]) -> Availability:
    """By the help desk's word of a few seconds ago, or by asking it: never in a transaction."""
    return _judged(installation, options, _status_of)


def remembered(installation: Installation, options: Mapping[str, Any]) -> Availability:
    """The same without asking anybody: by what the help desk said in the last minutes."""
    return _judged(installation, options, lambda found: _cached(found)[1])


def _judged(
    installation: Installation, options: Mapping[str, Any], ask: Callable[[Installation], Told]
) -> Availability:
    by = options.get("availability") or "both"
    hours = hours_of(options) if by != "helpDesk" else None
    now = timezone.now()
    if hours and not hours.is_open(now):
        return Availability(OFFLINE, "Outside business hours.", hours.opens_at(now))
    if by == "hours" or (hours and not asks_help_desk(installation, options)):
        return Availability(ONLINE if hours else UNKNOWN)
    status, detail = ask(installation)
    return Availability(status, detail)


def asks_help_desk(installation: Installation, options: Mapping[str, Any]) -> bool:
    """Whether the help desk's own status counts, and it has one."""
    can = providers.get(installation.provider).capabilities.availability
    return can and options.get("availability") != "hours"


def _status_of(installation: Installation) -> Told:
    """The help desk's own status, at most some seconds old. One caller asks at a time."""
    if not installation.delivering:
        return UNKNOWN, "The installation is not connected."
    told_at, told = _cached(installation)
    key = _key(installation)
    if time.time() - told_at < FRESH or not cache.add(f"{key}:asking", True, ASKING):
        return told
    try:
        told = _ask(installation)
        cache.set(key, (time.time(), told), KEPT)
    finally:
        cache.delete(f"{key}:asking")
    return told


def _key(installation: Installation) -> str:
    return f"availability:{installation.pk}"


def _cached(installation: Installation) -> tuple[float, Told]:
    return cache.get(_key(installation)) or (0.0, (UNKNOWN, ""))


def _ask(installation: Installation) -> Told:
    try:
        found = provider_for(installation).availability({})
    except ProviderError as error:
        log.info("availability_unknown", error=type(error).__name__)
        return UNKNOWN, "The help desk could not be asked."
    return found.status, found.detail
