"""OAuth, and whose account the token is for.

https://developers.hubspot.com/docs/apps/legacy-apps/authentication/working-with-oauth
"""

from __future__ import annotations

from collections.abc import Mapping

from providers.base import Connection, OAuthStart, TokenGrant
from providers.errors import Misconfigured, Reconnect
from providers.http import Response, segment
from providers.hubspot.api import HubSpotApi, body_of, detail, error_of, parsed
from providers.hubspot.declaration import SCOPES
from providers.hubspot.models import Grant, TokenInfo
from providers.types import Account

AUTH_HOST = "https://app.hubspot.com"
DEAD = frozenset({"BAD_REFRESH_TOKEN", "BAD_AUTH_CODE", "invalid_grant"})


class AccountAccess:
    """The authorization-code flow, refreshing, and the account's name."""

    def __init__(self, connection: Connection, api: HubSpotApi) -> None:
        self._connection = connection
        self._api = api

    def start(self) -> OAuthStart:
        """See `Provider.oauth_start`."""
        settings = self._connection.settings
        client_id = self._connection.credentials.get("client_id", "")
        if not client_id:
            raise Misconfigured("The app's client id is missing.", field="client_id")
        params = {"client_id": client_id, "scope": settings.get("scopes") or " ".join(SCOPES)}
        if settings.get("optional_scopes"):
            params["optional_scope"] = settings["optional_scopes"]
        host = (self._connection.auth_base_url or AUTH_HOST).rstrip("/")
        return OAuthStart(f"{host}/oauth/authorize", params)

    def grant(self, grant_type: str, values: Mapping[str, str]) -> TokenGrant:
        """The tokens for a code or a refresh token; form-encoded, HubSpot takes no JSON here."""
        data = {"grant_type": grant_type, **values, **self._client()}
        answer = self._post("/token", data)
        if not answer.ok:
            raise _refusal(answer)
        grant = parsed(Grant, answer)
        details = {"hub_id": grant.hub_id} if grant.hub_id else {}
        return TokenGrant(
            grant.access_token, grant.refresh_token, grant.expires_in, details=details
        )

    def check(self) -> Account:
        """The portal that the token is for. Raises Misconfigured if it is another app's."""
        info = self._info()
        app_id = self._connection.settings.get("app_id", "")
        if app_id and info.app_id and info.app_id != app_id:
            raise Misconfigured(
                f"The account is connected to the app {info.app_id}, not to {app_id}.",
                field="app_id",
            )
        wanted = (self._connection.settings.get("scopes") or " ".join(SCOPES)).split()
        missing = sorted(set(wanted) - set(info.scopes)) if info.scopes else []
        details = {"App": info.app_id, "Scopes not granted": ", ".join(missing)}
        return Account(
            id=info.hub_id,
            name=info.hub_domain or f"HubSpot account {info.hub_id}",
            acting_as=info.user,
            details={label: value for label, value in details.items() if value},
        )

    def _info(self) -> TokenInfo:
        tokens = self._connection.tokens
        token = tokens.get()
        info = self._introspect(token) or self._introspect(tokens.renew(token))
        if info is None:
            raise Reconnect("HubSpot refused the access token: connect the account again.")
        return info

    def _introspect(self, token: str) -> TokenInfo | None:
        """Whose token this is; None if it is dead."""
        if self._api.version("oauth") == "v1":
            path = self._api.url("oauth", f"/access-tokens/{segment(token)}")
            answer = self._connection.http.request("GET", path)
            dead = answer.status in (400, 401, 404)
        else:
            data = {"token": token, "token_type_hint": "access_token", **self._client()}
            answer = self._post("/token/introspect", data)
            dead = answer.status == 401 or bool(DEAD & set(map(str, body_of(answer).values())))
            dead = dead or (answer.ok and body_of(answer).get("active") is False)
        if dead:
            return None
        if not answer.ok:
            raise _refusal(answer)
        return parsed(TokenInfo, answer)

    def _client(self) -> dict[str, str]:
        credentials = self._connection.credentials
        return {name: credentials.get(name, "") for name in ("client_id", "client_secret")}

    def _post(self, path: str, data: Mapping[str, str]) -> Response:
        url = self._api.url("oauth", path)
        headers = {"Accept": "application/json"}
        return self._connection.http.request("POST", url, headers=headers, data=data)


def _refusal(answer: Response) -> Exception:
    """Why no token came: a dead grant, a wrong app, or HubSpot's own trouble."""
    if answer.status in (408, 423, 425, 429, 477) or answer.status >= 500:
        return error_of(answer, safe=True)
    if DEAD & set(map(str, body_of(answer).values())):
        said = detail(answer, "refused the authorization: connect the account again")
        return Reconnect(said, code="BAD_REFRESH_TOKEN", status=answer.status)
    said = detail(answer, "refused the app; check its client ID and client secret")
    return Misconfigured(said, field="client_id", status=answer.status)
