"""What of a delivery has been carried out: see `providers.base.Journal`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from conversations.engine import stopping
from conversations.engine.handlers import NotYet
from conversations.engine.patience import patiently
from conversations.models import Delivery
from providers.errors import CannotAsk, RateLimited, Retry, Unavailable

T = TypeVar("T")


class LostLease(Exception):
    """Another worker has taken the delivery over: stop here and leave it to them."""


class DeliveryJournal:
    """The steps of one delivery, kept in its row.

    A step's result is written before the next step starts (or with the delivery's end), so a
    delivery of one step costs nothing extra; a crash in between leaves that step in doubt, and
    it is looked up.
    """

    def __init__(self, delivery: Delivery) -> None:
        self.key = f"hitl-{delivery.pk}"
        self.progress: dict[str, Any] = dict(delivery.progress)
        self.doubtful_since = delivery.doubtful_since
        self.found = False  # an earlier attempt turned out to have been carried out
        self.repeated_in_doubt = delivery.repeated_in_doubt
        self._delivery = delivery
        self._unsaved = False

    def once(
        self,
        step: str,
        do: Callable[[], T],
        find: Callable[[datetime], T | None] | None = None,
    ) -> T:
        """See `providers.base.Journal.once`."""
        if step in self.progress:
            done: T = self.progress[step]
            return done
        if stopping.requested():
            raise NotYet(timedelta(0), "The worker was stopped; another one goes on.")
        if self.doubtful_since is not None:
            looked_up = self._look(step, find)
            if looked_up is not None:
                return looked_up
        self.flush()
        result = do()
        self._record(step, result)
        return result

    def _look(self, step: str, find: Callable[[datetime], T | None] | None) -> T | None:
        """Settle the doubt about this step, the first that no earlier attempt finished."""
        try:
            found = self._ask(find)
        except CannotAsk:
            self.repeated_in_doubt, found = True, None
        self.doubtful_since = None
        if found is not None:
            self.found = True
            self._record(step, found)
        return found

    def _ask(self, find: Callable[[datetime], T | None] | None) -> T | None:
        assert self.doubtful_since is not None
        if find is None:
            raise CannotAsk
        try:
            return find(self.doubtful_since)
        except (RateLimited, Unavailable):
            raise
        except Retry as early:
            # Nothing was tried: the vendor can't know yet, and says when to ask again.
            if early.retry_after is None:
                raise
            raise NotYet(timedelta(seconds=early.retry_after), early.detail) from None

    def _record(self, step: str, result: Any) -> None:
        self.progress[step] = result
        self._unsaved = True

    def flush(self) -> None:
        """Write down what has been done; raises LostLease if the delivery is no longer ours."""
        if not self._unsaved:
            return
        ours = Delivery.objects.filter(
            pk=self._delivery.pk, attempt_count=self._delivery.attempt_count
        )
        done = {"progress": self.progress, "doubtful_since": self.doubtful_since}
        if not patiently(partial(ours.update, **done)):
            raise LostLease
        self._unsaved = False
