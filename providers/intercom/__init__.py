"""Intercom: conversations in a workspace's inbox.

Facts and their sources: https://developers.intercom.com/docs
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from providers.base import Connection, Journal, OAuthStart, Provider, TokenGrant
from providers.errors import Misconfigured, Reconnect
from providers.http import error_for_status, segment
from providers.intercom import events
from providers.intercom.api import API_HOSTS, APP_HOSTS, IntercomApi, parsed, region_of
from providers.intercom.declaration import (
    CREDENTIALS,
    SETTINGS,
    TOPICS,
    checklist,
    session_problems,
    value_problems,
)
from providers.intercom.models import Admin, Admins, Grant, Me, Team, Teams
from providers.intercom.opening import Opener
from providers.intercom.speaking import SKEW, Speaker
from providers.signatures import require_equal, require_secret
from providers.types import (
    Account,
    Agent,
    Availability,
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


class Intercom(Provider):
    """One workspace, by its own app's access token or by OAuth."""

    slug = "intercom"
    label = "Intercom"
    docs_url = "https://app.intercom.com/a/apps/_/developer-hub"
    settings_fields = SETTINGS
    credential_fields = CREDENTIALS
    capabilities = Capabilities(
        files=True,
        transcript="note",
        notes=True,
        availability=True,
        transfers=True,
        oauth=True,
        app_webhooks=True,
        session_keys=("teamId", "attributes"),
    )
    webhook_topics = TOPICS
    rate_limit = "1600/10 seconds"  # 10,000 a minute, counted in windows of ten seconds

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._api = IntercomApi(connection)
        self._speaker = Speaker(connection, self._api)
        self._opener = Opener(connection, self._api, self._speaker)

    # --- declaration ------------------------------------------------------------------------

    @classmethod
    def validate(cls, settings: Mapping[str, str], credentials: Mapping[str, str]) -> list[Problem]:
        return [
            *super().validate(settings, credentials),
            *value_problems(settings, credentials),
        ]

    def validate_session(self, session: Mapping[str, Any]) -> list[Problem]:
        return [
            *super().validate_session(session),
            *session_problems(session, self.connection.settings),
        ]

    # --- connection -------------------------------------------------------------------------

    def check(self) -> Account:
        me = self._api.read(Me, "GET", "/me")
        known = self.connection.account_id
        if known and known != me.app.id_code:
            raise Misconfigured(
                f"This token is for the workspace {me.app.id_code}, but the installation belongs "
                f"to {known}. Make another installation for another workspace.",
                field="access_token",
            )
        return Account(
            id=me.app.id_code,
            name=me.app.name or me.app.id_code,
            acting_as=f"{me.name} ({me.email})" if me.email else me.name,
            details={"Region": me.app.region, "Teammate id": me.id},
        )

    def options(self, name: str) -> list[Option]:
        if name in ("team_id", "allowed_teams"):
            teams = self._api.read(Teams, "GET", "/teams").teams
            return [Option(team.id, team.name) for team in teams]
        if name in ("admin_id", "assignee_id"):
            return [Option(admin.id, admin.name) for admin in self._teammates()]
        return super().options(name)

    def register(
        self, webhook_url: str, save: Callable[[Mapping[str, Any]], None]
    ) -> Mapping[str, Any]:
        """Intercom has no API for webhooks; remembers whose token it is, for notes."""
        del webhook_url, save
        return {**self.connection.state, "admin_id": self._api.read(Me, "GET", "/me").id}

    @classmethod
    def checklist(cls, webhook_url: str, settings: Mapping[str, str]) -> list[ChecklistItem]:
        return checklist(webhook_url, settings)

    # --- OAuth ------------------------------------------------------------------------------

    def oauth_start(self) -> OAuthStart:
        client_id = self.connection.credentials.get("client_id", "")
        if not client_id:
            raise Misconfigured("The app's client id is missing.", field="client_id")
        host = self.connection.auth_base_url or APP_HOSTS[region_of(self.connection)]
        return OAuthStart(f"{host.rstrip('/')}/oauth", {"client_id": client_id})

    def oauth_exchange(
        self, code: str, redirect_uri: str, params: Mapping[str, str], code_verifier: str = ""
    ) -> TokenGrant:
        """The token never expires; only the documented host is known to give one."""
        del redirect_uri, params, code_verifier
        host = self.connection.api_base_url or API_HOSTS["us"]
        credentials = self.connection.credentials
        answer = self.connection.http.request(
            "POST",
            f"{host.rstrip('/')}/auth/eagle/token",
            headers={"Accept": "application/json"},
            data={
                "code": code,
                "client_id": credentials.get("client_id", ""),
                "client_secret": credentials.get("client_secret", ""),
            },
        )
        if answer.status == 429 or answer.status >= 500:
            raise error_for_status(answer.status, "Intercom can't connect now.", safe=True)
        grant = parsed(Grant, answer) if answer.ok else Grant()
        token = grant.access_token or grant.token
        if not token:
            raise Reconnect(
                "Intercom refused the authorization: connect again, and check the app's client id "
                "and client secret.",
                status=answer.status,
            )
        return TokenGrant(access_token=token)

    # --- outgoing ---------------------------------------------------------------------------

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        opened = self._opener.open(request, journal)
        return OpenedTicket(
            opened.remote_id, opened.state, opened.contact, self._inbox_url(opened.remote_id)
        )

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        return self._speaker.send(ticket, message, journal)

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        self._speaker.close(ticket, note, journal)

    def reopen(self, ticket: Ticket, journal: Journal) -> None:
        self._speaker.reopen(ticket, journal)

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal) -> None:
        self._speaker.tell_agent(ticket, text, journal, "tell")

    def _inbox_url(self, remote_id: str) -> str:
        if not self.connection.account_id:
            return ""
        host = APP_HOSTS[region_of(self.connection)]
        return f"{host}/a/apps/{self.connection.account_id}/conversations/{segment(remote_id)}"

    # --- looking ----------------------------------------------------------------------------

    def catch_up(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        """The conversation was made for this ticket, so nothing in it is older than that.

        An assignment's own words are left out: read like this, a reply looks like a note.
        """
        conversation = self._api.conversation(ticket.remote_id)
        return events.conversation_events(conversation, since - SKEW)

    def agent(self, agent_id: str) -> Agent | None:
        answer = self._api.call("GET", f"/admins/{segment(agent_id)}", allow=(404,))
        if not answer.ok:
            return None
        admin = parsed(Admin, answer)
        return Agent(admin.id, admin.name, admin.email, admin.picture_url, bot=admin.is_operator)

    def availability(self, session: Mapping[str, Any]) -> Availability:
        """Online if a teammate with an inbox seat is not set to away: all that Intercom tells."""
        try:
            return self._availability(session)
        except Misconfigured as error:
            return Availability("unknown", error.detail)

    def _availability(self, session: Mapping[str, Any]) -> Availability:
        people = [admin for admin in self._teammates() if admin.has_inbox_seat]
        team_id = str(session.get("teamId") or self.connection.settings.get("team_id", ""))
        if team_id:
            answer = self._api.call("GET", f"/teams/{segment(team_id)}", allow=(404,))
            if not answer.ok:
                return Availability("unknown", f"Intercom does not know team {team_id}.")
            members = parsed(Team, answer).admin_ids
            people = [admin for admin in people if admin.id in members]
        here = sum(not admin.away_mode_enabled for admin in people)
        status = f"{here} of {len(people)} teammates are not set to away."
        return Availability("online" if here else "offline", status)

    def _teammates(self) -> list[Admin]:
        admins = self._api.read(Admins, "GET", "/admins").admins
        return [admin for admin in admins if not admin.is_operator]

    # --- incoming ---------------------------------------------------------------------------

    @classmethod
    def verify(cls, request: WebhookRequest, trust: WebhookTrust) -> None:
        """`X-Hub-Signature: sha1=` and HMAC-SHA1 of the raw body by the client secret.

        There is no time stamp in it; replays are harmless because effects happen once.
        """
        secret = require_secret(trust.credentials.get("client_secret"), "client secret")
        expected = hmac.new(secret, request.body, hashlib.sha1).hexdigest()
        require_equal(request.headers.get("x-hub-signature"), f"sha1={expected}")

    @classmethod
    def parse(cls, request: WebhookRequest) -> list[InboundEvent]:
        return events.parse_notification(request.body)

    @classmethod
    def receipt_key(cls, request: WebhookRequest) -> str:
        return events.notification_id(request.body)
