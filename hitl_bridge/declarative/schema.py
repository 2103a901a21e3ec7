"""What a file may hold, key by key (design.md, section 7; docs/operators/apply.md).

Columns hold only what stands in the file: what does not is left alone when it is applied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import providers
from hitl_bridge import options
from hitl_bridge.alert_settings import emails_problem
from hitl_bridge.botpress import NO_TEXT
from hitl_bridge.callback_secrets import callback_secret_problem
from hitl_bridge.changes import address_problem
from hitl_bridge.declarative.document import Document, Section
from hitl_bridge.models.bots import ApiKeyScope, Connector
from hitl_bridge.models.tenants import LONGEST_DAYS
from hitl_bridge.options import Item, WrongValueError
from providers.base import Provider

RETENTION_KEYS = ("content_days", "receipt_days")
TENANT_KEYS = ("slug", "name", "bots", "apps", "alerts", "retention")
ALERT_KEYS = ("emails", "webhook_url", "webhook_secret")
BOT_SECRETS = ("botpress_webhook_url", "botpress_token", "botpress_bot_id")
CALLBACK_SECRETS = ("callback_secret", "previous_callback_secret")
BOT_KEYS = (
    "slug", "name", "connector", "callback_url", *CALLBACK_SECRETS, *BOT_SECRETS, "enabled",
    "api_keys", "installations",
)  # fmt: skip
API_KEY_KEYS = ("name", "key", "scopes", "expires_at")
APP_KEYS = ("slug", "provider", "settings", "credentials")
ADDRESSES = ("api_base_url", "auth_base_url")
INSTALLATION_KEYS = (
    "slug", "provider", "app", "settings", "credentials", "options", *ADDRESSES, "enabled",
)  # fmt: skip
SHORTEST_KEY = 16
FOREVER = "forever"


@dataclass(frozen=True)
class Values:
    """A mapping of settings, credentials or options, and where it stands."""

    section: Section | None
    values: dict[str, Any] = field(repr=False)  # of options: numbers too


@dataclass(frozen=True)
class ApiKeyDeclaration:
    section: Section
    name: str
    text: str = field(repr=False)
    columns: dict[str, Any]


@dataclass(frozen=True)
class AppDeclaration:
    section: Section
    slug: str
    provider: str
    settings: Values
    credentials: Values


@dataclass(frozen=True)
class InstallationDeclaration:
    section: Section
    slug: str
    provider: str
    app: str | None  # "" takes it away
    settings: Values
    credentials: Values
    options: Values
    columns: dict[str, str]
    enabled: bool | None


@dataclass(frozen=True)
class BotDeclaration:
    section: Section
    slug: str
    columns: dict[str, Any] = field(repr=False)
    api_keys: list[ApiKeyDeclaration]
    installations: list[InstallationDeclaration]


@dataclass(frozen=True)
class TenantDeclaration:
    section: Section
    slug: str
    columns: dict[str, Any] = field(repr=False)
    apps: list[AppDeclaration]
    bots: list[BotDeclaration]


def read(document: Document) -> list[TenantDeclaration]:
    """The file's tenants. Raises DeclarationError naming every fault at once."""
    top = document.load(("tenants",))
    if "tenants" not in top:
        top.fault("", "The file needs the key tenants.")
    tenants = [_tenant(section) for section in top.sections("tenants", TENANT_KEYS)]
    _once([tenant.section for tenant in tenants], "slug")
    document.raise_faults()
    return tenants


def _tenant(section: Section) -> TenantDeclaration:
    apps = [_app(item) for item in section.sections("apps", APP_KEYS)]
    bots = [_bot(item) for item in section.sections("bots", BOT_KEYS)]
    _once([app.section for app in apps], "slug")
    _once([bot.section for bot in bots], "slug")
    columns = {**_texts(section, "name"), **_alerts(section), **_retention(section)}
    return TenantDeclaration(section, section.required("slug"), columns, apps, bots)


def _alerts(section: Section) -> dict[str, str]:
    """Where the tenant is told of trouble, as the tenant's columns."""
    inner = section.section("alerts", ALERT_KEYS)
    if inner is None:
        return {}
    addresses = inner.texts("emails")
    problem = emails_problem(addresses or [])
    if problem:
        inner.fault("emails", problem)
    secret = inner.value("webhook_secret")
    problem = callback_secret_problem(secret) if secret else ""
    if problem:
        inner.fault("webhook_secret", problem)
    return _given(
        {
            "alert_emails": None if addresses is None else ", ".join(addresses),
            "alert_webhook_url": _address(inner, "webhook_url"),
            "alert_webhook_secret": secret,
        }
    )


def _retention(section: Section) -> dict[str, int | None]:
    """How many days the tenant's data are kept; the word forever takes the limit away."""
    inner = section.section("retention", RETENTION_KEYS)
    columns: dict[str, int | None] = {}
    for key in RETENTION_KEYS if inner else ():
        text = inner.text(key) if inner else None
        if text is None:
            continue
        if text in ("", FOREVER):
            columns[key] = None
        elif text.isdecimal() and 1 <= int(text) <= LONGEST_DAYS:
            columns[key] = int(text)
        elif inner:
            inner.fault(key, f"This must be a number of days from 1 to {LONGEST_DAYS}, or forever.")
    return columns


def _bot(section: Section) -> BotDeclaration:
    keys = [_api_key(item) for item in section.sections("api_keys", API_KEY_KEYS)]
    installations = [
        _installation(item) for item in section.sections("installations", INSTALLATION_KEYS)
    ]
    _once([key.section for key in keys], "name")
    _once([installation.section for installation in installations], "slug")
    columns: dict[str, Any] = {
        **_texts(section, "name"),
        "connector": section.choice("connector", Connector.values),
        "callback_url": _address(section, "callback_url"),
        "enabled": section.boolean("enabled"),
        **{key: section.value(key) for key in (*CALLBACK_SECRETS, *BOT_SECRETS)},
    }
    for key in CALLBACK_SECRETS:
        problem = callback_secret_problem(columns[key]) if columns[key] else ""
        if problem:
            section.fault(key, problem)
    return BotDeclaration(section, section.required("slug"), _given(columns), keys, installations)


def _api_key(section: Section) -> ApiKeyDeclaration:
    section.required("key")
    text = section.value("key") or ""
    if text and len(text) < SHORTEST_KEY:
        section.fault("key", f"A key needs {SHORTEST_KEY} characters or more.")
    scopes = section.texts("scopes")
    unknown = set(scopes or ()) - set(ApiKeyScope.values)
    if unknown:
        section.fault("scopes", f"Scopes are {', '.join(ApiKeyScope.values)}.")
    columns = {"scopes": scopes, "expires_at": section.time("expires_at")}
    return ApiKeyDeclaration(section, section.required("name"), text, _given(columns))


def _app(section: Section) -> AppDeclaration:
    adapter, slug = _provider(section)
    settings, credentials = _declared(adapter, app_level=True)
    return AppDeclaration(
        section,
        section.required("slug"),
        slug,
        _values(section, "settings", settings),
        _values(section, "credentials", credentials),
    )


def _installation(section: Section) -> InstallationDeclaration:
    adapter, slug = _provider(section)
    settings, credentials = _declared(adapter)
    return InstallationDeclaration(
        section,
        section.required("slug"),
        slug,
        section.text("app"),
        _values(section, "settings", settings),
        _values(section, "credentials", credentials),
        _options(section),
        _given({key: _address(section, key) for key in ADDRESSES}),
        section.boolean("enabled"),
    )


def _provider(section: Section) -> tuple[type[Provider] | None, str]:
    section.required("provider")
    slug = section.choice("provider", list(providers.PROVIDERS)) or ""
    return (providers.get(slug) if slug else None), slug


def _declared(
    adapter: type[Provider] | None, *, app_level: bool = False
) -> tuple[list[str] | None, list[str] | None]:
    """The names of settings and credentials (of those that apps share); None: not known."""
    if adapter is None:
        return None, None
    settings, credentials = (
        [item.name for item in fields if item.app_level or not app_level]
        for fields in (adapter.settings_fields, adapter.credential_fields)
    )
    return settings, credentials


def _values(section: Section, key: str, known: list[str] | None) -> Values:
    """The mapping under `key`; of an unknown help desk any names are taken."""
    inner = section.section(key, known)
    if inner is None:
        return Values(None, {})
    return Values(inner, _given({name: inner.value(name) for name in inner.keys()}))  # noqa: SIM118


def _options(section: Section) -> Values:
    """By flat names. What is wrong with a value is noted; whether the bot may have it, the engine
    knows."""
    groups: dict[str, dict[str, Item]] = {}
    for item in options.ITEMS:
        group, _, member = item.name.rpartition(".")
        groups.setdefault(group, {})[member] = item
    inner = section.section("options", [*groups[""], *filter(None, groups)])
    if inner is None:
        return Values(None, {})
    values: dict[str, Any] = {}
    for group, items in groups.items():
        place = inner.section(group, items) if group else inner
        if place is None:
            continue
        for member, item in items.items():
            given = _option(place, member, item)
            if given is not None:
                values[item.name] = given
    return Values(inner, values)


def _option(section: Section, key: str, item: Item) -> Any:
    """The option's value, "" if it is taken away; None if it is absent or wrong."""
    try:
        several = section.several(key)
        if several is not None:
            return item.kind.check(several)
        text = section.value(key)
        if section.written(key) == NO_TEXT:  # Botpress's word, which YAML takes for null
            text = NO_TEXT
        return None if text is None else options.read(item, text)
    except WrongValueError as wrong:
        section.fault(key, str(wrong))
        return None


def _texts(section: Section, *keys: str) -> dict[str, str]:
    return _given({key: section.text(key) for key in keys})


def _address(section: Section, key: str) -> str | None:
    address = section.value(key)
    problem = address_problem(address) if address else ""
    if problem:
        section.fault(key, problem)
    return address


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _once(sections: list[Section], key: str) -> None:
    """Two sections of the same name would undo each other."""
    seen = set()
    for section in sections:
        name = section.text(key)
        if name and name in seen:
            section.fault(key, f"{name} is declared twice.")
        seen.add(name)
