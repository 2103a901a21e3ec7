"""LiveChat's webhooks: registered by API for one account, known by a secret in their body.

One client id may register three webhooks per action, so what is there is used again. The
secret is ours, random, and stays in the installation's state: LiveChat never shows it again.
https://platform.text.com/docs/management/configuration-api#webhooks
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from providers.base import Connection
from providers.errors import BadPayload, BadSignature, Gone, Misconfigured, Permanent
from providers.livechat.api import LiveChatApi, parsed, parsed_list
from providers.livechat.errors import Refused
from providers.livechat.events import notification_of
from providers.livechat.models import Registered, Webhook, WebhooksState
from providers.signatures import require_equal, require_secret
from providers.types import WebhookRequest, WebhookTrust

logger = logging.getLogger(__name__)

ACTIONS = (
    "incoming_event",
    "incoming_chat",
    "user_added_to_chat",
    "user_removed_from_chat",
    "chat_transferred",
    "chat_deactivated",
    "event_deleted",
    "events_marked_as_seen",
)
# New in version 3.6, and what a session can do without.
OPTIONAL = frozenset({"event_deleted", "events_marked_as_seen"})
CALLBACK = "/oauth/livechat/callback"

Save = Callable[[Mapping[str, Any]], None]


class Webhooks:
    """The webhooks of one installation."""

    def __init__(self, connection: Connection, api: LiveChatApi) -> None:
        self._connection = connection
        self._api = api
        self._owner = {"owner_client_id": connection.credentials.get("client_id", "")}

    def register(self, webhook_url: str, save: Save) -> Mapping[str, Any]:
        """See `Provider.register`. Every webhook is noted as soon as it is there."""
        place = urlsplit(webhook_url)
        state = {
            **self._connection.state,
            "webhook_secret": self._connection.state.get("webhook_secret")
            or secrets.token_urlsafe(32),
            "redirect_uri": f"{place.scheme}://{place.netloc}{CALLBACK}",
        }
        save(state)
        state["webhooks"] = self._keep_ours(webhook_url)
        save(state)
        for action in ACTIONS:
            if action not in state["webhooks"]:
                id_ = self._add(action, webhook_url, state["webhook_secret"])
                state["webhooks"] = {**state["webhooks"], **({action: id_} if id_ else {})}
                save(state)
        self._enable()
        return state

    def unregister(self) -> None:
        """Remove what `register` made; others' webhooks stay."""
        for id_ in (self._connection.state.get("webhooks") or {}).values():
            self._remove(id_)

    def _keep_ours(self, webhook_url: str) -> dict[str, str]:
        """action -> id of what can stay; what has another address or secret is removed."""
        known = set((self._connection.state.get("webhooks") or {}).values())
        secret_known = bool(self._connection.state.get("webhook_secret"))
        kept: dict[str, str] = {}
        for webhook in self._registered():
            right = webhook.url == webhook_url
            if right and secret_known and webhook.action in ACTIONS and webhook.action not in kept:
                kept[webhook.action] = webhook.id
            elif right or webhook.id in known:
                self._remove(webhook.id)
        return kept

    def _registered(self) -> list[Webhook]:
        return parsed_list(Webhook, self._api.configuration("list_webhooks", self._owner))

    def _add(self, action: str, webhook_url: str, secret: str) -> str:
        """The new webhook's id; empty for one that LiveChat does not offer."""
        body = {
            "action": action,
            "url": webhook_url,
            "secret_key": secret,
            "type": "license",
            "description": "HITL bridge",
            **self._owner,
            **({"filters": {"author_type": "agent"}} if action == "incoming_event" else {}),
        }
        try:
            return parsed(Registered, self._api.configuration("register_webhook", body)).id
        except Refused as error:
            if action in OPTIONAL:
                logger.warning("livechat does not offer the webhook %s", action)
                return ""
            if error.code == "limit_reached":
                raise Misconfigured(
                    f"This client ID has three webhooks for {action} already, which is LiveChat's "
                    "limit: remove one, or use another app.",
                    field="client_id",
                    code=error.code,
                ) from None
            raise

    def _remove(self, id_: str) -> None:
        try:
            self._api.configuration("unregister_webhook", {"id": id_, **self._owner})
        except (Misconfigured, Gone, Permanent) as error:
            if error.code not in ("not_found", "validation", ""):
                raise

    def _enable(self) -> None:
        """Installing the app switches webhooks on; with a personal access token we have to."""
        answer = self._api.configuration("get_license_webhooks_state", self._owner)
        if not parsed(WebhooksState, answer).license_webhooks_enabled:
            self._api.configuration("enable_license_webhooks", self._owner)


def verify(request: WebhookRequest, trust: WebhookTrust) -> None:
    """Raise BadSignature unless the body holds our secret and this account's organization id.

    LiveChat signs nothing: the address and the secret in the body are all there is, so the
    content itself can't be checked, nor its age.
    """
    registered = trust.state.get("webhook_secret") or trust.credentials.get("webhook_secret")
    expected = require_secret(registered, "webhook secret")
    try:
        notification = notification_of(request.body)
    except BadPayload:
        raise BadSignature("The body is not a LiveChat webhook.") from None
    require_equal(notification.secret_key, expected.decode())
    if trust.account_id:
        require_equal(notification.organization_id, trust.account_id)
