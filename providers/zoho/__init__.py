"""Zoho SalesIQ: chats of a brand, in which the bridge speaks as the visitor.

Facts and their sources: https://www.zoho.com/salesiq/help/developer-section/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from providers.base import Connection, Journal, OAuthStart, Provider, TokenGrant
from providers.errors import Gone, Misconfigured, Permanent, ProviderError
from providers.http import segment
from providers.types import (
    Account,
    Agent,
    Availability,
    Capabilities,
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
from providers.zoho import chat, events, hooks, oauth
from providers.zoho.api import NotPermitted, ZohoApi, listed
from providers.zoho.declaration import (
    CONSOLE,
    CREDENTIALS,
    SESSION_KEYS,
    SETTINGS,
    WEBHOOK_EVENTS,
    allowed_departments,
    session_problems,
    value_problems,
)
from providers.zoho.models import Entity, Named, Operator
from providers.zoho.outgoing import FILE_TIMEOUT, MAX_FILE, Outgoing

OPERATOR_PAGES = 10


class Zoho(Provider):
    """One brand of a SalesIQ account, by an organization's token."""

    slug = "zoho"
    label = "Zoho SalesIQ"
    docs_url = CONSOLE
    settings_fields = SETTINGS
    credential_fields = CREDENTIALS
    capabilities = Capabilities(
        files=True,
        transcript="field",
        notes=False,
        tells_after_end="whileOpen",
        availability=True,
        transfers=True,
        oauth=True,
        provisions_webhooks=True,
        session_keys=SESSION_KEYS,
    )
    webhook_topics = WEBHOOK_EVENTS
    # Two a second, as Zoho names no number but blocks the IP address; with room for a check or a
    # registration, which are several calls in a row.
    rate_limit = "20/10 seconds"
    token_lifetime_fraction = oauth.RENEW_AT

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._api = ZohoApi(connection)
        self._outgoing = Outgoing(connection, self._api)
        self._webhooks = hooks.Webhooks(connection, self._api)

    # --- declaration ------------------------------------------------------------------------

    @classmethod
    def validate(cls, settings: Mapping[str, str], credentials: Mapping[str, str]) -> list[Problem]:
        problems = [*super().validate(settings, credentials), *value_problems(settings)]
        key = credentials.get("webhook_public_key", "")
        if key and hooks.read_key(key) is None:
            problems.append(Problem("webhook_public_key", "This is no RSA public key."))
        return problems

    def validate_session(self, session: Mapping[str, Any]) -> list[Problem]:
        return [
            *super().validate_session(session),
            *session_problems(session, self.connection.settings),
        ]

    # --- connection -------------------------------------------------------------------------

    def check(self) -> Account:
        settings = self.connection.settings
        brands = listed(Named, self._api.v2("GET", "/apps"))
        brand = _chosen(brands, settings.get("app_id", ""), "app_id", "brand")
        names = self._department_names()
        for department in allowed_departments(settings) if names else []:
            if department not in names:
                raise Misconfigured(
                    f"SalesIQ has no department {department}.", field="department_id"
                )
        chosen = settings.get("department_id", "")
        if not chosen:
            raise Misconfigured("Choose the department that chats go to.", field="department_id")
        return Account(
            id=settings.get("org_id", ""),
            name=f"{brand.name or brand.id} ({settings.get('screen_name', '')})",
            details={
                "Data center": settings.get("data_center", ""),
                "Brand": brand.name or brand.id,
                "Brand enabled": brand.enabled or "not told",
                "Department": names.get(chosen, chosen),
                "Reads chats": self._reads_chats(),
                "User-level token": "yes" if self._api.has_user_token else "no",
            },
        )

    def options(self, name: str) -> list[Option]:
        if name == "app_id":
            return _options(listed(Named, self._api.v2("GET", "/apps")))
        if name in ("department_id", "allowed_departments"):
            return _options(listed(Named, self._api.v2("GET", "/departments")))
        return super().options(name)

    def _reads_chats(self) -> str:
        """Whether agents' messages can be asked for, in words: it is not known of every token."""
        try:
            self._api.v2("GET", "/conversations", params={"limit": "1"})
        except NotPermitted:
            return "no: enter a user-level refresh token"
        except ProviderError as error:
            return f"not known: {error.detail}"
        return "yes"

    def _department_names(self) -> dict[str, str]:
        """Id -> name; empty where Zoho does not list them, which is not documented."""
        try:
            found = listed(Named, self._api.v2("GET", "/departments"))
        except (Gone, Misconfigured, Permanent):
            return {}
        return {one.id: one.name for one in found if one.id}

    def register(
        self, webhook_url: str, save: Callable[[Mapping[str, Any]], None]
    ) -> Mapping[str, Any]:
        return self._webhooks.register(webhook_url, save)

    def unregister(self) -> None:
        self._webhooks.unregister()

    # --- OAuth ------------------------------------------------------------------------------

    def oauth_start(self) -> OAuthStart:
        return oauth.start(self.connection)

    def oauth_exchange(
        self, code: str, redirect_uri: str, params: Mapping[str, str], code_verifier: str = ""
    ) -> TokenGrant:
        del code_verifier
        return oauth.exchange(self.connection, code, redirect_uri, params)

    def oauth_refresh(self, refresh_token: str) -> TokenGrant:
        return oauth.refresh(self.connection, refresh_token)

    # --- outgoing ---------------------------------------------------------------------------

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        return self._outgoing.open(request, journal)

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        return self._outgoing.send(ticket, message, journal)

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        self._outgoing.close(ticket, note, journal)

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal) -> None:
        self._outgoing.tell_agent(ticket, text, journal)

    # --- looking ----------------------------------------------------------------------------

    def catch_up(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        return self._read(ticket, since, lambda: self._api.conversation(ticket.remote_id))

    def read_agents(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        """The messages alone: two calls a second is all that there is."""
        return self._read(ticket, since, Entity)

    def _read(
        self, ticket: Ticket, since: datetime, look: Callable[[], Entity]
    ) -> list[InboundEvent]:
        since = max(since, ticket.opened_at)
        try:
            entity = look()
            messages = self._api.messages(ticket.remote_id, since)
        except NotPermitted as error:
            # Not Misconfigured: sending and webhooks work, so the installation must not pause.
            raise Permanent(
                "Zoho does not let this connection read chats: enter a user-level refresh token.",
                code=error.code,
                status=error.status,
            ) from None

        def attachment_url(attachment_id: str) -> str:
            chat = f"{self._attachments_under}{segment(ticket.remote_id)}"
            return f"{chat}/attachments/{segment(attachment_id)}"

        return chat.chat_events(ticket.remote_id, entity, messages, since, attachment_url)

    def agent(self, agent_id: str) -> Agent | None:
        """Asked with the user-level token only: an organization's has no such permission."""
        if not self._api.has_user_token:
            return None
        try:
            found = listed(Operator, self._api.v2("GET", f"/operators/{segment(agent_id)}"))
        except (Gone, Misconfigured, Permanent):
            return None
        if not found:
            return None
        return Agent(agent_id, found[0].full_name, found[0].email_id)

    def availability(self, session: Mapping[str, Any]) -> Availability:
        """Online if an operator of the department is available and not busy, where Zoho tells."""
        if not self._api.has_user_token:
            return Availability("unknown", "Zoho tells this only to a user-level token.")
        try:
            operators = self._operators()
        except (Gone, Misconfigured, Permanent):
            return Availability("unknown", "Zoho does not tell who is available.")
        department = str(
            session.get("departmentId") or self.connection.settings.get("department_id", "")
        )
        people = [
            one
            for one in operators
            if one.is_enabled != "false"
            and not one.is_deleted
            and (one.departments is None or department in one.departments)
        ]
        here = sum(one.status_code == "1" for one in people)
        detail = f"{here} of {len(people)} operators are available."
        return Availability("online" if here else "offline", detail)

    def fetch_media(self, url: str) -> tuple[bytes, str] | None:
        if not url.startswith(self._attachments_under):
            return None
        path = url.removeprefix(self._attachments_under)
        if "/attachments/" not in path or ".." in path or "?" in path:
            return None
        answer = self._api.v2(
            "GET", f"/conversations/{path}", max_bytes=MAX_FILE, timeout=FILE_TIMEOUT
        )
        return answer.content, answer.media_type or "application/octet-stream"

    @property
    def _attachments_under(self) -> str:
        screen = segment(self.connection.settings.get("screen_name", ""))
        return f"{self._api.base_url}/api/v2/{screen}/conversations/"

    def _operators(self) -> list[Operator]:
        """All operators; Zoho gives 20 at a time."""
        found: dict[str, Operator] = {}
        for index in range(OPERATOR_PAGES):
            params = {"index": str(index * 20 + 1)}
            page = listed(Operator, self._api.v2("GET", "/operators", params=params))
            fresh = {one.id: one for one in page if one.id not in found}
            found |= fresh
            if not fresh or len(page) < 20:
                break
        return list(found.values())

    # --- incoming ---------------------------------------------------------------------------

    @classmethod
    def verify(cls, request: WebhookRequest, trust: WebhookTrust) -> None:
        hooks.verify(request, trust)

    @classmethod
    def parse(cls, request: WebhookRequest) -> list[InboundEvent]:
        return events.parse_webhook(request)

    @classmethod
    def receipt_key(cls, request: WebhookRequest) -> str:
        return events.webhook_key(request.body)


def _chosen(found: list[Named], wanted: str, field: str, what: str) -> Named:
    if not wanted:
        raise Misconfigured(f"Choose the {what} that chats belong to.", field=field)
    for one in found:
        if one.id == wanted:
            return one
    raise Misconfigured(f"SalesIQ has no {what} {wanted} that this account may use.", field=field)


def _options(found: list[Named]) -> list[Option]:
    return [Option(one.id, one.name or one.id) for one in found if one.id]
