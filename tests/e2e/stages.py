"""Installations at the sandbox that are connected, each with a bot, for tests to play on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sandbox.control import AccountControl
from tests.e2e.harness import KEY, SECRET, BotClient, Bridge, RecordingBot, until
from tests.sandbox_fixture import SandboxServer

# Declaring costs a process of its own, so several are declared at once.
BATCH = 5


@dataclass
class Stage:
    """A bot and an installation that are connected, and the account at the other end."""

    bridge: Bridge
    bot: RecordingBot
    client: BotClient
    account: AccountControl
    tenant: dict[str, Any]  # as it was declared

    def disable(self) -> None:
        """Declare the installation as disabled."""
        self.tenant["bots"][0]["installations"][0]["enabled"] = False
        self.bridge.apply({"tenants": [self.tenant]})


@dataclass(frozen=True)
class Desk:
    """How an account of this help desk is declared; by `connected` its registration is done."""

    provider: str
    settings: Callable[[dict[str, str]], dict[str, str]]  # from the account's credentials
    credentials: tuple[str, ...]
    connected: Callable[[AccountControl], bool] = lambda _: True
    # Where the bridge can't register its webhook: an operator enters it at the help desk.
    takes_webhook_url: bool = False


def _hubspot_connected(account: AccountControl) -> bool:
    return bool(account.data()["settings"].get("hubspot", {}).get("accounts"))


def _zoho_connected(account: AccountControl) -> bool:
    hooks = account.data()["settings"].get("zoho", {}).get("webhooks", [])
    return any(hook["keys"] for hook in hooks)


def _livechat_connected(account: AccountControl) -> bool:
    return len(account.data()["settings"].get("webhooks", [])) >= 7


def _livechat(*credentials: str) -> Desk:
    return Desk(
        "livechat",
        lambda own: {"organization_id": own["organization_id"], "group_id": "19"},
        ("client_id", *credentials),
        _livechat_connected,
    )


DESKS = {
    "intercom": Desk(
        "intercom",
        lambda _: {"region": "us"},
        ("access_token", "client_secret"),
        takes_webhook_url=True,
    ),
    "hubspot": Desk(
        "hubspot",
        lambda own: {"app_id": own["app_id"], "inbox_id": "210002"},
        ("client_id", "client_secret", "developer_api_key", "refresh_token"),
        _hubspot_connected,
        takes_webhook_url=True,
    ),
    # By OAuth customers are made in the agent's name, by token they are kept by their cookies.
    "livechat": _livechat("client_secret", "refresh_token"),
    "livechat_by_token": _livechat("agent_token"),
    "zoho": Desk(
        "zoho",
        lambda own: {
            "data_center": "us",
            **{name: own[name] for name in ("screen_name", "app_id", "department_id", "org_id")},
        },
        ("client_id", "client_secret", "refresh_token", "user_refresh_token"),
        _zoho_connected,
    ),
}


@dataclass
class Stages:
    """All stages on one bridge; no two tests get the same one."""

    bridge: Bridge
    sandbox: SandboxServer
    _spare: dict[str, list[Stage]] = field(default_factory=dict)
    _bots: list[RecordingBot] = field(default_factory=list)

    def take(self, name: str) -> Stage:
        """A fresh stage of the desk of that name, once it is connected."""
        desk, spare = DESKS[name], self._spare.setdefault(name, [])
        if not spare:
            spare += self._declare(desk)
        stage = spare.pop(0)
        until(lambda: desk.connected(stage.account), f"{name} registered", within=120)
        return stage

    def stop(self) -> None:
        """End the bots; together, because each takes half a second to notice."""
        with ThreadPoolExecutor(len(self._bots) or 1) as pool:
            list(pool.map(RecordingBot.stop, self._bots))

    def _declare(self, desk: Desk) -> list[Stage]:
        stages = [self._stage(desk) for _ in range(BATCH)]
        made = self.bridge.apply({"tenants": [stage.tenant for stage in stages]})
        if desk.takes_webhook_url:
            for stage, installation in zip(stages, made, strict=True):
                stage.account.update(webhook_url=installation["webhook_url"])
        return stages

    def _stage(self, desk: Desk) -> Stage:
        slug = f"t-{uuid.uuid4().hex[:8]}"
        account = self.sandbox.control.account(
            slug, desk.provider, settings={"retry_delays": [0.5, 1, 2]}
        )
        bot = RecordingBot()
        self._bots.append(bot)
        key = f"{KEY}{slug}"  # a key is unique over the whole bridge
        tenant = _declared(slug, bot.url, key, desk, account)
        return Stage(self.bridge, bot, BotClient(self.bridge.url, key), account, tenant)


def _declared(
    slug: str, callback_url: str, key: str, desk: Desk, account: AccountControl
) -> dict[str, Any]:
    """A tenant of an `apply` file, with one bot and one installation."""
    own = account.credentials
    installation = {
        "slug": "support",
        "provider": desk.provider,
        "api_base_url": account.base_url,
        "auth_base_url": account.base_url,
        "settings": desk.settings(own),
        "credentials": {name: own[name] for name in desk.credentials},
    }
    bot = {
        "slug": "helper",
        "callback_url": callback_url,
        "callback_secret": SECRET,
        "api_keys": [{"name": "main", "key": key}],
        "installations": [installation],
    }
    return {"slug": slug, "bots": [bot]}
