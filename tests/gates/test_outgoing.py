"""Addresses that tenants choose lead nowhere inside: listeners on this machine count who comes."""

from __future__ import annotations

import ipaddress
import resource
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from conversations.flows import trying
from conversations.flows.fetching import Fetcher
from conversations.models import ConversationStatus
from hitl_bridge import alert_sending, connect
from hitl_bridge.connect import provider_for
from hitl_bridge.outgoing import http_client
from providers.errors import Permanent, ProviderError
from providers.http import ForbiddenTarget, HttpClient
from providers.targets import AllowedTargets, guarded_session
from tests import factories
from tests.gates import listeners
from tests.gates.listeners import Listener, listening

# What stands for the listener's port; an address without it means port 80 or 443.
HOSTILE = """
http://127.0.0.1:{port}/ http://127.1:{port}/ http://127.0.1:{port}/ http://127.255.255.254:{port}/
http://2130706433:{port}/ http://0x7f000001:{port}/ http://0x7f.0.0.1:{port}/
http://017700000001:{port}/ http://0177.0.0.1:{port}/ http://0177.0x0.0.1:{port}/
http://localhost:{port}/ http://LOCALHOST:{port}/ http://localhost.:{port}/
http://127.0.0.1.:{port}/ http://0.0.0.0:{port}/ http://0:{port}/
http://[::1]:{port}/ http://[::]:{port}/ http://[0:0:0:0:0:0:0:1]:{port}/
http://[::ffff:127.0.0.1]:{port}/ http://[::ffff:7f00:1]:{port}/ http://[::127.0.0.1]:{port}/
http://[::ffff:0:127.0.0.1]:{port}/ http://[64:ff9b::127.0.0.1]:{port}/
http://[64:ff9b::7f00:1]/ http://[64:ff9b:1::7f00:1]/ http://[2002:7f00:1::]/
http://[2001:0:7f00:1::]/ http://[::5efe:127.0.0.1]/ http://[fe80::1]/ http://[fe80::1%25lo]/
http://[fec0::1]/ http://[fd00:ec2::254]/latest/meta-data/ http://[ff02::1]/ http://[100::1]/
http://169.254.169.254/latest/meta-data/ http://2852039166/ http://0xa9fea9fe/
http://169.254.170.2/ http://168.63.129.16/ http://100.100.100.200/ http://[::ffff:a9fe:a9fe]/
http://10.0.0.1/ http://172.16.0.1/ http://192.168.0.1/ http://100.64.0.1/ http://198.18.0.1/
http://192.0.0.1/ http://192.88.99.1/ http://224.0.0.1/ http://239.255.255.250/ http://240.0.0.1/
http://255.255.255.255/ http://192.0.2.1/ http://[2001:db8::1]/
http://public.example@127.0.0.1:{port}/ http://127.0.0.1:{port}@127.0.0.1:{port}/
http://127.0.0.1:{port}#@public.example/ http://127.0.0.1:{port}?@public.example/
http://127.0.0.1:{port}\\@public.example/ http://public.example\\@127.0.0.1:{port}/
http://①②⑦.0.0.1:{port}/ http://127。0。0。1:{port}/ http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/
http://metadata.google.internal/ http://kubernetes.default.svc/ http://inside.internal:{port}/
https://127.0.0.1:{port}/ https://localhost:{port}/ http://%31%32%37.0.0.1:{port}/
http://127.0.0.1%00.public.example:{port}/ http:127.0.0.1:{port}/ http:///127.0.0.1:{port}/
//127.0.0.1:{port}/ file:///etc/passwd gopher://127.0.0.1:{port}/_x ftp://127.0.0.1:{port}/
dict://127.0.0.1:{port}/ ws://127.0.0.1:{port}/ javascript:0 data:,x
http://public.example:22/ http://public.example:6379/ http://public.example:{port}/
""".split()  # fmt: skip
# Names of ours in there, and where they lead: into this machine, or to a public host.
NAMES = {
    "inside.internal": "127.0.0.1", "metadata.google.internal": "169.254.169.254",
    "kubernetes.default.svc": "10.96.0.1", "public.example": "93.184.215.14",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_session(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies named by the environment would reach everything for us."""
    settings.ALLOWED_PRIVATE_TARGETS = []
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")


@pytest.fixture
def inside() -> Iterator[Listener]:
    with listening(listeners.plain) as found:
        yield found


@pytest.fixture
def both(inside: Listener) -> Iterator[list[Listener]]:
    """On IPv4 and, where this machine has it, on IPv6."""
    with listening(
        listeners.plain, "::1" if socket.has_ipv6 and _has_six() else "127.0.0.2"
    ) as six:
        yield [inside, six]


def _has_six() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def left(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names lead where NAMES says, and no test leaves this machine: where it would have gone."""
    real, connect_to, went = socket.getaddrinfo, socket.socket.connect, []

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real(NAMES.get(name, name), *args, **kwargs)

    def stay(self: socket.socket, target: Any) -> None:
        if self.family == socket.AF_UNIX or ipaddress.ip_address(target[0]).is_loopback:
            return connect_to(self, target)
        went.append(target[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", stay)
    return went


def refused(both: list[Listener], address: str, call: Any) -> list[int]:
    """Call with the address, at each listener's port; who was reached."""
    for found in both:
        call(address.replace("{port}", str(found.port)))
    return [found.reached for found in both]


@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_address_is_refused_before_anything_is_sent(
    both: list[Listener], address: str
) -> None:
    def call(url: str) -> None:
        with pytest.raises(ProviderError) as raised:
            http_client().request("POST", url, data=b"x", timeout=2)
        # Where it could not be connected to, it may still have been tried: only these never are.
        if "%31" not in url and "%00" not in url:
            assert type(raised.value).__name__ in {
                "ForbiddenTarget",
                "Misconfigured",
                "Unavailable",
            }

    assert refused(both, address, call) == [0, 0]


LITERAL = [url for url in HOSTILE if url.startswith("http://[") and "%" not in url]


@pytest.mark.parametrize("address", LITERAL)
def test_no_literal_of_the_inside_gets_as_far_as_connecting(address: str) -> None:
    with pytest.raises(ForbiddenTarget):
        http_client().request("GET", address.replace(":{port}", ""), timeout=1)


def test_the_table_is_as_long_as_promised() -> None:
    assert len(set(HOSTILE)) >= 80


@pytest.mark.django_db
def test_none_is_reached_by_callbacks_alerts_files_or_help_desks(both: list[Listener]) -> None:
    bot = factories.bot()
    desk = factories.installation(bot)
    session = factories.conversation(desk)
    session.status = ConversationStatus.QUEUED

    def call(url: str) -> None:
        bot.callback_url = bot.tenant.alert_webhook_url = url
        desk.api_base_url = desk.auth_base_url = url
        assert not trying.try_callback(bot).good
        assert [good for good, _ in alert_sending.send_test(bot.tenant)] == [False]
        with pytest.raises(ProviderError):
            connect.check(desk)
        journal: Any = None
        with pytest.raises((ProviderError, ValueError)):
            Fetcher(provider_for(desk), session, journal)._fetch(url)

    # Those that lead to this machine; the others would only wait for time-outs.
    for address in [url for url in HOSTILE if "{port}" in url and "%" not in url]:
        assert refused(both, address, call) == [0, 0], address


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(
    left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int, *_: Any, **__: Any) -> Any:
        asked.append(host)
        public = "93.184.215.14" if asked.count("rebind.example") == 1 else "127.0.0.1"
        shown = host if _is_literal(host) else public
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (shown, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    client = HttpClient(guarded_session(AllowedTargets()))
    with pytest.raises(ProviderError):
        client.request("GET", "http://rebind.example/", timeout=1)
    assert left == ["93.184.215.14"]
    with pytest.raises(ForbiddenTarget):  # now it leads inside
        client.request("GET", "http://rebind.example/", timeout=1)
    assert left == ["93.184.215.14"]
    assert asked.count("rebind.example") == 2


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def test_a_redirect_is_not_followed_and_a_files_is_checked_anew(
    inside: Listener, settings: Settings
) -> None:
    target = f"http://127.0.0.1:{inside.port}/"
    with listening(listeners.redirect(target), "127.0.0.3") as front:
        settings.ALLOWED_PRIVATE_TARGETS = ["127.0.0.3/32"]
        url = f"http://127.0.0.3:{front.port}/"
        assert http_client().request("GET", url).status == 302
        provider: Any = type("Provider", (), {"fetch_media": lambda self, url: None})()
        provider.connection = type("Connection", (), {"http": http_client()})()
        with pytest.raises(ForbiddenTarget):
            Fetcher(provider, None, None)._fetch(url)  # type: ignore[arg-type]
        assert front.reached == 2
    assert inside.reached == 0


def test_private_targets_are_reached_only_where_the_operator_allows_them(
    inside: Listener, settings: Settings
) -> None:
    url = f"http://127.0.0.1:{inside.port}/"
    for entries, reached in ((["10.0.0.0/8", "localhost"], 0), (["127.0.0.0/8"], 1)):
        settings.ALLOWED_PRIVATE_TARGETS = entries
        try:
            assert http_client().request("GET", url).content == b"ok"
        except ForbiddenTarget:
            assert not reached
        assert inside.reached == reached


def here() -> HttpClient:
    return HttpClient(guarded_session(AllowedTargets.of(["127.0.0.1"])))


@pytest.mark.parametrize("kind", listeners.SLOW)
def test_an_answer_that_trickles_in_is_given_up(kind: str) -> None:
    given_up = threading.Event()

    def call(url: str) -> None:
        with pytest.raises(ProviderError, match="did not answer in time"):
            here().request("GET", url, timeout=0.3)
        given_up.set()

    with listening(listeners.SLOW[kind]) as slow:
        caller = threading.Thread(target=call, args=(f"http://127.0.0.1:{slow.port}/",))
        caller.start()
        caller.join(20)
        assert given_up.is_set()


@pytest.mark.parametrize("answer", [listeners.endless, listeners.bomb])
def test_an_answer_without_end_is_cut_off_and_never_held(answer: listeners.Answer) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with listening(answer) as server, pytest.raises(Permanent, match="larger than 100000 bytes"):
        here().request("GET", f"http://127.0.0.1:{server.port}/", max_bytes=100_000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kilobytes
    assert grown < 30_000
