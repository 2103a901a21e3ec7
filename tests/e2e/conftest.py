"""One bridge per module, in each mode that this machine can run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from sandbox.control import AccountControl
from tests import conftest as root
from tests.e2e.harness import KEY, SECRET, BotClient, Bridge, RecordingBot, until
from tests.sandbox_fixture import SandboxServer, sandbox
from tests.services import LOCAL_POSTGRES

__all__ = ["sandbox"]
PRODUCTION = pytest.param("production", marks=[pytest.mark.postgres, pytest.mark.redis])


@pytest.fixture(scope="session", params=["embedded", PRODUCTION])
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bridge]:
    folder = tmp_path_factory.mktemp(f"bridge-{request.param}")
    if request.param == "embedded":
        if root.ON_POSTGRES:
            pytest.skip("the embedded mode is tried with SQLite")
        found = Bridge(folder)
        found.manage("migrate", "-v0")
        yield found
        found.stop()
        return
    server = os.environ.get("DATABASE_URL") or LOCAL_POSTGRES
    name = f"e2e_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    found = Bridge(
        folder,
        database_url=f"{server.rpartition('/')[0]}/{name}",
        redis_url=root.REDIS_URL or "",
    )
    found.manage("migrate", "-v0")
    yield found
    found.stop()
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass
class Stage:
    """A bot and an installation that are connected, and the account at the other end."""

    bridge: Bridge
    bot: RecordingBot
    client: BotClient
    account: AccountControl
    installation: dict[str, Any] = field(default_factory=dict)


def document(slug: str, bot_url: str, installation: dict[str, Any]) -> dict[str, Any]:
    """An `apply` file of one bot with one installation."""
    bot = {
        "slug": "helper",
        "callback_url": bot_url,
        "callback_secret": SECRET,
        "api_keys": [{"name": "main", "key": f"{KEY}{slug}"}],
        "installations": [{"slug": "support", **installation}],
    }
    return {"tenants": [{"slug": slug, "bots": [bot]}]}


@pytest.fixture
def intercom(bridge: Bridge, sandbox: SandboxServer) -> Iterator[Stage]:
    """The whole way with Intercom at its end."""
    slug = f"t-{uuid.uuid4().hex[:8]}"
    account = sandbox.control.account(slug, settings={"retry_delays": [0.5, 1, 2]})
    bot = RecordingBot()
    wanted = {
        "provider": "intercom",
        "api_base_url": account.base_url,
        "settings": {"region": "us"},
        "credentials": {
            "access_token": account.credentials["access_token"],
            "client_secret": account.credentials["client_secret"],
        },
    }
    # Unique per test: a key is unique over the whole bridge.
    client = BotClient(bridge.url, f"{KEY}{slug}")
    (installation,) = bridge.apply(document(slug, bot.url, wanted))
    if not bridge.processes:
        bridge.start()
    account.update(webhook_url=installation["webhook_url"])
    yield Stage(bridge, bot, client, account, installation)
    bot.stop()


@pytest.fixture
def hubspot(bridge: Bridge, sandbox: SandboxServer) -> Iterator[Stage]:
    """The whole way with HubSpot's help desk at its end, once its channel is registered."""
    slug = f"t-{uuid.uuid4().hex[:8]}"
    account = sandbox.control.account(slug, "hubspot", settings={"retry_delays": [0.5, 1, 2]})
    bot = RecordingBot()
    names = ("client_id", "client_secret", "developer_api_key", "refresh_token")
    wanted = {
        "provider": "hubspot",
        "api_base_url": account.base_url,
        "auth_base_url": account.base_url,
        "settings": {"app_id": account.credentials["app_id"], "inbox_id": "210002"},
        "credentials": {name: account.credentials[name] for name in names},
    }
    client = BotClient(bridge.url, f"{KEY}{slug}")
    (installation,) = bridge.apply(document(slug, bot.url, wanted))
    if not bridge.processes:
        bridge.start()
    account.update(webhook_url=installation["webhook_url"])
    until(lambda: account.data()["settings"].get("hubspot", {}).get("accounts"), "the channel")
    yield Stage(bridge, bot, client, account, installation)
    bot.stop()


def _signs(account: AccountControl) -> bool:
    """Whether the bridge has made its webhook at Zoho, with the key that it verifies by."""
    kept = account.data()["settings"].get("zoho", {})
    return any(hook["keys"] for hook in kept.get("webhooks", []))


@pytest.fixture
def zoho(bridge: Bridge, sandbox: SandboxServer) -> Iterator[Stage]:
    """The whole way with SalesIQ at its end, once the bridge has made its webhook there."""
    slug = f"t-{uuid.uuid4().hex[:8]}"
    account = sandbox.control.account(slug, "zoho", settings={"retry_delays": [0.5, 1, 2]})
    bot = RecordingBot()
    own = account.credentials
    names = ("client_id", "client_secret", "refresh_token", "user_refresh_token")
    wanted = {
        "provider": "zoho",
        "api_base_url": account.base_url,
        "auth_base_url": account.base_url,
        "settings": {
            "data_center": "us",
            **{name: own[name] for name in ("screen_name", "app_id", "department_id", "org_id")},
        },
        "credentials": {name: own[name] for name in names},
    }
    client = BotClient(bridge.url, f"{KEY}{slug}")
    (installation,) = bridge.apply(document(slug, bot.url, wanted))
    if not bridge.processes:
        bridge.start()
    until(lambda: _signs(account), "the webhook")
    yield Stage(bridge, bot, client, account, installation)
    bot.stop()


def _livechat(bridge: Bridge, sandbox: SandboxServer, *credentials: str) -> Stage:
    """The whole way with LiveChat at its end, once the bridge has registered its webhooks."""
    slug = f"t-{uuid.uuid4().hex[:8]}"
    account = sandbox.control.account(slug, "livechat", settings={"retry_delays": [0.5, 1, 2]})
    bot = RecordingBot()
    own = account.credentials
    wanted = {
        "provider": "livechat",
        "api_base_url": account.base_url,
        "auth_base_url": account.base_url,
        "settings": {"organization_id": own["organization_id"], "group_id": "19"},
        "credentials": {name: own[name] for name in ("client_id", *credentials)},
    }
    client = BotClient(bridge.url, f"{KEY}{slug}")
    (installation,) = bridge.apply(document(slug, bot.url, wanted))
    if not bridge.processes:
        bridge.start()
    until(lambda: len(account.data()["settings"].get("webhooks", [])) >= 7, "the webhooks")
    return Stage(bridge, bot, client, account, installation)


@pytest.fixture
def livechat(bridge: Bridge, sandbox: SandboxServer) -> Iterator[Stage]:
    """LiveChat by OAuth: customers are made in the agent's name."""
    stage = _livechat(bridge, sandbox, "client_secret", "refresh_token")
    yield stage
    stage.bot.stop()


@pytest.fixture
def livechat_by_token(bridge: Bridge, sandbox: SandboxServer) -> Iterator[Stage]:
    """LiveChat by a personal access token: customers are kept by their cookies."""
    stage = _livechat(bridge, sandbox, "agent_token")
    yield stage
    stage.bot.stop()
