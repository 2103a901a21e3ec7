"""The help desks that the bridge can talk to."""

from __future__ import annotations

from importlib import import_module

from providers.base import Provider

# slug -> where the adapter is; a new help desk is one line here.
PROVIDERS: dict[str, str] = {
    "hubspot": "providers.hubspot:HubSpot",
    "intercom": "providers.intercom:Intercom",
    "livechat": "providers.livechat:LiveChat",
    "zoho": "providers.zoho:Zoho",
}


def get(slug: str) -> type[Provider]:
    """The adapter class. Raises KeyError for an unknown help desk."""
    module, _, name = PROVIDERS[slug].partition(":")
    provider: type[Provider] = getattr(import_module(module), name)
    return provider


def choices() -> list[tuple[str, str]]:
    """(slug, label) of every help desk, for forms."""
    return [(slug, get(slug).label) for slug in PROVIDERS]
