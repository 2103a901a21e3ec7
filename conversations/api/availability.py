"""Whether agents are there; asked at the help desk, but not by everyone at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.cache import cache

from hitl_bridge.connect import provider_for
from hitl_bridge.models import Installation
from providers.errors import ProviderError

log = structlog.get_logger(__name__)

FRESH = 15.0  # seconds
KEPT = 300  # seconds an old answer serves while somebody asks for a new one
ASKING = 30  # seconds: longer than a help desk may take to answer
UNKNOWN = {"status": "unknown"}


def availability_of(installation: Installation) -> Mapping[str, Any]:
    """`{"status": ..., "detail"?: ...}`, at most some seconds old. One caller asks at a time."""
    if not installation.delivering:
        return {**UNKNOWN, "detail": "The installation is not connected."}
    key = f"availability:{installation.pk}"
    told_at, told = cache.get(key) or (0.0, UNKNOWN)
    if time.time() - told_at < FRESH or not cache.add(f"{key}:asking", True, ASKING):
        return dict(told)
    try:
        told = _ask(installation)
        cache.set(key, (time.time(), told), KEPT)
    finally:
        cache.delete(f"{key}:asking")
    return dict(told)


def _ask(installation: Installation) -> Mapping[str, Any]:
    try:
        found = provider_for(installation).availability({})
    except ProviderError as error:
        log.info("availability_unknown", error=type(error).__name__)
        return {**UNKNOWN, "detail": "The help desk could not be asked."}
    return {"status": found.status, "detail": found.detail}
