"""An installation is well again: what waited for it goes on at once."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from conversations.engine import lanes
from conversations.models import LaneKind
from hitl_bridge.models import Installation
from hitl_bridge.signals import installation_recovered


@receiver(installation_recovered)
def hurry_lanes(installation: Installation, **_kwargs: Any) -> None:
    """The sweep finds them due."""
    lanes.hurry(installation=installation, kind=LaneKind.PROVIDER)
