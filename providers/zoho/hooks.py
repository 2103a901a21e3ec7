"""Zoho's webhooks: made by API with keys of their own, and verified with these.

https://www.zoho.com/salesiq/help/developer-section/rest-api-v2.html
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from providers.base import Connection
from providers.errors import BadSignature, Gone, Misconfigured, Permanent
from providers.http import segment
from providers.types import WebhookRequest, WebhookTrust
from providers.zoho.api import ZohoApi, listed, parsed, rows_of
from providers.zoho.declaration import WEBHOOK_EVENTS
from providers.zoho.models import PublicKey, Webhook

logger = logging.getLogger(__name__)

SIGNATURE = "x-siqsignature"


def verify(request: WebhookRequest, trust: WebhookTrust) -> None:
    """Base64 of RSA PKCS#1 v1.5 with SHA-256 over the raw body, by any key that we know.

    Zoho signs no time: a replay has the same key (see `webhook_key`) and has no effect.
    """
    try:
        signature = base64.b64decode(request.headers.get(SIGNATURE, ""), validate=True)
    except ValueError:
        raise BadSignature from None
    keys = list(_rsa_keys(trust))
    if not keys:
        raise BadSignature("The installation has no public key, so its webhooks can't be verified.")
    for key in keys:
        try:
            key.verify(signature, request.body, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        return
    raise BadSignature


def _rsa_keys(trust: WebhookTrust) -> Iterable[RSAPublicKey]:
    stored = trust.state.get("keys") or []
    texts = [one.get("key") for one in stored if isinstance(one, Mapping)]
    for text in [*texts, trust.credentials.get("webhook_public_key")]:
        key = read_key(text) if isinstance(text, str) and text.strip() else None
        if key:
            yield key


def read_key(text: str) -> RSAPublicKey | None:
    """An RSA key from PEM or bare Base64 (DER); None for anything else."""
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.strip().replace("\\n", "\n").encode())
        else:
            key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


class Webhooks:
    """The installation's one webhook at Zoho."""

    def __init__(self, connection: Connection, api: ZohoApi) -> None:
        self._connection = connection
        self._api = api

    def register(
        self, webhook_url: str, save: Callable[[Mapping[str, Any]], None]
    ) -> Mapping[str, Any]:
        """See `Provider.register`. A webhook whose key we don't have is useless: made anew."""
        self._require_callable(webhook_url)
        if not self._connection.settings.get("app_id"):
            raise Misconfigured("Choose the brand that chats belong to.", field="app_id")
        state = dict(self._connection.state)
        wanted = self._target(webhook_url)
        existing = self._existing()
        ours = state.get("webhook_id")
        there = existing is None or any(one.id == ours for one in existing)
        if ours and state.get("keys") and state.get("target") == wanted and there:
            return state
        self.unregister()
        for one in existing or []:
            if one.url == webhook_url and one.id != ours:
                self._delete(one.id)
        state = {**_without(state), "webhook_id": self._create(webhook_url), "target": wanted}
        save(state)
        state["keys"] = self._new_keys(state["webhook_id"])
        save(state)
        return state

    def unregister(self) -> None:
        """Delete it; one that is gone counts as deleted."""
        webhook_id = self._connection.state.get("webhook_id")
        if webhook_id:
            self._delete(str(webhook_id))

    def _target(self, webhook_url: str) -> dict[str, Any]:
        settings = self._connection.settings
        return {
            "url": webhook_url,
            "screen_name": settings.get("screen_name", ""),
            "app_id": settings.get("app_id", ""),
            "events": list(WEBHOOK_EVENTS),
        }

    def _require_callable(self, webhook_url: str) -> None:
        """Zoho calls no other ports than https's own; an imitation of it may."""
        address = urlsplit(webhook_url)
        if self._connection.api_base_url:
            return
        if address.scheme != "https" or address.port not in (None, 443):
            raise Misconfigured(
                "Zoho sends webhooks only to an https address without a port; PUBLIC_URL must be "
                "one."
            )

    def _existing(self) -> list[Webhook] | None:
        """The account's webhooks; None where Zoho does not list them."""
        try:
            return listed(Webhook, self._api.v2("GET", "/webhooks"))
        except (Gone, Permanent, Misconfigured) as error:
            logger.info("zoho does not list webhooks: %s", error.code)
            return None

    def _create(self, webhook_url: str) -> str:
        """The new webhook's id. Zoho first asks the address with HEAD whether it is there."""
        app_id = self._connection.settings.get("app_id", "")
        body = {
            "type": "data",
            "url": webhook_url,
            "app_ids": [app_id],
            "version": 1,
            "secured": True,
            "events": list(WEBHOOK_EVENTS),
        }
        try:
            made = parsed(Webhook, self._api.v2("POST", "/webhooks", json=body))
        except Gone as error:
            raise Misconfigured(
                "Zoho does not know this brand or has no webhooks here.",
                field="app_id",
                code=error.code,
            ) from None
        if not made.id:
            raise Permanent("Zoho made a webhook, but did not say which.")
        return made.id

    def _new_keys(self, webhook_id: str) -> list[dict[str, str]]:
        """The public keys after making one; Zoho signs with the oldest and keeps two at most."""
        answer = self._api.v2("POST", f"/webhooks/{segment(webhook_id)}/keys")
        rows = rows_of(answer)
        found = []
        for row in rows:
            inner = row.get("public_keys", [row])
            found += inner if isinstance(inner, list) else [inner]
        keys = [PublicKey.model_validate(one) for one in found if isinstance(one, Mapping)]
        usable = [one for one in keys if read_key(one.key)]
        if not usable:
            raise Permanent("Zoho gave no public key that can be read for its webhooks.")
        return [{"id": one.id, "key": one.key} for one in usable]

    def _delete(self, webhook_id: str) -> None:
        try:
            self._api.v2("DELETE", f"/webhooks/{segment(webhook_id)}")
        except Gone:
            return


def _without(state: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in state.items() if k not in ("webhook_id", "target", "keys")}
