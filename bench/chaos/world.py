"""The tenants: an account at the sandbox each, a bot and an installation that connects the two."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.chaos.bot import SECRET, RecordingBot
from bench.chaos.plan import Options, Plan
from bench.chaos.processes import NotStarted
from bench.chaos.stack import Stack
from sandbox.control import AccountControl, Control
from tests.e2e.stages import DESKS, Desk

LONG = {"seconds": 17}  # longer than the bridge waits
# Kinds of failing calls; together they have the share that the options say.
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("429", {"seconds": 1}),
    ("500", {}),
    ("503", {}),
    ("reset", {}),
    ("timeout_after_accept", {"seconds": 0.3}),
    ("timeout_after_accept", LONG),
)
HOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("webhook_delayed", {"seconds": 4}),
    ("webhook_doubled", {}),
    ("webhook_shuffled", {"seconds": 3}),
)
# Vendors repeat a webhook that was not taken after minutes; here after seconds, as often or less.
RETRY_DELAYS = [1, 3, 8, 20]
PATIENT = 24 * 3600  # seconds until a chat that nobody takes is missed


@dataclass
class Tenant:
    """One customer of the bridge, and the account at the other end."""

    index: int
    slug: str
    desk: Desk
    account: AccountControl
    key: str
    connector: str
    botpress_path: str = ""  # where Botpress calls

    @property
    def provider(self) -> str:
        """The help desk's slug."""
        return self.desk.provider


def build(stack: Stack, plan: Plan, bot: RecordingBot) -> list[Tenant]:
    """Declare all tenants and wait until they are connected. Raises NotStarted."""
    control = Control(stack.sandbox_url)
    kinds = zip(plan.desks, plan.connectors, strict=True)
    tenants = [_tenant(control, number, *kind) for number, kind in enumerate(kinds)]
    made = stack.apply({"tenants": [_declared(tenant, bot) for tenant in tenants]})
    by_tenant = {row["tenant"]: row for row in made}
    for tenant in tenants:
        own = by_tenant[tenant.slug]
        tenant.botpress_path = urlsplit(own["botpress_url"] or "").path
        if tenant.desk.takes_webhook_url:
            tenant.account.update(webhook_url=own["webhook_url"])
    until = time.monotonic() + 120
    for tenant in tenants:
        while not tenant.desk.connected(tenant.account):
            if time.monotonic() > until:
                raise NotStarted(f"{tenant.slug} is not connected after two minutes")
            time.sleep(0.1)
    return tenants


def _tenant(control: Control, number: int, name: str, connector: str) -> Tenant:
    desk = DESKS[name]
    slug = f"t{number:02d}-{desk.provider}-{connector}"
    settings = {"retry_delays": RETRY_DELAYS, "waiting_time": PATIENT}
    account = control.account(slug, desk.provider, settings=settings)
    key = f"hitl_chaos-key-that-only-this-run-knows-{slug}"
    return Tenant(number, slug, desk, account, key, connector)


def _declared(tenant: Tenant, bot: RecordingBot) -> dict[str, Any]:
    """A tenant of an `apply` file."""
    own, desk = tenant.account.credentials, tenant.desk
    installation = {
        "slug": "support",
        "provider": desk.provider,
        "api_base_url": tenant.account.base_url,
        "auth_base_url": tenant.account.base_url,
        "settings": desk.settings(own),
        "credentials": {name: own[name] for name in desk.credentials},
    }
    told = {"callback_url": bot.url, "callback_secret": SECRET}
    if tenant.connector == "botpress":
        told = {"connector": "botpress", "botpress_webhook_url": bot.botpress_url}
    declared = {
        "slug": "helper",
        **told,
        "api_keys": [{"name": "main", "key": tenant.key}],
        "installations": [installation],
    }
    return {"slug": tenant.slug, "bots": [declared]}


def spoil(tenants: list[Tenant], options: Options) -> None:
    """Let that share of calls and of webhooks go wrong, by rules of the sandbox."""
    share, seed = options.faults, options.seed
    calls = [(kind, more) for kind, more in CALLS if not (options.small and more == LONG)]
    for tenant in tenants:
        for kinds in (calls, list(HOOKS)):
            for number, (kind, more) in enumerate(kinds):
                # A rule is asked if those ahead of it did not strike: the shares add up.
                chance = (share / len(kinds)) / (1 - number * share / len(kinds))
                own = seed * 1000 + tenant.index * 20 + number
                tenant.account.fault(kind, probability=chance, seed=own, **more)


def struck(tenants: list[Tenant]) -> Counter[str]:
    """How often each kind of fault struck, over all tenants."""
    found: Counter[str] = Counter()
    for tenant in tenants:
        for rule in tenant.account.faults():
            found[rule["kind"]] += rule["hits"]
    return found
