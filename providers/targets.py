"""Where outgoing connections may go.

The target's IP address is checked when connecting, after resolving, and the connection is made to
that very address, so a name that changes its mind (DNS rebinding) gains nothing. Redirects are
never followed and proxies from the environment are ignored.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter

from providers import deadline

# The library warns about every private address, also about those that the operator allows.
logging.getLogger("requests_hardened").setLevel(logging.ERROR)

DEFAULT_TIMEOUT = (3.0, 15.0)  # seconds; a HttpClient's requests name their own
STANDARD_PORTS = frozenset({80, 443})
# What is kept alive: so many hosts, and to each as many connections as a process has threads.
HOSTS, CONNECTIONS = 100, 32
# Azure's host, which answers each of its guests: public by its number only.
INSIDE = frozenset({ipaddress.ip_address("168.63.129.16")})

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class AllowedTargets:
    """Hosts and networks that calls may reach though private or on an unusual port."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> AllowedTargets:
        """From the operator's list, e.g. `["127.0.0.0/8", "sandbox.internal"]`."""
        hosts, networks = set(), []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                hosts.add(entry.lower())
        return cls(frozenset(hosts), tuple(networks))

    def covers(self, host: str, ip: IP) -> bool:
        """Whether the operator allows this host or the address it resolved to."""
        return host.lower() in self.hosts or any(ip in network for network in self.networks)

    def names(self, host: str) -> bool:
        """Whether the host itself is listed, by name or as a literal address in a network."""
        try:
            return self.covers(host, ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            # A listed network that holds what "localhost" always means covers that name too.
            loopback = ipaddress.ip_address("127.0.0.1")
            return host.lower() in self.hosts or (
                host.lower() == "localhost" and any(loopback in net for net in self.networks)
            )


class _GuardedAdapter(IPFilterAdapter):
    """Refuses private addresses but those on the operator's list, and unusual public ports."""

    def __init__(self, allowed: AllowedTargets, *, https: bool) -> None:
        self._allowed = allowed
        super().__init__(is_https_proto=https)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(HOSTS, CONNECTIONS, **kwargs)
        self.poolmanager.pool_classes_by_scheme = deadline.POOLS

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        target = urlsplit(request.url or "")
        host, port = target.hostname or "", target.port
        if port and port not in STANDARD_PORTS and not self._allowed.names(host):
            raise InvalidIPAddress(f"port {port} is not allowed")
        try:
            pair: tuple[dict[str, Any], dict[str, Any]] = (
                super().build_connection_pool_key_attributes(request, verify, cert)
            )
            _require_public(ipaddress.ip_address(pair[0]["host"].strip("[]")))
        except InvalidIPAddress as refused:
            ip = refused.args[0] if refused.args else None
            if not isinstance(ip, IP):
                raise
            if not self._allowed.covers(host, ip):
                raise
            return self._pinned(request, verify, cert, ip)
        return pair

    def _pinned(
        self,
        request: requests.PreparedRequest,
        verify: Any,
        cert: Any,
        ip: IP,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As the library pins a public address, for one that the operator allows."""
        pair: Any = HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        host_params, pool_params = pair
        request.headers = CaseInsensitiveDict(request.headers)
        request.headers["Host"] = urlsplit(request.url or "").netloc.rpartition("@")[2]
        if self._is_https_proto:
            name = host_params["host"]
            pool_params.update({"assert_hostname": name, "server_hostname": name})
        host_params["host"] = f"[{ip}]" if ip.version == 6 else str(ip)
        return host_params, pool_params


def _require_public(ip: IP) -> None:
    """Raise InvalidIPAddress for what the library lets through and no public host has: IPv4 in
    IPv6 by forms that are no longer used, site-local and reserved addresses."""
    odd = ip.is_reserved or ip.is_multicast or getattr(ip, "is_site_local", False)
    if odd or not ip.is_global or ip in INSIDE:
        raise InvalidIPAddress(ip)


def guarded_session(allowed: AllowedTargets) -> requests.Session:
    """A session that keeps connections alive, stores no cookies and reaches public hosts only.

    Safe to share between threads and tenants: nothing that one call received reaches another.
    """
    session: requests.Session = HTTPSession(
        Config(
            ip_filter_enable=False,  # our adapters do it
            ip_filter_allow_loopback_ips=False,
            never_redirect=True,
            default_timeout=DEFAULT_TIMEOUT,
            user_agent_override="hitl-bridge",
        )
    )
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http", "https"):
        adapter = _GuardedAdapter(allowed, https=scheme == "https")
        session.mount(f"{scheme}://", adapter)
    return session
