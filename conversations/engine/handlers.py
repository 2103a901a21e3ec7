"""What the worker asks of whoever carries a kind of delivery out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from conversations.models import Delivery
from providers.base import Journal
from providers.errors import ProviderError


class NotYet(Exception):
    """It is too early, and nothing was attempted: come back later, the attempt does not count."""

    def __init__(self, wait: timedelta, detail: str) -> None:
        super().__init__(detail)
        self.wait = wait
        self.detail = detail


class Handler:
    """One kind of delivery. `perform` does the I/O outside any transaction; what it returns is
    applied by `succeeded` in the transaction that ends the delivery."""

    # Whether a dead token or a wrong setting makes the delivery wait until it is mended.
    waits_for_operator = False
    # Whether giving up leaves a dead letter for an operator to decide on.
    dead_letter = True

    def side(self, delivery: Delivery) -> tuple[str, bool]:
        """(who is talked to, whether they have just failed): see `crowd`."""
        raise NotImplementedError

    def hold_until(self, delivery: Delivery) -> datetime | None:
        """When the other side may be tried again; None: now."""
        del delivery
        return None

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> Any:
        """Carry it out. Raises ProviderError by what is to be done, or NotYet."""
        raise NotImplementedError

    def succeeded(self, delivery: Delivery, result: Any) -> None:
        """Write down what came of it; in the transaction that ends the delivery."""

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        """Say what could not be done; in the transaction that ends the delivery."""

    def worked(self, delivery: Delivery) -> None:
        """Note that the other side is well; after the commit."""

    def troubled(self, delivery: Delivery, error: ProviderError) -> None:
        """Note what is wrong with the other side; outside any transaction."""
