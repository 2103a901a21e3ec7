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
        """When to look again because the other side is not to be tried now; None: it may be."""
        del delivery
        return None

    def probe(self, delivery: Delivery) -> datetime | None:
        """The same, right before the attempt: of many who might try a side that was away one
        gets None, and must try."""
        del delivery
        return None

    def perform(
        self, delivery: Delivery, journal: Journal, before_request: Callable[[], None]
    ) -> Any:
        """Carry it out. Raises ProviderError by what is to be done, or NotYet."""
        raise NotImplementedError

    def succeeded(self, delivery: Delivery, result: Any) -> None:
        """Write down what came of it; in the transaction that ends the delivery."""

    def got_through(self, delivery: Delivery) -> None:
        """Say that what was stuck has succeeded; after `succeeded`, in its transaction."""

    def gave_up(self, delivery: Delivery, error: ProviderError) -> None:
        """Say what could not be done; in the transaction that ends the delivery."""

    def worked(self, delivery: Delivery) -> None:
        """Note that the other side is well; after the commit."""

    def troubled(self, delivery: Delivery, error: ProviderError) -> datetime | None:
        """Note what is wrong with the other side; outside any transaction.

        Returns when to try this again, if because of that nothing is sent there now.
        """
