"""HubSpot: threads in a portal's inbox or help desk, over a custom channel of our own.

Facts and their sources: https://developers.hubspot.com/docs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.base import Connection, Journal, OAuthStart, Provider, TokenGrant
from providers.http import segment
from providers.hubspot import events, signature
from providers.hubspot.account import AccountAccess
from providers.hubspot.api import HubSpotApi, parsed
from providers.hubspot.channel import ChannelSetup
from providers.hubspot.declaration import (
    APPS,
    CREDENTIALS,
    SETTINGS,
    TOPICS,
    checklist,
    session_problems,
    value_problems,
)
from providers.hubspot.files import FileStore
from providers.hubspot.models import Actor, Inbox
from providers.hubspot.outgoing import Outgoing
from providers.hubspot.threads import Threads
from providers.signatures import require_secret
from providers.types import (
    Account,
    Agent,
    Capabilities,
    ChecklistItem,
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

APP_HOST = "https://app.hubspot.com"


class HubSpot(Provider):
    """One portal, by OAuth; the channel belongs to the app and may serve many portals."""

    slug = "hubspot"
    label = "HubSpot"
    docs_url = APPS
    settings_fields = SETTINGS
    credential_fields = CREDENTIALS
    capabilities = Capabilities(
        files=True,
        transcript="note",
        notes=True,
        read_out=True,
        transfers=True,
        idempotent_send=True,
        oauth=True,
        provisions_webhooks=True,
        app_webhooks=True,
        session_keys=("inboxId", "assigneeId", "priority", "ticket"),
    )
    webhook_topics = TOPICS
    rate_limit = "110/10 seconds"

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._api = HubSpotApi(connection)
        self._access = AccountAccess(connection, self._api)
        self._channel = ChannelSetup(connection, self._api)
        self._threads = Threads(connection, self._api)
        self._outgoing = Outgoing(connection, self._api, self._threads)

    # --- declaration ------------------------------------------------------------------------

    @classmethod
    def validate(cls, settings: Mapping[str, str], credentials: Mapping[str, str]) -> list[Problem]:
        return [*super().validate(settings, credentials), *value_problems(settings)]

    def validate_session(self, session: Mapping[str, Any]) -> list[Problem]:
        return [
            *super().validate_session(session),
            *session_problems(session, self.connection.settings),
        ]

    # --- connection -------------------------------------------------------------------------

    def check(self) -> Account:
        return self._access.check()

    def options(self, name: str) -> list[Option]:
        if name not in ("inbox_id", "allowed_inboxes"):
            return super().options(name)
        kinds = {"HELP_DESK": " (help desk)", "INBOX": " (inbox)"}
        return [
            Option(inbox.id, inbox.name + kinds.get(inbox.type, ""))
            for inbox in self._api.pages(Inbox, "conversations", "/inboxes")
            if not inbox.archived
        ]

    def register(
        self, webhook_url: str, save: Callable[[Mapping[str, Any]], None]
    ) -> Mapping[str, Any]:
        return self._channel.register(webhook_url, save)

    def unregister(self) -> None:
        self._channel.unregister()

    @classmethod
    def checklist(cls, webhook_url: str, settings: Mapping[str, str]) -> list[ChecklistItem]:
        return checklist(webhook_url, settings)

    # --- OAuth ------------------------------------------------------------------------------

    def oauth_start(self) -> OAuthStart:
        return self._access.start()

    def oauth_exchange(
        self, code: str, redirect_uri: str, params: Mapping[str, str], code_verifier: str = ""
    ) -> TokenGrant:
        del params, code_verifier
        values = {"code": code, "redirect_uri": redirect_uri}
        return self._access.grant("authorization_code", values)

    def oauth_refresh(self, refresh_token: str) -> TokenGrant:
        return self._access.grant("refresh_token", {"refresh_token": refresh_token})

    # --- outgoing ---------------------------------------------------------------------------

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        opened = self._outgoing.open(request, journal)
        url = self._inbox_url(opened.remote_id)
        return OpenedTicket(opened.remote_id, opened.state, opened.contact, url)

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        return self._outgoing.send(ticket, message, journal)

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        self._outgoing.close(ticket, note, journal)

    def mark_read(self, ticket: Ticket, keys: Sequence[str], up_to: datetime) -> None:
        self._outgoing.mark_read(ticket, keys)

    def reopen(self, ticket: Ticket, journal: Journal) -> None:
        self._outgoing.reopen(ticket, journal)

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal) -> None:
        self._outgoing.tell_agent(ticket, text, journal, "tell")

    def _inbox_url(self, remote_id: str) -> str:
        portal = self.connection.account_id
        if not portal:
            return ""
        return f"{APP_HOST}/live-messages/{segment(portal)}/inbox/{segment(remote_id)}"

    # --- looking ----------------------------------------------------------------------------

    def catch_up(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        return self._threads.catch_up(ticket, since)

    def agent(self, agent_id: str) -> Agent | None:
        path = f"/actors/{segment(agent_id)}"
        answer = self._api.call("GET", "conversations", path, allow=(404,))
        if not answer.ok:
            return None
        actor = parsed(Actor, answer)
        if actor.type not in ("AGENT", ""):
            return None
        return Agent(agent_id, actor.name, actor.email, actor.avatar)

    def fetch_media(self, url: str) -> tuple[bytes, str] | None:
        return FileStore(self.connection, self._api).fetch(url)

    # --- incoming ---------------------------------------------------------------------------

    @classmethod
    def verify(cls, request: WebhookRequest, trust: WebhookTrust) -> None:
        secret = require_secret(trust.credentials.get("client_secret"), "client secret")
        signature.verify(request, secret)

    @classmethod
    def parse(cls, request: WebhookRequest) -> list[InboundEvent]:
        return events.parse(request.body, request.received_at)
