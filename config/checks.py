"""System checks (`manage.py check`, and with `--deploy` those of production).

Each has an id, one sentence of what is wrong and a hint of what to do.
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004
from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator

from config.env import HOW_TO_MAKE_A_FERNET_KEY, SQLITE

# `manage.py check --tag bridge` runs these alone.
TAG = "bridge"
Apps = Sequence[AppConfig] | None


@register(TAG)
def check_public_url(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """PUBLIC_URL is an origin: what webhook addresses begin with."""
    url = settings.PUBLIC_URL
    parts = urlsplit(url)
    bare = parts.scheme in {"http", "https"} and url == f"{parts.scheme}://{parts.netloc}"
    if bare and parts.hostname and not parts.username:
        return []
    return [
        Error(
            f"PUBLIC_URL is not the plain address of a site: {url!r}.",
            hint="Set it to scheme and host, without path or slash at the end, "
            "for example https://bridge.example.com.",
            id="bridge.E001",
        )
    ]


@register(TAG, deploy=True)
def check_public_url_is_https(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """In production help desks and bots reach the bridge by https."""
    if settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Error(
            "PUBLIC_URL is not set to an https address.",
            hint="Set it to the address that help desks and bots reach, "
            "for example https://bridge.example.com.",
            id="bridge.E002",
        )
    ]


@register(TAG)
def check_encryption_keys(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Each of ENCRYPTION_KEYS is a Fernet key; the message names the place, never the key."""
    return [
        Error(
            f"Entry {place} of ENCRYPTION_KEYS is not 32 bytes in URL-safe Base64.",
            hint=f"To make one: {HOW_TO_MAKE_A_FERNET_KEY}",
            id="bridge.E003",
        )
        for place, key in enumerate(settings.ENCRYPTION_KEYS, start=1)
        if not _is_fernet_key(key)
    ]


@register(TAG)
def check_private_targets(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Each of ALLOWED_PRIVATE_TARGETS is a host name, an address or a network."""
    return [
        Error(
            f"ALLOWED_PRIVATE_TARGETS holds {target!r}, "
            "which is neither a host name nor an address nor a network.",
            hint="Write entries like 127.0.0.0/8, ::1 or desk.internal, separated by commas.",
            id="bridge.E004",
        )
        for target in settings.ALLOWED_PRIVATE_TARGETS
        if not _is_target(target)
    ]


@register(TAG, deploy=True)
def check_no_private_targets(app_configs: Apps, **kwargs: Any) -> Iterator[CheckMessage]:
    """In production tenants' addresses should reach nothing private."""
    if settings.ALLOWED_PRIVATE_TARGETS:
        yield Warning(
            "ALLOWED_PRIVATE_TARGETS lets addresses that tenants set reach private hosts.",
            hint="Leave it empty, or silence bridge.W002 where that is meant.",
            id="bridge.W002",
        )


@register(TAG)
def check_second_step(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """REQUIRE_SECOND_STEP names roles: a misspelt one would demand nothing of anybody."""
    known = ("platform", "operator", "support")
    return [
        Error(
            f"REQUIRE_SECOND_STEP holds {name!r}, which is no role.",
            hint=f"Write some of {', '.join(known)}, separated by commas.",
            id="bridge.E010",
        )
        for name in settings.REQUIRE_SECOND_STEP
        if name not in known
    ]


@register(TAG)
def check_database(app_configs: Apps, **kwargs: Any) -> Iterator[CheckMessage]:
    """The engine is right on PostgreSQL and SQLite, and tested on no other."""
    engine = settings.DATABASES["default"].get("ENGINE", "")
    sqlite = engine in {SQLITE, "django.db.backends.sqlite3"}
    if not sqlite and engine != "django.db.backends.postgresql":
        yield Error(
            "DATABASE_URL names a database other than PostgreSQL and SQLite.",
            hint="Use postgres://user:password@host:5432/name or sqlite:///var/bridge.sqlite3.",
            id="bridge.E005",
        )
    elif settings.REDIS_URL and sqlite:
        yield Warning(
            "Redis carries wake-ups to workers that all share one SQLite file.",
            hint="Set DATABASE_URL to PostgreSQL, or leave REDIS_URL empty to run embedded.",
            id="bridge.W001",
        )


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True


def _is_target(target: str) -> bool:
    try:
        ip_network(target)
    except ValueError:
        if target.replace(".", "").replace("/", "").isdigit():
            return False
        return _is_host_name(target)
    return True


def _is_host_name(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        # A single label is fine here: container networks name hosts so.
        DomainNameValidator()(name if "." in name else f"{name}.internal")
    except ValidationError:
        return False
    return True
