"""The imitated help desks. One line each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.models import Account
    from sandbox.vendors.base import Vendor

# Where each vendor's class lives; loaded when first used, because it needs the tables.
VENDORS = {
    "intercom": "sandbox.vendors.intercom.vendor:Intercom",
    "hubspot": "sandbox.vendors.hubspot.vendor:HubSpot",
    "livechat": "sandbox.vendors.livechat.vendor:LiveChat",
    "zoho": "sandbox.vendors.zoho.vendor:Zoho",
}

_loaded: dict[str, Vendor] = {}


def get(slug: str) -> Vendor:
    """The vendor of that name. Raises KeyError if there is none."""
    if slug not in _loaded:
        module, _, name = VENDORS[slug].partition(":")
        _loaded[slug] = getattr(import_module(module), name)()
    return _loaded[slug]


def of(account: Account) -> Vendor:
    """The vendor that this account belongs to."""
    return get(account.vendor)
