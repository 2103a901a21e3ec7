"""The custom channel, which belongs to the app, and its accounts in the portal's inboxes.

https://developers.hubspot.com/docs/api-reference/conversations-custom-channels-v3/guide
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from providers.base import Connection
from providers.errors import Gone, Misconfigured, Permanent, Retry
from providers.http import segment
from providers.hubspot.api import AlreadyThere, HubSpotApi, iso, parsed
from providers.hubspot.declaration import CAPABILITIES, CHANNEL_NAME, inboxes_of
from providers.hubspot.models import Channel, ChannelAccount
from providers.types import JsonObject

YOUNG = timedelta(minutes=5)  # how long HubSpot may take until a new channel can be used
LOOK_AGAIN = 5.0

Save = Callable[[Mapping[str, Any]], None]
T = TypeVar("T")


class ChannelSetup:
    """Registers and disables; every step is saved as soon as it is done.

    State: `channel_id`, `channel_created_at`, `identifier` (of this installation's accounts) and
    `accounts`: inbox id -> {id, recipient}.
    """

    def __init__(self, connection: Connection, api: HubSpotApi) -> None:
        self._connection = connection
        self._api = api

    def register(self, webhook_url: str, save: Save) -> Mapping[str, Any]:
        """See `Provider.register`. Raises Retry while a new channel is not usable yet."""
        inboxes = inboxes_of(self._connection.settings)
        if not inboxes:
            raise Misconfigured("Choose the inbox or help desk first.", field="inbox_id")
        state: JsonObject = {"accounts": {}, **self._connection.state}
        self._channel(webhook_url, state, save)
        # Saved before the accounts are made, so that a later run knows them as its own.
        state.setdefault("identifier", f"hitl-{secrets.token_hex(8)}")
        save(state)
        for inbox_id in inboxes:
            account = self._account(inbox_id, webhook_url, state)
            state["accounts"] = {**state["accounts"], inbox_id: account}
            save(state)
        return state

    def unregister(self) -> None:
        """Disable the accounts; HubSpot deletes none, and other portals may use the channel."""
        state = self._connection.state
        for account in (state.get("accounts") or {}).values():
            path = f"/{segment(state['channel_id'])}/channel-accounts/{segment(account['id'])}"
            body = {"authorized": False}
            self._api.call("PATCH", "channels", path, json=body, allow=(404, 410))

    # --- the channel --------------------------------------------------------------------------

    def _channel(self, webhook_url: str, state: JsonObject, save: Save) -> None:
        """The channel of this address: known, found, or new."""
        channel = self._known(state) or self._find(webhook_url)
        wanted = {
            "name": self._connection.settings.get("channel_name") or CHANNEL_NAME,
            "webhookUrl": webhook_url,
            "capabilities": CAPABILITIES,
        }
        if channel is None:
            channel = parsed(Channel, self._api.developer("POST", json=wanted))
            state["channel_created_at"] = iso(self._connection.now())
        elif _differs(channel, wanted):
            self._api.developer("PATCH", f"/{segment(channel.id)}", json=wanted)
        if channel.id != state.get("channel_id"):
            state.update(channel_id=channel.id, accounts={})
        save(state)

    def _known(self, state: Mapping[str, Any]) -> Channel | None:
        channel_id = state.get("channel_id")
        if not channel_id:
            return None
        answer = self._api.developer("GET", f"/{segment(channel_id)}", allow=(404, 410))
        return parsed(Channel, answer) if answer.ok else None

    def _find(self, webhook_url: str) -> Channel | None:
        for channel in self._api.pages(Channel, "channels", by_developer=True):
            if channel.webhook_url == webhook_url:
                return channel
        return None

    # --- its accounts -------------------------------------------------------------------------

    def _account(self, inbox_id: str, webhook_url: str, state: JsonObject) -> JsonObject:
        """The channel account of an inbox: reused, enabled again, or new."""
        base = f"/{segment(state['channel_id'])}/channel-accounts"
        own = {
            "type": "CHANNEL_SPECIFIC_OPAQUE_ID",
            "value": f"{state['identifier']}-{inbox_id}",
        }

        def find() -> ChannelAccount | None:
            accounts = self._api.pages(ChannelAccount, "channels", base)
            return self._choose(list(accounts), inbox_id, own["value"], webhook_url, state)

        account = self._patiently(state, find)
        if account is None:
            account = self._patiently(state, lambda: self._connect(base, inbox_id, own))
            account = account or self._patiently(state, find)
        elif not account.authorized:
            path = f"{base}/{segment(account.id)}"
            self._api.call("PATCH", "channels", path, json={"authorized": True})
        if account is None:
            raise Retry("HubSpot is still connecting the channel.", retry_after=LOOK_AGAIN)
        recipient = {**own, "value": account.identifier} if account.identifier else own
        return {"id": account.id, "recipient": recipient}

    def _connect(self, base: str, inbox_id: str, own: JsonObject) -> ChannelAccount | None:
        """A new account; None if HubSpot says that there is one already."""
        body = {
            "inboxId": inbox_id,
            "name": self._connection.settings.get("channel_name") or CHANNEL_NAME,
            "authorized": True,
            "deliveryIdentifier": own,
        }
        try:
            return parsed(ChannelAccount, self._api.call("POST", "channels", base, json=body))
        except AlreadyThere:
            return None

    def _choose(
        self,
        accounts: list[ChannelAccount],
        inbox_id: str,
        identifier: str,
        webhook_url: str,
        state: Mapping[str, Any],
    ) -> ChannelAccount | None:
        """Our own account, else one that nobody uses.

        Installations of a shared app share its channel: an account in use may be another's,
        which disabling ours must not silence.
        """
        here = [one for one in accounts if one.inbox_id == inbox_id and not one.archived]
        known = (state["accounts"].get(inbox_id) or {}).get("id")
        for account in here:
            if account.id == known or account.identifier == identifier:
                return account
        shared = "/app/" in urlsplit(webhook_url).path
        idle = [account for account in here if not (shared and account.authorized)]
        return idle[0] if idle else None

    def _patiently(self, state: Mapping[str, Any], ask: Callable[[], T]) -> T:
        """The answer; a refusal means "later" as long as the channel is new."""
        try:
            return ask()
        except (Permanent, Gone, Misconfigured) as refused:
            made = state.get("channel_created_at")
            age = self._connection.now() - datetime.fromisoformat(made) if made else YOUNG
            if age >= YOUNG or refused.status == 403:
                raise
            raise Retry(
                "HubSpot does not know the new channel yet.",
                retry_after=LOOK_AGAIN,
                code=refused.code,
                status=refused.status,
            ) from None


def _differs(channel: Channel, wanted: Mapping[str, Any]) -> bool:
    has = channel.capabilities or {}
    return (
        channel.webhook_url != wanted["webhookUrl"]
        or channel.name != wanted["name"]
        or any(has.get(name) != value for name, value in CAPABILITIES.items())
    )
