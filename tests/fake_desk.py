"""A help desk in memory, for tests of what does not depend on any vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from providers.base import Journal, Provider, TokenGrant
from providers.errors import BadSignature, CannotAsk
from providers.types import (
    Account,
    Agent,
    Capabilities,
    Field,
    InboundEvent,
    OpenedTicket,
    OpenRequest,
    OutgoingMessage,
    Sent,
    Ticket,
    WebhookRequest,
    WebhookTrust,
)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RUI = Agent("rui", "Rui", "rui@acme.test")


@dataclass
class Desk:
    """What the vendor has, and what it does to the next calls."""

    tickets: dict[str, list[str]] = field(default_factory=dict)  # id -> texts, in order
    closed: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)  # what the agents alone were told
    answers: list[Callable[[], None] | None] = field(default_factory=list)  # called per write
    happened: list[InboundEvent] = field(default_factory=list)  # what catch_up tells
    files: dict[str, bytes] = field(default_factory=dict)  # address -> what we alone may read
    shown: list[str] = field(default_factory=list)  # to the agent in passing: typing, read
    refreshes: int = 0
    looked_up: int = 0
    silent: bool = False  # whether it can't be asked what it has

    def write(self, effect: Callable[[], Any]) -> Any:
        """Carry a write out, with the trouble that a test asked for before or after it."""
        trouble = self.answers.pop(0) if self.answers else None
        before = getattr(trouble, "before", False)
        if trouble and before:
            trouble()
        result = effect()
        if trouble and not before:
            trouble()
        return result


desk = Desk()


def fails(error: BaseException, *, carried_out: bool = False) -> Callable[[], None]:
    """The next write raises this, having been carried out or not."""

    def trouble() -> None:
        raise error

    trouble.before = not carried_out  # type: ignore[attr-defined]
    return trouble


class FakeDesk(Provider):
    """The adapter to it."""

    slug = "fake"
    label = "Fake desk"
    settings_fields: ClassVar = (Field("team", "Team", "Any."),)
    credential_fields: ClassVar = (Field("client_secret", "Secret", "Any.", secret=True),)
    capabilities = Capabilities(
        files=True,
        transcript="note",
        notes=True,
        typing_out=True,
        typing_in=True,
        read_out=True,
        read_in=True,
    )

    def check(self) -> Account:
        return Account("acc", "Acme")

    def oauth_refresh(self, refresh_token: str) -> TokenGrant:
        desk.refreshes += 1
        return TokenGrant(f"access-{desk.refreshes}", expires_in=1800)

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        def create() -> str:
            id_ = f"t{len(desk.tickets) + 1}"
            desk.write(lambda: desk.tickets.setdefault(id_, []))
            return id_

        def find(since: datetime) -> str | None:
            desk.looked_up += 1
            return next(reversed(desk.tickets), None)

        return OpenedTicket(journal.once("ticket", create, find), contact={"id": "c1"})

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        texts = desk.tickets[ticket.remote_id]
        text = str(message.payload.get("text"))

        def find(since: datetime) -> bool | None:
            if desk.silent:
                raise CannotAsk
            desk.looked_up += 1
            return True if text in texts else None

        journal.once("text", lambda: bool(desk.write(lambda: texts.append(text))) or True, find)
        return Sent((f"{ticket.remote_id}-{len(texts)}",))

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        desk.write(lambda: desk.closed.add(ticket.remote_id))

    def typing(self, ticket: Ticket) -> None:
        desk.write(lambda: desk.shown.append("typing"))

    def mark_read(self, ticket: Ticket, keys: Sequence[str], up_to: datetime) -> None:
        desk.write(lambda: desk.shown.append(f"read {' '.join(keys)}"))

    def reopen(self, ticket: Ticket, journal: Journal) -> None:
        desk.closed.discard(ticket.remote_id)

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal) -> None:
        desk.notes.append(text)

    def catch_up(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        return [event for event in desk.happened if event.remote_id == ticket.remote_id]

    def agent(self, agent_id: str) -> Agent | None:
        return RUI if agent_id == RUI.id else None

    def fetch_media(self, url: str) -> tuple[bytes, str] | None:
        return (desk.files[url], "image/png") if url in desk.files else None

    @classmethod
    def verify(cls, request: WebhookRequest, trust: WebhookTrust) -> None:
        if request.headers.get("x-secret") != "right":
            raise BadSignature

    @classmethod
    def parse(cls, request: WebhookRequest) -> list[InboundEvent]:
        return [event for event in desk.happened if event.key == request.body.decode()]


def registry(others: Mapping[str, str]) -> dict[str, str]:
    """The registry with this help desk in it."""
    return {**others, "fake": "tests.fake_desk:FakeDesk"}
