"""LiveChat's OAuth: the accounts server of Text.

https://platform.text.com/docs/authorization/oauth-authorization
"""

from __future__ import annotations

from collections.abc import Mapping

from providers.base import Connection, OAuthStart, TokenGrant
from providers.errors import Misconfigured, Reconnect
from providers.http import Response, error_for_status, retry_after
from providers.livechat.api import LiveChatApi, parsed
from providers.livechat.errors import api_error
from providers.livechat.models import Grant, TokenInfo

# Not `unauthorized_client`: LiveChat also says that of refresh tokens and codes it does not find.
WRONG_APP = frozenset({"invalid_client"})


class Accounts:
    """Tokens of the agent who connects an installation."""

    def __init__(self, connection: Connection, api: LiveChatApi) -> None:
        self._connection = connection
        self._api = api

    def start(self) -> OAuthStart:
        """See `Provider.oauth_start`."""
        client_id = self._connection.credentials.get("client_id", "")
        if not client_id:
            raise Misconfigured("The app's client ID is missing.", field="client_id")
        params = {"response_type": "code", "client_id": client_id}
        return OAuthStart(f"{self._api.accounts_host}/", params, pkce=True)

    def exchange(self, code: str, redirect_uri: str, code_verifier: str) -> TokenGrant:
        """See `Provider.oauth_exchange`. Refuses another organization than the entered one."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        verifier = {"code_verifier": code_verifier} if code_verifier else {}
        grant = self._grant({**asked, **verifier})
        wanted = self._api.organization_id
        if wanted and grant.organization_id and grant.organization_id != wanted:
            raise Misconfigured(
                f"You connected the organization {grant.organization_id}, but the installation "
                f"is for {wanted}.",
                field="organization_id",
            )
        return _token_grant(grant)

    def refresh(self, refresh_token: str) -> TokenGrant:
        """See `Provider.oauth_refresh`. The refresh token stays the same."""
        return _token_grant(
            self._grant({"grant_type": "refresh_token", "refresh_token": refresh_token})
        )

    def info(self) -> TokenInfo:
        """Whose OAuth token this is; empty where the accounts server does not tell."""
        headers = {"Authorization": f"Bearer {self._connection.tokens.get()}"}
        answer = self._api.accounts("GET", "/v2/info", headers=headers)
        return parsed(TokenInfo, answer) if answer.ok else TokenInfo()

    def _grant(self, asked: Mapping[str, str]) -> Grant:
        credentials = self._connection.credentials
        ours = {name: credentials.get(name, "") for name in ("client_id", "client_secret")}
        answer = self._api.accounts("POST", "/v2/token", data={**asked, **ours})
        if not answer.ok:
            raise _refusal(answer)
        grant = parsed(Grant, answer)
        if not grant.access_token:
            raise Reconnect("LiveChat gave no access token: connect again.", status=answer.status)
        return grant


def _refusal(answer: Response) -> Exception:
    type_, status = api_error(answer).type, answer.status
    if status == 429 or status >= 500:
        wait = retry_after(answer.headers)
        detail = "LiveChat gives no tokens now."
        return error_for_status(status, detail, code=type_, wait=wait, safe=True)
    if type_ in WRONG_APP:
        return Misconfigured(
            "LiveChat does not know this client ID and secret.",
            field="client_id",
            code=type_,
            status=status,
        )
    return Reconnect(
        f"LiveChat refused the authorization ({type_ or status}): connect again.",
        code=type_,
        status=status,
    )


def _token_grant(grant: Grant) -> TokenGrant:
    details = {"account_id": grant.account_id, "organization_id": grant.organization_id}
    return TokenGrant(
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        expires_in=grant.expires_in,
        scope=grant.scope,
        details={name: value for name, value in details.items() if value},
    )
