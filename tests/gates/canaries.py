"""Secrets that exist nowhere else, planted wherever the product keeps one."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

import providers
from hitl_bridge.models import ApiKey, App, Bot, Installation, OAuthToken, SecondStep, Tenant
from tests import factories

SETTINGS = {
    "app_id": "1", "inbox_id": "1", "organization_id": "acc-1", "group_id": "0",
    "data_center": "eu", "screen_name": "acme", "department_id": "1", "region": "eu",
}  # fmt: skip
DESKS = ("hubspot", "intercom", "livechat", "zoho")


@dataclass
class Planted:
    """What was planted, by where, and the rows that hold it."""

    secrets: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)  # of the API
    desks: list[Installation] = field(default_factory=list)
    person: User = field(default_factory=User)

    def new(self, where: str, size: int = 18) -> str:
        """One more: letters and digits that no other text has."""
        self.secrets[where] = "Cnry" + secrets.token_hex(size)
        return self.secrets[where]

    def signing(self, where: str) -> str:
        """One that is a Standard Webhooks secret."""
        found = base64.b64encode(secrets.token_bytes(33)).decode()
        self.secrets[where] = found
        return f"whsec_{found}"

    def found_in(self, text: str) -> list[str]:
        """Whose secrets stand in the text, as they are or in Base64."""
        hits = []
        for where, secret in self.secrets.items():
            coded = base64.b64encode(secret.encode()).decode().rstrip("=")[:-2]
            if secret in text or coded in text:
                hits.append(where)
        return hits


def plant() -> Planted:
    """A tenant with every help desk, every secret field filled."""
    planted = Planted()
    owner = factories.tenant(
        slug="canary", alert_webhook_url="https://alerts.example.com/x",
        alert_webhook_secret=planted.signing("tenant alert_webhook_secret"),
    )  # fmt: skip
    for slug in DESKS:
        _desk(planted, owner, slug)
    _person(planted)
    return planted


def _desk(planted: Planted, owner: Tenant, slug: str) -> None:
    def new(what: str) -> str:
        return planted.new(f"{slug} {what}")

    botpress = {"connector": "botpress"} if slug == "zoho" else {}
    bot = factories.bot(
        owner, slug=f"{slug}-bot", **botpress,
        callback_secret=planted.signing(f"{slug} callback_secret"),
        previous_callback_secret=planted.signing(f"{slug} previous_callback_secret"),
        botpress_webhook_url=f"https://webhook.botpress.cloud/{new('botpress_webhook_url')}",
        botpress_token=new("botpress_token"), botpress_bot_id="b1",
    )  # fmt: skip
    fields = [one.name for one in providers.get(slug).credential_fields if one.secret]
    known = [one.name for one in providers.get(slug).settings_fields]
    app = App.objects.create(
        tenant=owner, slug=f"{slug}-app", provider=slug,
        credentials={name: new(f"app {name}") for name in fields},
    )  # fmt: skip
    desk = factories.installation(
        bot, provider=slug, slug=f"{slug}-desk", app=app, account_id="acc-1",
        credentials={"client_id": "public-id"} | {name: new(f"own {name}") for name in fields},
        settings={one: SETTINGS[one] for one in known if one in SETTINGS},
        state={"webhook_secret": new("state"), "webhook_id": "w1"},
    )  # fmt: skip
    OAuthToken.objects.create(
        installation=desk, access_token=new("access_token"), refresh_token=new("refresh_token")
    )
    _, key = ApiKey.issue(bot, "live")
    planted.secrets[f"{slug} API key"] = key
    planted.keys.append(key)
    planted.desks.append(desk)


def _person(planted: Planted) -> None:
    person = User.objects.create_superuser("root", password=planted.new("password"))
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    planted.secrets["second step"] = secret
    SecondStep.objects.create(user=person, secret=secret)
    planted.person = person


def described(rows: list[Any]) -> str:
    """What a traceback, a shell or a careless log line would show of them."""
    return "\n".join(f"{row!r} {row} {vars(row) if not hasattr(row, 'pk') else ''}" for row in rows)


def models_holding() -> list[Any]:
    """Every row with a secret."""
    kinds = (Tenant, Bot, App, Installation, OAuthToken, ApiKey, SecondStep)
    return [row for kind in kinds for row in kind._default_manager.all()]
