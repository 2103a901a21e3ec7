"""The one way out: HTTP with time-outs, a size limit, guarded targets and mapped errors.

Every address that a tenant can influence goes through a `HttpClient`. The target's IP address
is checked when connecting, after resolving, and the connection is made to that very address,
so a name that changes its mind (DNS rebinding) gains nothing. Redirects are never followed and
proxies from the environment are ignored.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter

from providers.errors import (
    Gone,
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    ProviderError,
    RateLimited,
    Reconnect,
    Retry,
    Unavailable,
)

# The library warns about every private address, also about those that the operator allows.
logging.getLogger("requests_hardened").setLevel(logging.ERROR)

CONNECT_TIMEOUT = 3.0  # seconds
READ_TIMEOUT = 15.0
MAX_RESPONSE_BYTES = 8 * 1024 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
STANDARD_PORTS = frozenset({80, 443})


class ForbiddenTarget(Permanent):
    """Outgoing calls must not reach this address."""


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

    def covers(self, host: str, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
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
        except InvalidIPAddress as refused:
            ip = refused.args[0] if refused.args else None
            if not isinstance(ip, ipaddress.IPv4Address | ipaddress.IPv6Address):
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
        ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
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


def guarded_session(allowed: AllowedTargets) -> requests.Session:
    """A session that keeps connections alive, stores no cookies and reaches public hosts only.

    Safe to share between threads and tenants: nothing that one call received reaches another.
    """
    session: requests.Session = HTTPSession(
        Config(
            ip_filter_enable=False,  # our adapters do it
            ip_filter_allow_loopback_ips=False,
            never_redirect=True,
            default_timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            user_agent_override="hitl-bridge",
        )
    )
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http", "https"):
        adapter = _GuardedAdapter(allowed, https=scheme == "https")
        session.mount(f"{scheme}://", adapter)
    return session


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False, default_factory=dict)

    def json(self) -> Any:
        """The decoded body, or {} where it is empty; Retry where it is not JSON."""
        if not self.content.strip():
            return {}
        try:
            return json.loads(self.content)
        except ValueError:
            raise Unavailable(
                "The help desk answered with something that is not JSON.", status=self.status
            ) from None

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """What Content-Type says, without its parameters; empty if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip()


class HttpClient:
    """Requests that either answer or raise a `ProviderError`.

    `before_request` is called ahead of each request: the engine renews its lease there.
    """

    def __init__(
        self,
        session: requests.Session,
        before_request: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._before_request = before_request

    def request(  # noqa: PLR0913 - as requests has it
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        data: Any = None,
        files: Any = None,
        timeout: float = READ_TIMEOUT,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Response:
        """The answer, whatever its status. Raises Unavailable if the request surely did not
        reach the server, OutcomeUnknown if it may have, ForbiddenTarget if it must not.

        `timeout` is seconds for connecting and, apart, for the whole answer.
        """
        self._before_request()
        deadline = time.monotonic() + timeout
        safe = method.upper() in SAFE_METHODS
        try:
            answer = self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                params=dict(params or {}),
                json=json,
                data=data,
                files=files,
                timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                stream=True,
                allow_redirects=False,
            )
            with answer:
                content = _read(answer, deadline, max_bytes)
        except InvalidIPAddress:
            raise ForbiddenTarget(
                f"{_host(url)} is a private address or an unusual port; the platform operator "
                "can allow it in ALLOWED_PRIVATE_TARGETS."
            ) from None
        except (
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidSchema,
            requests.exceptions.MissingSchema,
            UnicodeError,
        ) as error:
            raise Misconfigured(f"Not a valid address ({type(error).__name__}).") from None
        except requests.exceptions.RequestException as error:
            raise _transport_error(error, url, safe=safe) from None
        return Response(
            answer.status_code,
            CaseInsensitiveDict(answer.headers),
            content,
            {cookie.name: cookie.value or "" for cookie in answer.cookies},
        )


def _read(answer: requests.Response, deadline: float, max_bytes: int) -> bytes:
    """The body, within its limits of size and time."""
    chunks, size = [], 0
    for chunk in answer.iter_content(64 * 1024):
        size += len(chunk)
        if size > max_bytes:
            raise Permanent(f"The answer is larger than {max_bytes} bytes.")
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout("the answer took too long")
        chunks.append(chunk)
    return b"".join(chunks)


def _transport_error(error: Exception, url: str, *, safe: bool) -> Retry:
    host = _host(url)
    never_sent = isinstance(error, requests.exceptions.ConnectTimeout) or (
        isinstance(error, requests.exceptions.ConnectionError) and _failed_to_connect(error)
    )
    if never_sent:
        return Unavailable(f"{host} can't be reached.")
    what = (
        "did not answer in time" if isinstance(error, requests.exceptions.Timeout) else "broke off"
    )
    kind = Unavailable if safe else OutcomeUnknown
    return kind(f"{host} {what}.")


def _failed_to_connect(error: Exception) -> bool:
    """Whether the connection was never made (refused, no route, unknown host)."""
    from_urllib3 = error.args[0] if error.args else None
    reason = getattr(from_urllib3, "reason", from_urllib3)
    name = type(reason).__name__
    return name in {"NewConnectionError", "NameResolutionError", "SSLError"} or (
        "Failed to resolve" in str(error)
    )


def segment(value: str) -> str:
    """An id as one part of a path."""
    return quote(value, safe="")


def _host(url: str) -> str:
    return urlsplit(url).hostname or "The address"


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """The seconds that a Retry-After header asks for; a date or a number, else None."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def error_for_status(
    status: int, detail: str, *, code: str = "", wait: float | None = None, safe: bool = False
) -> ProviderError:
    """The usual meaning of an HTTP status; adapters handle their vendor's exceptions first.

    `safe`: the request changes nothing, so repeating it is harmless.
    """
    if status == 429:
        return RateLimited(detail, retry_after=wait, code=code, status=status)
    if status == 503 and wait is not None:
        return Unavailable(detail, retry_after=wait, code=code, status=status)
    if status in (408, 425) or status >= 500:
        kind = Unavailable if safe else OutcomeUnknown
        return kind(detail, retry_after=wait, code=code, status=status)
    if status == 401:
        return Reconnect(detail, code=code, status=status)
    if status == 403:
        return Misconfigured(detail, code=code, status=status)
    if status in (404, 410):
        return Gone(detail, code=code, status=status)
    return Permanent(detail, code=code, status=status)
