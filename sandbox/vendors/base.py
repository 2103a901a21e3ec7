"""What a vendor's imitation declares. A new vendor is one folder and one line in __init__."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse

from sandbox.models import Account, OutgoingWebhook, Part, Ticket


@dataclass(frozen=True)
class Change:
    """Something that happened in the help desk and may be reported by webhook."""

    event: str  # created, replied, noted, assigned, closed, opened, snoozed, unsnoozed,
    # redacted, deleted
    ticket: Ticket
    part: Part | None = None


@dataclass(frozen=True)
class SignedRequest:
    """A webhook as it goes over the wire."""

    body: bytes
    headers: dict[str, str]


class Vendor(ABC):
    """An imitated help desk. Its API is mounted at /<slug>/<account>/."""

    slug: str
    name: str
    urlconf: str  # module with the API's urlpatterns
    webhook_timeout: float = 5  # seconds
    retry_delays: tuple[float, ...] = ()  # seconds before each further attempt
    disabling_statuses: frozenset[int] = frozenset()  # answers that end the subscription
    knock: str = ""  # method of the request that checks a new webhook address

    @abstractmethod
    def seed(self, account: Account) -> None:
        """Fill in credentials that were not given, and create agents and teams. No I/O."""

    @abstractmethod
    def contact_id(self, account: Account) -> str:
        """A fresh id for a contact, shaped like the vendor's."""

    @abstractmethod
    def announce(self, change: Change) -> Iterable[tuple[str, dict[str, Any]]]:
        """The webhooks that report this change: pairs of topic and payload."""

    @abstractmethod
    def sign(self, webhook: OutgoingWebhook) -> SignedRequest:
        """The next attempt's body and headers."""

    def ping(self, account: Account) -> tuple[str, dict[str, Any]] | None:
        """The topic and payload of the webhook that only says hello; None where there is none."""
        return None

    def inline_image(self, url: str, name: str) -> str:
        """HTML of a picture inside a text. The arguments are escaped already."""
        return f'<img src="{url}" alt="{name}">'

    @abstractmethod
    def failure(self, status: int, seconds: float) -> HttpResponse:
        """A failure of that HTTP status in the vendor's words; `seconds` until a limit ends."""
