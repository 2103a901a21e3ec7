"""The contract of a connector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from conversations.models import Event
from hitl_bridge.models import Bot
from providers.errors import OutcomeUnknown, RateLimited, Retry, Unavailable
from providers.http import Response, retry_after


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A POST to the bot."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Disabled(Retry):
    """The bot says that it wants no more callbacks at this address."""


class BotConnector(ABC):
    """Tells one kind of bot. It reads our rows, the engine sends and stores."""

    @abstractmethod
    def configured(self, bot: Bot) -> bool:
        """Whether the bot has what is needed to tell it."""

    @abstractmethod
    def requests(self, event: Event) -> list[OutgoingRequest]:
        """What to send, in order; nothing where the bot has no use for this event."""

    def hold(self, event: Event) -> timedelta | None:
        """How long the event must wait because the bot can't take it yet; None: it may go."""
        del event
        return None

    def judge(self, answer: Response) -> None:
        """Return if the bot took the event. Raises ProviderError by what is to be done."""
        if answer.ok:
            return
        wait = retry_after(answer.headers)
        detail = f"The bot answered {answer.status}."
        if answer.status == 410:
            raise Disabled(
                "The bot answered 410 Gone: callbacks are off until they are switched on again.",
                status=410,
            )
        if answer.status == 429:
            raise RateLimited(detail, retry_after=wait, status=429)
        if answer.status >= 500 or answer.status in (408, 425):
            raise OutcomeUnknown(detail, retry_after=wait, status=answer.status)
        # A wrong route or a rejected signature gets mended at the bot: try again for days.
        raise Unavailable(detail, retry_after=wait, status=answer.status)
