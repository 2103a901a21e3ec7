"""Acting as a customer: identities and their tokens.

A customer is known to LiveChat by an entity id and, where there is no OAuth token of an agent,
by two cookies. Without them every token would be a new customer's, so they are kept with the
user (encrypted there) and sealed in the journal, which is not.
https://platform.text.com/docs/authorization/customer-authorization
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from pydantic import BaseModel, ConfigDict, ValidationError

from providers.base import Connection, Journal
from providers.errors import Misconfigured, Reconnect
from providers.http import Response, error_for_status
from providers.livechat.api import LiveChatApi, parsed
from providers.livechat.errors import IdentityLost, api_error
from providers.livechat.models import Grant

RENEW_AT = 0.8  # of a token's life
PATH = "/v2/customer/token"
# Set by the accounts server; read by hand because a sandbox or a proxy has another host.
_COOKIE = re.compile(r"\b(__lc_c(?:id|st))=([^;,\s]+)")
WRONG_APP = frozenset({"invalid_client", "unauthorized_client"})


class Identity(BaseModel):
    """What one customer is known by, and their current token."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    entity_id: str
    cid: str = ""
    cst: str = ""
    token: str = ""
    renew_at: float = 0  # POSIX time

    @classmethod
    def of(cls, contact: Mapping[str, Any]) -> Identity | None:
        """The identity that was kept with a user."""
        try:
            return cls.model_validate(contact.get("customer"))
        except ValidationError:
            return None


class Customers:
    """Where customers and their tokens come from."""

    def __init__(self, connection: Connection, api: LiveChatApi) -> None:
        self._connection = connection
        self._api = api

    def of(self, contact: Mapping[str, Any]) -> Customer:
        """The customer that an earlier ticket was opened as. Raises IdentityLost."""
        identity = Identity.of(contact)
        if identity is None:
            raise IdentityLost("The customer's identity at LiveChat is not known any more.")
        return Customer(self, identity)

    def as_known(self, contact: Mapping[str, Any]) -> KnownToken:
        """The same, by the token that is kept: for calls whose result nobody keeps."""
        identity = self.of(contact).identity
        fresh = self.now.timestamp() < identity.renew_at
        return KnownToken(identity.token if fresh else "")

    def known_or_new(self, contact: Mapping[str, Any], journal: Journal) -> Customer:
        """The user's customer; a new one at first and when LiveChat has forgotten the old one."""
        if Identity.of(contact):
            known = self.of(contact)
            try:
                known.get()
                return known
            except IdentityLost:
                pass
        for step in ("customer", "customer-again"):
            # Made twice, one customer stays without a chat; LiveChat offers nothing to look up.
            sealed = journal.once(step, lambda: self._seal(self.granted(None)), lambda _since: None)
            identity = self._unsealed(sealed)
            if identity:
                return Customer(self, identity)
        raise IdentityLost("The credentials changed while the chat was being opened.")

    @property
    def now(self) -> datetime:
        return self._connection.now()

    # --- grants -------------------------------------------------------------------------------

    def granted(self, known: Identity | None) -> Identity:
        """A fresh token for a known customer, or for a new one."""
        by_agent = not self._connection.credentials.get("agent_token") or bool(
            self._connection.credentials.get("refresh_token")
        )
        answer = self._ask_as_agent(known) if by_agent else self._ask_by_cookie(known)
        if not answer.ok:
            raise self._refusal(answer, known)
        grant = parsed(Grant, answer)
        cookies = dict(_COOKIE.findall(answer.headers.get("Set-Cookie", "")))
        entity_id = grant.entity_id or cookies.get("__lc_cid", "")
        if not grant.access_token or not entity_id:
            raise Reconnect("LiveChat gave no customer token.", status=answer.status)
        if known and entity_id != known.entity_id:
            raise IdentityLost("LiveChat took the customer for a new one.")
        return Identity(
            entity_id=entity_id,
            cid=cookies.get("__lc_cid") or (known.cid if known else "") or entity_id,
            cst=cookies.get("__lc_cst") or (known.cst if known else ""),
            token=grant.access_token,
            renew_at=self.now.timestamp() + grant.expires_in * RENEW_AT,
        )

    def _ask_as_agent(self, known: Identity | None) -> Response:
        """The agent_token grant: needs an OAuth token with the scope customers:own."""
        body = {
            "grant_type": "agent_token",
            "client_id": self._connection.credentials.get("client_id", ""),
            "response_type": "token",
            **({"entity_id": known.entity_id} if known else {}),
        }
        tokens = self._connection.tokens
        token = tokens.get()
        answer = self._post(body, {"Authorization": f"Bearer {token}"})
        if answer.status == 401 and api_error(answer).type not in WRONG_APP:
            renewed = tokens.renew(token)
            answer = self._post(body, {"Authorization": f"Bearer {renewed}"})
        return answer

    def _ask_by_cookie(self, known: Identity | None) -> Response:
        """The cookie grant: needs no agent, but the cookies of the last time."""
        redirect_uri = self._connection.settings.get("redirect_uri") or str(
            self._connection.state.get("redirect_uri", "")
        )
        body = {
            "grant_type": "cookie",
            "client_id": self._connection.credentials.get("client_id", ""),
            "organization_id": self._api.organization_id,
            "response_type": "token",
            **({"redirect_uri": redirect_uri} if redirect_uri else {}),
        }
        cookies = {"Cookie": f"__lc_cid={known.cid}; __lc_cst={known.cst}"} if known else {}
        return self._post(body, cookies)

    def _post(self, body: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        return self._api.accounts("POST", PATH, headers=headers, json=body)

    def _refusal(self, answer: Response, known: Identity | None) -> Exception:
        type_ = api_error(answer).type
        detail = f"LiveChat gives no customer token ({type_ or answer.status})."
        if answer.status == 429 or answer.status >= 500:
            return error_for_status(answer.status, detail, code=type_, safe=True)
        if type_ in WRONG_APP:
            return Misconfigured(
                f"{detail} Check the client ID and the scope customers:own.",
                field="client_id",
                code=type_,
            )
        if known:
            return IdentityLost(detail, code=type_, status=answer.status)
        if self._connection.credentials.get("agent_token"):
            return Misconfigured(
                f"{detail} Check the organization ID, and that the redirect URI stands in the app.",
                field="redirect_uri",
                code=type_,
            )
        return Reconnect(f"{detail} Connect again with the scope customers:own.", code=type_)

    # --- the journal's copy -------------------------------------------------------------------

    def _vault(self) -> Fernet:
        credentials = self._connection.credentials
        secret = credentials.get("client_secret") or credentials.get("agent_token", "")
        digest = hashlib.sha256(b"livechat customer:" + secret.encode()).digest()
        return Fernet(base64.urlsafe_b64encode(digest))

    def _seal(self, identity: Identity) -> str:
        return self._vault().encrypt(identity.model_dump_json().encode()).decode()

    def _unsealed(self, sealed: str) -> Identity | None:
        """None: sealed with credentials that have been replaced since."""
        try:
            return Identity.model_validate_json(self._vault().decrypt(sealed.encode()))
        except InvalidToken:
            return None


class KnownToken:
    """A token that is not renewed: the identity's new cookies would be lost with it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get(self) -> str:
        """The token. Raises IdentityLost."""
        return self._token or self.renew("")

    def renew(self, rejected: str) -> str:
        raise IdentityLost("The customer's token must be renewed by something that lasts.")


class Customer:
    """One customer, as a source of their tokens (see `providers.livechat.api.Bearer`)."""

    def __init__(self, customers: Customers, identity: Identity) -> None:
        self._customers = customers
        self.identity = identity
        self._kept = identity

    def get(self) -> str:
        """The token; a fresh one from 80 % of its life on. Raises IdentityLost."""
        if self._customers.now.timestamp() >= self.identity.renew_at:
            self.identity = self._customers.granted(self.identity)
        return self.identity.token

    def renew(self, rejected: str) -> str:
        """Another token than the one that was refused. Raises IdentityLost."""
        if self.identity.token == rejected:
            self.identity = self._customers.granted(self.identity)
        return self.identity.token

    @property
    def changed(self) -> bool:
        """Whether there is something new to keep with the user."""
        return self.identity != self._kept

    def kept_in(self, contact: Mapping[str, Any]) -> dict[str, Any]:
        """The contact with this customer in it."""
        return {**contact, "customer": self.identity.model_dump()}
