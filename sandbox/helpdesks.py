"""The help desks of `make run`: what demo.yaml declares and the sandbox can imitate.

An installation's `api_base_url` says which account of the sandbox it belongs to. That account is
made with the settings and credentials that the installation has, so that both know the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox import vendors

# Where an operator enters the address of webhooks; the others are told it by the bridge.
BY_HAND = ("intercom", "hubspot")
PLACE = re.compile(r"SANDBOX_URL/([a-z]+)/([-\w]+)/?$")
NAMED = re.compile(r"\benv:([A-Z][A-Z0-9_]*)")
Json = dict[str, Any]
YOURS = "yours"  # the slug of the bot that is not the demo chat's


@dataclass(frozen=True)
class HelpDesk:
    """One installation of a bot of the demo's, and its account in the sandbox."""

    bot: str  # the bot's slug
    installation: str  # its slug
    vendor: str
    account: str  # the account's slug
    values: Mapping[str, str]  # settings and credentials; some name a secret: `env:NAME`

    @property
    def chosen_by(self) -> str:
        """The installation as the demo chat offers it; empty where it has no business there."""
        return "" if self.bot == YOURS else self.installation

    @property
    def webhooks_by_hand(self) -> bool:
        """Whether somebody must enter the installation's webhook address at the help desk."""
        return self.vendor in BY_HAND

    def credentials(self, secrets: Mapping[str, str]) -> dict[str, str]:
        """The values with the secrets filled in."""
        return {
            name: secrets[value.removeprefix("env:")] if value.startswith("env:") else value
            for name, value in self.values.items()
        }


def secret_names(file: Path) -> list[str]:
    """The names of all secrets that the file wants from the environment."""
    return NAMED.findall(file.read_text())


def read(file: Path) -> tuple[Json, list[HelpDesk]]:
    """The declaration without the installations that the sandbox has no imitation for, and the
    help desks of those that remain."""
    document: Json = yaml.safe_load(file.read_text())
    found: list[HelpDesk] = []
    for tenant in document["tenants"]:
        for bot in tenant["bots"]:
            desks = {row["slug"]: desk for row in bot["installations"] if (desk := _desk(bot, row))}
            bot["installations"] = [row for row in bot["installations"] if row["slug"] in desks]
            found += desks.values()
    return document, found


def take_callbacks(document: Json, url: str) -> None:
    """Declare that the bot of one's own is called at this address."""
    for bot in (bot for tenant in document["tenants"] for bot in tenant["bots"]):
        if bot["slug"] == YOURS:
            bot |= {"connector": "callback", "callback_url": url}
            bot["callback_secret"] = "env:YOUR_CALLBACK_SECRET"  # noqa: S105 - names one


def _desk(bot: Json, row: Json) -> HelpDesk | None:
    match = PLACE.match(str(row.get("api_base_url")))
    if match is None or match[1] not in vendors.VENDORS:
        return None
    given = {**(row.get("settings") or {}), **(row.get("credentials") or {})}
    values = {name: str(value) for name, value in given.items()}
    return HelpDesk(bot["slug"], row["slug"], match[1], match[2], values)
