"""Tokens: of the agent who connected an app (kept in the account's settings), of customers
(kept with them).

https://platform.text.com/docs/authorization/oauth-authorization
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from typing import Any

from django.db import transaction

from sandbox.models import Account, Contact

Json = dict[str, Any]
LIFE = 28800  # seconds
MOST = 25  # tokens of each kind per client and account; then the oldest dies
SCOPES = (
    "customers:own customers:rw chats--all:rw groups--all:ro agents--all:ro agents-bot--all:ro "
    "webhooks.configuration:rw webhooks.state:rw"
).split()


def same(one: str, other: object) -> bool:
    """Whether two secrets are equal, and there is one."""
    return bool(one) and hmac.compare_digest(one.encode(), str(other or "").encode())


def _life(account: Account) -> int:
    return int(account.setting("token_life", LIFE))


def _fresh(account: Account, customer_id: str = "") -> str:
    """An access token; it begins with the region where the account's data lie. A customer's
    names the customer, so that it is found quickly."""
    whose = f"{customer_id}." if customer_id else ""
    return f"{account.setting('region', 'dal')}:{whose}{secrets.token_urlsafe(24)}"


def personal(account: Account) -> str:
    """What follows `Basic` with a personal access token."""
    return str(account.credentials["agent_token"])


def encode(account_id: str, token: str) -> str:
    """The Base64 text of both."""
    return base64.b64encode(f"{account_id}:{token}".encode()).decode()


def account_id_in(agent_token: str) -> str:
    """The account id of a personal access token; empty if it is none."""
    try:
        text = base64.b64decode(agent_token, validate=True).decode()
    except ValueError:
        return ""
    return text.partition(":")[0]


@transaction.atomic
def grant(account: Account, refresh: str = "") -> Json:
    """A new access token, with a new refresh token or for a given one, which stays."""
    account.refresh_from_db()
    access = _fresh(account)
    kept = account.setting("access_tokens", [])
    entry = {"token": access, "refresh": refresh, "expires_at": time.time() + _life(account)}
    if not refresh:
        refresh = entry["refresh"] = secrets.token_urlsafe(24)
        tokens = [*account.setting("refresh_tokens", []), refresh]
        account.settings["refresh_tokens"] = tokens[-MOST:]
    account.settings["access_tokens"] = [*kept, entry][-MOST:]
    account.save(update_fields=["settings"])
    return described(account, entry) | {"refresh_token": refresh}


def described(account: Account, entry: Json) -> Json:
    """An access token as the accounts server tells of it."""
    return {
        "access_token": entry["token"],
        "account_id": account.credentials["account_id"],
        "expires_in": max(0, round(entry["expires_at"] - time.time())),
        "organization_id": account.credentials["organization_id"],
        "scope": ",".join(scopes(account)),
        "token_type": "Bearer",
    }


def scopes(account: Account) -> list[str]:
    """What the app, or the personal access token, was allowed; setting `scopes`."""
    return list(account.setting("scopes", SCOPES))


def refresh_is_valid(account: Account, token: str) -> bool:
    """Whether a refresh token is known and was not revoked."""
    known = [account.credentials.get("refresh_token", ""), *account.setting("refresh_tokens", [])]
    return any(same(token, one) for one in known)


def agents(account: Account, token: str) -> Json | None:
    """The valid access token of the agent who connected."""
    for entry in account.setting("access_tokens", []):
        if same(token, entry["token"]) and entry["expires_at"] > time.time():
            return dict(entry)
    return None


@transaction.atomic
def revoke(account: Account, token: str) -> bool:
    """Forget an access or refresh token, and the other one of the pair. False: unknown."""
    account.refresh_from_db()
    kept = account.setting("access_tokens", [])
    pair = {token, *(e["refresh"] for e in kept if e["token"] == token)} - {""}
    known = refresh_is_valid(account, token) or any(e["token"] == token for e in kept)
    account.settings["access_tokens"] = [
        e for e in kept if e["token"] not in pair and e["refresh"] not in pair
    ]
    refreshes = account.setting("refresh_tokens", [])
    account.settings["refresh_tokens"] = [one for one in refreshes if one not in pair]
    if account.credentials.get("refresh_token") in pair:
        account.credentials["refresh_token"] = ""
    account.save(update_fields=["settings", "credentials"])
    return known


# --- customers ------------------------------------------------------------------------------------


def grant_customer(customer: Contact) -> Json:
    """A new access token of this customer; there is no refresh token. Saves the customer."""
    account = customer.account
    token = _fresh(account, customer.vendor_id)
    entry = {"token": token, "expires_at": time.time() + _life(account)}
    kept = customer.attributes.get("tokens", [])
    customer.attributes["tokens"] = [*kept, entry][-MOST:]
    customer.save()
    return described_customer(customer, entry)


def described_customer(customer: Contact, entry: Json) -> Json:
    """A customer's token as the accounts server tells of it."""
    credentials = customer.account.credentials
    return {
        "access_token": entry["token"],
        "client_id": credentials["client_id"],
        "entity_id": customer.vendor_id,
        "expires_in": max(0, round(entry["expires_at"] - time.time())),
        "token_type": "Bearer",
        "organization_id": credentials["organization_id"],
    }


def customers(account: Account, token: str) -> tuple[Contact, Json] | None:
    """Whose valid customer token this is."""
    whose = token.partition(":")[2].partition(".")[0]
    rows = Contact.objects.filter(account=account, archived=False).select_related("account")
    customer = rows.filter(vendor_id=whose).first() if whose else None
    for entry in customer.attributes.get("tokens", []) if customer else []:
        if customer and same(token, entry["token"]) and entry["expires_at"] > time.time():
            return customer, dict(entry)
    return None


def revoke_customer(customer: Contact, token: str) -> None:
    """Forget one token."""
    kept = customer.attributes["tokens"]
    customer.attributes["tokens"] = [entry for entry in kept if entry["token"] != token]
    customer.save()


def new_cookie(customer: Contact) -> str:
    """A new secret for the cookie grant. The last one stays valid, should this answer get lost."""
    secret = secrets.token_hex(42)
    customer.attributes["cookies"] = [*customer.attributes.get("cookies", []), secret][-2:]
    return secret


def cookie_is_valid(customer: Contact, secret: str) -> bool:
    """Whether the customer has this secret."""
    return any(same(secret, one) for one in customer.attributes.get("cookies", []))
