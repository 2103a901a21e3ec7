"""The contract of a help desk adapter.

An adapter is one module with one subclass of `Provider`. It knows HTTP and the vendor's JSON;
it knows no models, no settings and no clock but the connection's. The base class owns what is
the same for all; each hook's docstring is its contract: what it returns, what it raises,
whether it may do I/O. docs/adding-a-provider.md walks through one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from providers.errors import Misconfigured
from providers.http import HttpClient
from providers.types import (
    Account,
    Agent,
    Availability,
    Capabilities,
    ChecklistItem,
    Field,
    InboundEvent,
    OpenedTicket,
    OpenRequest,
    Option,
    OutgoingMessage,
    Problem,
    Sent,
    Ticket,
    WebhookRequest,
    WebhookTrust,
)

T = TypeVar("T")


class Journal(Protocol):
    """What of one delivery has been carried out already, so that a repeat goes on, not again.

    `key` is the same for every attempt at one delivery: the idempotency key for vendors that
    take one (add the step's name where a delivery has several).
    """

    key: str

    def once(
        self,
        step: str,
        do: Callable[[], T],
        find: Callable[[datetime], T | None] | None = None,
    ) -> T:
        """Carry out `do` unless an earlier attempt did, and remember its (JSON) result.

        Where an earlier attempt's outcome at this step is unknown (crash, time-out), `find` is
        asked first, with the time of that attempt's start; what it returns counts as the
        result, None means "surely not carried out". It raises `Retry` when it can't know yet,
        `CannotAsk` when it never will: then, and without `find`, the step is repeated and the
        delivery is shown as doubtful.
        """


def repeatable(_since: datetime) -> None:
    """`find` of a step that does no harm when it is done twice."""


class TokenSource(Protocol):
    """Where an adapter's access token comes from; refreshes are locked and stored elsewhere."""

    def get(self) -> str:
        """A token that is good for at least a minute. Raises Reconnect when there is none."""

    def renew(self, rejected: str) -> str:
        """A token other than `rejected`, which the vendor refused. Raises Reconnect."""


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What an OAuth token endpoint answered."""

    access_token: str
    refresh_token: str = ""  # empty: keep the one there is
    expires_in: float | None = None  # seconds; None: does not expire
    scope: str = ""
    details: Mapping[str, str] = field(default_factory=dict)  # e.g. account id, API domain


@dataclass(frozen=True, slots=True)
class OAuthStart:
    """What the authorization request needs beside the state."""

    url: str  # the vendor's authorize address
    params: Mapping[str, str]  # client_id, scope, ...; redirect_uri and state are added
    pkce: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """One installation as its adapter sees it."""

    settings: Mapping[str, str]
    # The app's and the installation's, merged.
    credentials: Mapping[str, str] = field(repr=False)
    http: HttpClient
    tokens: TokenSource
    now: Callable[[], datetime]
    account_id: str = ""  # from the last successful `check`
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)  # what `register` returned
    api_base_url: str = ""  # replaces the vendor's host (sandbox, proxy, mock)
    auth_base_url: str = ""


class Provider(ABC):
    """One help desk, connected to one account."""

    slug: ClassVar[str]
    label: ClassVar[str]
    docs_url: ClassVar[str] = ""  # the vendor's console or developer page
    settings_fields: ClassVar[tuple[Field, ...]]
    credential_fields: ClassVar[tuple[Field, ...]]
    capabilities: ClassVar[Capabilities]
    webhook_topics: ClassVar[tuple[str, ...]] = ()
    rate_limit: ClassVar[str] = (
        ""  # calls per account, as the limits library reads it: "100/10 seconds"
    )
    token_lifetime_fraction: ClassVar[float] = 0.8  # refresh at this part of the token's life

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    # --- declaration ------------------------------------------------------------------------

    @classmethod
    def validate(cls, settings: Mapping[str, str], credentials: Mapping[str, str]) -> list[Problem]:
        """What is wrong with the entered values, without I/O. Adapters add their own rules."""
        problems = []
        for declared, values in (
            (cls.settings_fields, settings),
            (cls.credential_fields, credentials),
        ):
            for item in declared:
                value = values.get(item.name, "")
                if item.required and not value:
                    problems.append(Problem(item.name, f"{item.label} is missing. {item.help}"))
                allowed = [choice for choice, _ in item.choices]
                if value and allowed and value not in allowed:
                    problems.append(
                        Problem(item.name, f"{item.label} must be one of {', '.join(allowed)}.")
                    )
        return problems

    def validate_session(self, session: Mapping[str, Any]) -> list[Problem]:
        """What is wrong with a bot's `hitlSession`, without I/O: unknown keys, wrong values."""
        known = self.capabilities.session_keys
        return [
            Problem(f"hitlSession.{key}", f"{self.label} takes {', '.join(known) or 'none'} here.")
            for key in session
            if key not in known
        ]

    # --- connection (I/O) -------------------------------------------------------------------

    @abstractmethod
    def check(self) -> Account:
        """Whom we are connected as. Raises Reconnect, Misconfigured or Retry."""

    def options(self, name: str) -> list[Option]:
        """The account's values for the picker field `name`; raises Misconfigured if unknown."""
        raise Misconfigured(f"{self.label} has no list for {name}.", field=name)

    def register(
        self, webhook_url: str, save: Callable[[Mapping[str, Any]], None]
    ) -> Mapping[str, Any]:
        """Provision what the vendor's API can: webhooks, channels. Safe to repeat.

        `connection.state` holds what earlier runs saved. `save` stores progress at once, so that
        a crash between two calls orphans nothing. Returns the whole new state.
        """
        del webhook_url, save
        return self.connection.state

    def unregister(self) -> None:
        """Remove what `register` made; what is gone already counts as removed."""

    @classmethod
    def checklist(cls, webhook_url: str, settings: Mapping[str, str]) -> list[ChecklistItem]:
        """What the operator must enter at the vendor by hand. No I/O."""
        del webhook_url, settings
        return []

    # --- OAuth ------------------------------------------------------------------------------

    def oauth_start(self) -> OAuthStart:
        """The authorization request. No I/O. Raises Misconfigured without OAuth or client id."""
        raise Misconfigured(f"{self.label} is not connected by OAuth.")

    def oauth_exchange(
        self, code: str, redirect_uri: str, params: Mapping[str, str], code_verifier: str = ""
    ) -> TokenGrant:
        """The authorization code's tokens; `params` is the callback's whole query."""
        raise Misconfigured(f"{self.label} is not connected by OAuth.")

    def oauth_refresh(self, refresh_token: str) -> TokenGrant:
        """Fresh tokens. Raises Reconnect when the vendor says that the refresh token is dead."""
        raise Misconfigured(f"{self.label} has no refresh tokens.")

    # --- outgoing (I/O) ---------------------------------------------------------------------

    @abstractmethod
    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        """Open a ticket with the user's data and the whole transcript where the agent sees it.

        Every call that changes something at the vendor is a step of the journal.
        """

    @abstractmethod
    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        """Deliver a message of any type, in the end user's name (or the bot's, visibly).

        What the vendor can't show as it is becomes readable text with links.
        """

    @abstractmethod
    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        """Close the ticket; one that is closed or gone already counts as closed.

        `note` says why, for the agent.
        """

    def reopen(self, ticket: Ticket, journal: Journal) -> None:
        """Open a closed ticket again, so that the customer's words arrive; nothing where the
        vendor does so by itself or can't."""

    def typing(self, ticket: Ticket) -> None:
        """Show the agent that the user is typing; nothing where the vendor can't."""

    def mark_read(self, ticket: Ticket, keys: Sequence[str], up_to: datetime) -> None:
        """Show the agent that the user has read; nothing where the vendor can't.

        `keys`: of the AgentMessages that have been read since the last time; `up_to`: the time
        of the latest of them.
        """

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal) -> None:
        """Tell the agent something, also after the end; nothing where impossible.

        Where there are no notes (`Capabilities.notes`), it is a message marked as the bridge's:
        customers read the bot's chat and not the help desk's, and it is no agent's.
        """

    # --- looking (I/O) ----------------------------------------------------------------------

    @abstractmethod
    def catch_up(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        """All that happened on the ticket's agent side since then, in the vendor's order.

        The keys are those that `parse` gives for the same happenings, so that what has been
        seen is dropped. Raises Gone if the ticket no longer exists.
        """

    def read_agents(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        """At least what agents said since then, in the vendor's order; else like `catch_up`.

        Asked ahead of telling each agent's message, since webhooks overtake each other: it should
        cost one call.
        """
        return self.catch_up(ticket, since)

    def agent(self, agent_id: str) -> Agent | None:
        """The agent's name, e-mail and picture, and whether it is a bot; None if unknown there."""
        del agent_id
        return None

    def availability(self, session: Mapping[str, Any]) -> Availability:
        """Whether agents are there, where the vendor tells."""
        del session
        return Availability("unknown")

    def fetch_media(self, url: str) -> tuple[bytes, str] | None:
        """A file of an agent's message that needs our credentials, as (content, MIME type).

        None: the address can be fetched without credentials, by anyone.
        """
        del url
        return None

    # --- incoming (pure, no I/O) ------------------------------------------------------------

    @classmethod
    @abstractmethod
    def verify(cls, request: WebhookRequest, trust: WebhookTrust) -> None:
        """Raise BadSignature unless the request is the vendor's, in constant time, fail closed."""

    @classmethod
    @abstractmethod
    def parse(cls, request: WebhookRequest) -> list[InboundEvent]:
        """What happened, in the vendor's order; unknown kinds are left out. Raises BadPayload.

        Every event names its `account_id` where the request does: an app's address routes by
        it, an installation's address refuses another account's.
        """

    @classmethod
    def concerns(cls, state: Mapping[str, Any], event: InboundEvent) -> bool:
        """Whether the event is about the session with this ticket `state`.

        For vendors who keep one ticket for several sessions: a late word about the last session
        must not end this one.
        """
        del state, event
        return True

    @classmethod
    def continued(cls, ticket: Ticket, event: InboundEvent) -> OpenedTicket:
        """The ended session's ticket as the next session has it, which an agent began on it by
        this event; `ticket.conversation_id` is the next one's. No I/O."""
        del event
        return OpenedTicket(ticket.remote_id, ticket.state, ticket.contact)

    @classmethod
    def receipt_key(cls, request: WebhookRequest) -> str:
        """The vendor's id of this webhook, the same for its repeats; empty: the body's hash."""
        del request
        return ""


def by_time(events: Sequence[InboundEvent]) -> list[InboundEvent]:
    """Events in the order of their times; equal times keep the given order."""
    return sorted(events, key=lambda event: event.at)
