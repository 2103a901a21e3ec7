"""What a vendor's imitation declares. A new vendor is one folder and one line in __init__."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from sandbox.models import Account, OutgoingWebhook, Part, Ticket


@dataclass(frozen=True)
class Change:
    """Something that happened in the help desk and may be reported by webhook."""

    event: str  # created, replied, noted, assigned, closed, opened, snoozed, unsnoozed,
    # redacted, deleted, seen
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
    good_statuses: Container[int] = range(200, 300)  # answers that mean: received
    disabling_statuses: frozenset[int] = frozenset()  # answers that end the subscription
    knock: str = ""  # method of the request that checks a new webhook address
    # A team is where a ticket lies, such as an inbox: moving there takes it from its agent, and
    # taking it from the agent leaves it there.
    teams_are_places = False
    tells_seen = False  # by webhook, that an agent has looked at what the customer wrote

    def start(self) -> None:
        """Start the vendor's own clock, if it has one; called once per process."""

    @abstractmethod
    def seed(self, account: Account) -> None:
        """Fill in credentials that were not given, and create agents and teams. No I/O."""

    @abstractmethod
    def contact_id(self, account: Account) -> str:
        """A fresh id for a contact, shaped like the vendor's."""

    def ticket_id(self, account: Account) -> str:
        """A fresh id for a ticket, shaped like the vendor's."""
        return str(account.next_number())

    def part_id(self, part: Part) -> str:
        """The same for a part, which is complete but not saved yet, like its ticket: a vendor
        that keeps more about a ticket than the desk does may note it there now."""
        return str(part.ticket.account.next_number())

    @abstractmethod
    def announce(self, change: Change) -> Iterable[tuple[str, dict[str, Any]]]:
        """The webhooks that report this change: pairs of topic and payload."""

    def address(self, account: Account, topic: str, payload: dict[str, Any]) -> str:
        """Where a webhook goes; empty where nobody wants it."""
        return account.webhook_url if account.webhook_state == "active" else ""

    def lane(self, ticket: Ticket, topic: str) -> str:
        """Names the queue of a ticket's webhook: those of one are sent one after another."""
        return ticket.vendor_id

    @abstractmethod
    def sign(self, webhook: OutgoingWebhook) -> SignedRequest:
        """The next attempt's body and headers."""

    def ping(self, account: Account) -> tuple[str, dict[str, Any]] | None:
        """The topic and payload of the webhook that only says hello; None where there is none."""
        return None

    def inline_image(self, url: str, name: str) -> str:
        """HTML of a picture inside a text; empty where pictures are always files. The arguments
        are escaped already."""
        return f'<img src="{url}" alt="{name}">'

    @abstractmethod
    def failure(self, status: int, seconds: float) -> HttpResponse:
        """A failure of that HTTP status in the vendor's words; `seconds` until a limit ends."""

    def failure_of(self, request: HttpRequest, status: int, seconds: float) -> HttpResponse:
        """The same, where the vendor's words depend on what was called."""
        return self.failure(status, seconds)
