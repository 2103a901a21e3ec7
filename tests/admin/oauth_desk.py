"""A help desk that is connected by login, has a list to pick from, and takes registrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from providers.base import OAuthStart, TokenGrant
from providers.errors import Misconfigured, Reconnect
from providers.types import Account, Capabilities, ChecklistItem, Field, Option
from tests.fake_desk import FakeDesk

exchanged: list[tuple[str, str, dict[str, str], str]] = []
registered: list[str] = []


class OAuthDesk(FakeDesk):
    """Its code is `good`."""

    slug = "odesk"
    label = "Open desk"
    settings_fields = (  # type: ignore[assignment]
        Field("team", "Team", "Where new tickets go.", picker=True),
        Field("allowed_teams", "Other teams", "More of them.", picker=True),
    )
    credential_fields = (  # type: ignore[assignment]
        Field("client_id", "Client id", "In the console.", required=True, app_level=True),
        Field("client_secret", "Secret", "There as well.", secret=True, app_level=True),
    )
    capabilities = Capabilities(
        files=True, transcript="note", notes=True, oauth=True, provisions_webhooks=True
    )

    def check(self) -> Account:
        if self.connection.tokens.get() != "granted":
            raise Reconnect("The token is dead.")
        return Account("acc-1", "Acme desk", acting_as="Ann")

    def options(self, name: str) -> list[Option]:
        if name != "team":
            raise Misconfigured(f"There is no list for {name}.")
        return [Option("7", "Billing <b>")]

    def register(
        self, webhook_url: str, save: Callable[[Mapping[str, Any]], None]
    ) -> Mapping[str, Any]:
        registered.append(webhook_url)
        return {"webhook": "w1"}

    @classmethod
    def checklist(cls, webhook_url: str, settings: Mapping[str, str]) -> list[ChecklistItem]:
        return [ChecklistItem("Enter the address <here>:", webhook_url, "https://desk.example")]

    def oauth_start(self) -> OAuthStart:
        params = {"client_id": self.connection.credentials["client_id"], "scope": "chat"}
        return OAuthStart("https://accounts.desk.example/auth", params, pkce=True)

    def oauth_exchange(
        self, code: str, redirect_uri: str, params: Mapping[str, str], code_verifier: str = ""
    ) -> TokenGrant:
        exchanged.append((code, redirect_uri, dict(params), code_verifier))
        if code != "good":
            raise Reconnect("Open desk refused the code.")
        return TokenGrant("granted", "refresh-1", expires_in=3600)
