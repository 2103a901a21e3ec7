"""Whose address a request comes from."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

ONE_SITE = 64  # bits of an IPv6 address: whoever has one has all that begin so


def address(request: HttpRequest) -> str | None:
    """The caller's, behind as many proxies as TRUSTED_PROXIES says; what it claims counts not.

    Each proxy adds whom it was asked by at the end of X-Forwarded-For.
    """
    direct = str(request.META.get("REMOTE_ADDR") or "")
    claimed = request.headers.get("X-Forwarded-For", "").split(",")
    trusted: int = settings.TRUSTED_PROXIES
    behind = claimed[-trusted].strip() if 0 < trusted <= len(claimed) else ""
    return _valid(behind) or _valid(direct)


def site(request: HttpRequest) -> str:
    """What stands for the caller where calls are counted."""
    found = address(request)
    if found is None or ":" not in found:
        return found or "unknown"
    return str(ipaddress.ip_network(f"{found}/{ONE_SITE}", strict=False))


def _valid(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None
