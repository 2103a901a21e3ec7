"""What callers send is bounded before it is read, and counted before it is looked up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.db import connection
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from config.bodies import bounded
from conversations.api.bodies import MAX_WEBHOOK_DEPTH, is_too_deep
from conversations.api.guard import guard
from conversations.models import Receipt
from hitl_bridge import callers
from tests import factories
from tests.webhooks.test_webhooks import post, sign

LIMIT = 1024 * 1024
UNKNOWN = "x" * 43
BODY = b'{"type":"notification_event","app_id":"a","id":"n1","topic":"ping"}'


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """At one moment: a minute that turns would begin the counts anew."""
    now = time.time()
    clock = SimpleNamespace(time=lambda: now, monotonic=time.monotonic)
    monkeypatch.setattr("conversations.api.guard.time", clock)
    guard.forget()
    yield
    guard.forget()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        (f"/webhooks/intercom/{UNKNOWN}", {}, 404),
        (f"/webhooks/intercom/app/{UNKNOWN}", {}, 404),
        (f"/botpress/{UNKNOWN}/botSendsMessage", {}, 404),
        ("/api/v1/actions/createUser", {"Authorization": f"Bearer {UNKNOWN}"}, 401),
        (f"/media/{UNKNOWN}/a.png", {}, 404),
    ],
)
def test_an_unknown_token_costs_one_look_up_by_an_index(
    path: str, header: dict[str, str], status: int
) -> None:
    method = "GET" if path.startswith("/media") else "POST"
    with CaptureQueriesContext(connection) as asked:
        answer = Client().generic(method, path, "{}", secure=True, headers=header)
    assert answer.status_code == status
    assert len(asked) <= 1
    for query in asked:
        plan = _plan(query["sql"])
        assert "Seq Scan" not in plan
        assert "SCAN" not in plan


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("set local enable_seqscan = off")
            cursor.execute("explain " + sql)
        else:
            cursor.execute("explain query plan " + sql)
        return " ".join(str(row) for row in cursor.fetchall())


# --- counts -----------------------------------------------------------------------------------


def unknown(**more: Any) -> int:
    return int(post(f"/webhooks/intercom/{UNKNOWN}", b"{}", client=Client(**more)).status_code)


@pytest.mark.django_db
def test_an_address_that_guesses_waits_and_others_do_not(settings: Settings) -> None:
    settings.REFUSED_PER_MINUTE = 3
    assert [unknown() for _ in range(5)] == [404, 404, 404, 429, 429]
    assert unknown(REMOTE_ADDR="203.0.113.9") == 404
    bearer = {"Authorization": "Bearer x"}
    calls = Client().get("/api/v1/conversations", secure=True, headers=bearer)
    assert calls.status_code == 429
    assert 0 < int(calls["Retry-After"]) <= 60
    told = Client().post(f"/botpress/{UNKNOWN}/ping", secure=True)
    assert told.status_code == 429
    with CaptureQueriesContext(connection) as asked:
        unknown()
    assert not asked


@pytest.mark.django_db
def test_who_has_shown_a_right_key_or_signature_is_heard_all_the_same(settings: Settings) -> None:
    settings.REFUSED_PER_MINUTE = 3
    desk = factories.installation()
    _, key = factories.api_key(desk.bot)
    bearer = {"Authorization": f"Bearer {key}"}
    address = f"/webhooks/intercom/{desk.webhook_token}"
    assert post(address, BODY).status_code == 200
    assert Client().get("/api/v1/conversations", secure=True, headers=bearer).status_code == 200
    assert {unknown() for _ in range(9)} == {404, 429}
    assert post(address, BODY).status_code == 200
    assert Client().get("/api/v1/conversations", secure=True, headers=bearer).status_code == 200


@pytest.mark.django_db
def test_wrong_signatures_and_keys_count_as_well(settings: Settings) -> None:
    settings.REFUSED_PER_MINUTE = 2
    address = f"/webhooks/intercom/{factories.installation().webhook_token}"
    bad = [post(address, BODY, "sha1=0").status_code for _ in range(2)]
    assert [*bad, post(address, BODY).status_code] == [401, 401, 429]
    assert not Receipt.objects.exists()


@pytest.mark.django_db
def test_a_token_has_its_own_limit(settings: Settings) -> None:
    settings.WEBHOOKS_PER_MINUTE = 2
    one, other = (factories.installation().webhook_token for _ in range(2))
    answers = [post(f"/webhooks/intercom/{one}", BODY).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert post(f"/webhooks/intercom/{other}", BODY).status_code == 200


@pytest.mark.parametrize(
    ("trusted", "forwarded", "found"),
    [
        (0, "", "10.0.0.9"),
        (0, "6.6.6.6", "10.0.0.9"),
        (1, "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (2, "6.6.6.6, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (1, "", "10.0.0.9"),
        (2, "203.0.113.5", "10.0.0.9"),
        (1, "<script>", "10.0.0.9"),
        (1, "2001:db8::5", "2001:db8::5"),
    ],
)
def test_the_callers_address_is_what_our_own_proxies_say(
    settings: Settings, trusted: int, forwarded: str, found: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", headers=headers)
    assert callers.address(request) == found


def test_addresses_of_one_site_count_as_one() -> None:
    made = RequestFactory()
    sites = {callers.site(made.get("/", REMOTE_ADDR=f"2001:db8::{n}")) for n in range(9)}
    assert sites == {"2001:db8::/64"}


# --- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (b"[" * MAX_WEBHOOK_DEPTH + b"]" * MAX_WEBHOOK_DEPTH, False),
        (b"[" * (MAX_WEBHOOK_DEPTH + 1), True),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, True),
        (b'{"a": "' + b"[" * 1000 + b'\\"' + b"{" * 1000 + b'"}', False),
        (b"[]" * 10_000, False),
        (b'"' + b"\\" * 999 + b"[" * 99, False),
        (b'\\"' * 200_000, False),
    ],
)
def test_depth_is_told_without_decoding(body: bytes, deep: bool) -> None:
    assert is_too_deep(body) is deep


@pytest.mark.django_db
def test_a_webhook_that_is_nested_too_deeply_is_refused_though_signed() -> None:
    address = f"/webhooks/intercom/{factories.installation().webhook_token}"
    body = b'{"data":' * 500 + b"1" + b"}" * 500
    assert post(address, body, sign(body)).status_code == 400
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("path", ["/admin/login/", "/oauth/zoho/callback", "/nowhere"])
def test_no_form_may_be_larger_than_any_other_body(path: str) -> None:
    form = "multipart/form-data; boundary=x"
    answer = Client().post(path, b"x" * (LIMIT + 1), content_type=form, secure=True)
    assert answer.status_code == 413


async def _asgi(
    pieces: list[bytes], headers: list[tuple[bytes, bytes]], path: str = "/webhooks/zoho/x"
) -> tuple[int, int]:
    """The answer's status, and how many pieces were read for it."""
    left, sent = list(pieces), []

    async def receive() -> dict[str, Any]:
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b"",
        "http_version": "1.1", "scheme": "https", "server": ("testserver", 443),
    }  # fmt: skip
    await bounded(get_asgi_application())(scope, receive, send)
    return sent[0]["status"], len(pieces) - len(left)


HOST = (b"host", b"testserver")


def test_a_large_body_is_not_read_where_it_says_so_and_not_to_its_end_where_it_lies() -> None:
    pieces = [b"x" * 65536] * 800
    told = asyncio.run(_asgi(pieces, [HOST, (b"content-length", b"52428800")]))
    assert told == (413, 0)
    for lie in ([], [(b"content-length", b"10")], [(b"content-length", b"many")]):
        status, read = asyncio.run(_asgi(pieces, [HOST, *lie]))
        assert (status, read) == (413, 17)


@pytest.mark.django_db(transaction=True)
async def test_what_is_within_the_limit_passes() -> None:
    answer = await AsyncClient().post(
        f"/webhooks/zoho/{UNKNOWN}", json.dumps({"a": "x" * 1000}), "application/json", secure=True
    )
    assert answer.status_code == 404
