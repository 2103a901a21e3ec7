"""Planted secrets are only where they are kept, encrypted, even after everything went wrong."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import responses
from django.conf import settings as django_settings
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse
from pytest_django.fixtures import Settings

import providers
from conversations.engine import lanes, worker
from conversations.flows import sessions, trying
from conversations.models import User as Customer
from hitl_bridge import alert_sending, connect
from hitl_bridge.connect import provider_for, trust_of
from hitl_bridge.models import Bot
from providers.errors import ProviderError
from tests import factories
from tests.gates import canaries
from tests.gates.canaries import Planted

pytestmark = pytest.mark.django_db


@pytest.fixture
def planted(settings: Settings) -> Planted:
    settings.SECURE_SSL_REDIRECT = False
    return canaries.plant()


@pytest.fixture
def log() -> Iterator[Callable[[], str]]:
    """Everything that any logger says at the most talkative level, as it would be written."""
    given = dict(django_settings.LOGGING["formatters"]["structured"])
    formatter = given.pop("()")(**given)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written.getvalue
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
def hostile_world() -> Iterator[responses.RequestsMock]:
    """Whoever is asked refuses, and says again whatever it was sent."""

    def echo(request: Any) -> tuple[int, dict[str, str], str]:
        body = request.body or b""
        said = body if isinstance(body, str) else body.decode("utf-8", "replace")
        told = f"no: {dict(request.headers)} {request.url} {said}"
        return (
            401,
            {"Content-Type": "application/json"},
            json.dumps({"message": told, "error": told}),
        )

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            mock.add_callback(method, re.compile(r"https?://.*"), callback=echo)
        yield mock


def go_wrong(planted: Planted) -> str:
    """Connect, send, be called, call back: all of it fails; what was answered to callers."""
    told = []
    for desk, key in zip(planted.desks, planted.keys, strict=True):
        with contextlib.suppress(ProviderError):
            connect.check(desk)
        with contextlib.suppress(ProviderError):
            connect.register(desk)
        bearer = {"Authorization": f"Bearer {key}"}
        user = _post("/api/v1/actions/createUser", {"name": "Ana"}, bearer)
        told.append(user.content.decode())
        start = {"userId": user.json()["userId"], "title": "Hi"}
        told.append(_post("/api/v1/actions/startHitl", start, bearer).content.decode())
        told.append(_post("/api/v1/actions/startHitl", {}, bearer).content.decode())
        wrong = {"Authorization": f"Bearer {key}x"}
        told.append(_post("/api/v1/actions/startHitl", {}, wrong).content.decode())
        for token in (desk.webhook_token, "unknown"):
            hooked = _post(f"/webhooks/{desk.provider}/{token}", {"secret_key": "no"}, {})
            told.append(hooked.content.decode())
    for lane in lanes.due(limit=100):
        worker.run_lane(lane)
    told += [trying.try_callback(bot).told for bot in Bot.objects.exclude(connector="botpress")]
    told += [text for _, text in alert_sending.send_test(planted.desks[0].tenant)]
    return "\n".join(told)


def _post(path: str, body: Any, headers: dict[str, str]) -> Any:
    return Client(raise_request_exception=False).post(
        path, json.dumps(body), "application/json", secure=True, headers=headers
    )


def database() -> str:
    """Every row of every table, as a dump would have it."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"select * from {connection.ops.quote_name(table)}")
            found.append(repr(cursor.fetchall()))
    return "\n".join(found)


def everything_in(url: str) -> str:
    """Keys and values of Redis, whatever their type."""
    with redis.Redis.from_url(url) as client:
        return repr([(key, client.type(key), _dumped(client, key)) for key in client.scan_iter()])


def _dumped(client: Any, key: bytes) -> Any:
    readers = {
        b"string": client.get, b"hash": client.hgetall, b"set": client.smembers,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"zset": lambda name: client.zrange(name, 0, -1, withscores=True),
    }  # fmt: skip
    return readers.get(client.type(key), client.dump)(key)


def pages(planted: Planted) -> dict[str, str]:
    """Every list, form, history and export of the admin, as somebody who may see all."""
    browser = Client(raise_request_exception=False)
    browser.force_login(planted.person, backend="django.contrib.auth.backends.ModelBackend")
    found = {}
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        rows = list(model._default_manager.all()[:4])
        places: list[tuple[str, list[Any]]] = [("changelist", []), ("add", []), ("export", [])]
        places += [(name, [row.pk]) for row in rows for name in ("change", "history", "delete")]
        for name, arguments in places:
            with contextlib.suppress(NoReverseMatch):
                address = reverse(f"{base}_{name}", args=arguments)
                found[address] = browser.get(address).content.decode()
    return found


def commands() -> str:
    """What operators' commands print."""
    out = io.StringIO()
    for name, *more in (("providers", "--json"), ("rekey", "--check")):
        call_command(name, *more, stdout=out, stderr=out)
    person = Customer.objects.filter(kind="user").first()
    assert person is not None
    call_command("export_user", person.pk, "--tenant", "canary", stdout=out)
    with contextlib.suppress(CommandError):
        call_command("diffsettings", "--output", "unified", stdout=io.StringIO())
    return out.getvalue()


def broken(monkeypatch: pytest.MonkeyPatch, planted: Planted) -> str:
    """Two errors of ours, with secrets in the frames that they pass."""

    def fail(*_: Any, **__: Any) -> None:
        held = dict(planted.secrets)
        raise RuntimeError(f"a mistake of ours, at {len(held)}")

    browser = Client(raise_request_exception=False)
    browser.force_login(planted.person, backend="django.contrib.auth.backends.ModelBackend")
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "start_hitl", fail)
        patch.setattr(admin.site._registry[Bot].__class__, "get_queryset", fail)
        user = factories.user(planted.desks[0].bot)
        bearer = {"Authorization": f"Bearer {planted.keys[0]}"}
        api = _post("/api/v1/actions/startHitl", {"userId": user.pk}, bearer)
        page = browser.get(reverse("admin:hitl_bridge_bot_changelist"))
    assert (api.status_code, page.status_code) == (500, 500)
    return str(api.content + page.content)


def objects(planted: Planted) -> str:
    """Of rows and of what is made from them, all that Python shows of itself."""
    made: list[Any] = []
    for desk in planted.desks:
        adapter = provider_for(desk)
        made += [adapter, adapter.connection, adapter.connection.http, trust_of(desk)]
    shown = [f"{one!r} {one} {one:}" for one in [*made, *canaries.models_holding()]]
    return "\n".join(shown)


def test_fifty_planted_secrets_are_found_nowhere(
    planted: Planted,
    log: Callable[[], str],
    hostile_world: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(set(planted.secrets.values())) >= 50
    places = {"answers": go_wrong(planted), "errors": broken(monkeypatch, planted)}
    places |= {"objects": objects(planted), "commands": commands(), "database": database()}
    places |= pages(planted)
    places["OpenAPI"] = Client().get("/api/schema/", secure=True).content.decode()
    places["log"] = log()
    hits = {place: planted.found_in(text) for place, text in places.items()}
    assert {place: found for place, found in hits.items() if found} == {}
    # Or it has looked at nothing.
    assert len(hostile_world.calls) > len(planted.desks)
    asked = [call.request for call in hostile_world.calls]
    sent = "\n".join(f"{one.headers} {one.body!r} {one.url}" for one in asked)
    assert len(planted.found_in(sent)) > 5
    assert sum(len(text) > 2000 for text in places.values()) > 40
    for expected in ("request_finished", "a mistake of ours"):
        assert expected in places["log"]


@pytest.mark.redis
def test_none_is_in_the_broker(
    planted: Planted, hostile_world: responses.RequestsMock, redis_url: str, settings: Settings
) -> None:
    settings.REDIS_URL = redis_url
    go_wrong(planted)
    assert planted.found_in(everything_in(redis_url)) == []


def test_the_search_finds_what_is_there(planted: Planted) -> None:
    desk = planted.desks[0]
    type(desk).objects.filter(pk=desk.pk).update(
        last_error=f"the token {planted.secrets['intercom access_token']}"
    )
    assert planted.found_in(database()) == ["intercom access_token"]
    assert providers.get(desk.provider)
