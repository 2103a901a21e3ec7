from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from health_check.exceptions import ServiceUnavailable
from pytest_django.fixtures import Settings

from config import health
from config.health import Workers
from conversations.engine import heartbeat

READY = "https://bridge.example.com/readyz"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return the list of checks without the one of the workers, for tests to fill."""
    kept = {name: check for name, check in health.CHECKS.items() if name != "workers"}
    monkeypatch.setattr(health, "CHECKS", kept)
    return kept


# No mark django_db: a query in these would fail the test.
@pytest.mark.parametrize("method", ["get", "head"])
def test_livez_touches_nothing(client: Client, method: str) -> None:
    response = getattr(client, method)("/livez", headers={"host": "any.host.at.all"})
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies


async def test_livez_answers_in_async_too(async_client: AsyncClient) -> None:
    response = await async_client.get("/livez")
    assert response.status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["get", "head"])
def test_readyz_is_ok_with_a_database_and_no_broker(
    client: Client, settings: Settings, checks: dict[str, object], method: str
) -> None:
    settings.REDIS_URL = ""
    response = getattr(client, method)("/readyz", secure=True)
    assert response.status_code == 200
    if method == "get":
        assert response.json() == {"status": "ok", "checks": {"database": "ok", "broker": "ok"}}


@pytest.mark.django_db(transaction=True)
def test_readyz_fails_while_redis_is_away(
    client: Client, settings: Settings, checks: dict[str, object]
) -> None:
    settings.REDIS_URL = "redis://:password@127.0.0.1:1/0"
    response = client.get("/readyz", secure=True)
    assert response.status_code == 503
    assert response.json() == {
        "status": "degraded",
        "checks": {"database": "ok", "broker": "Redis does not answer"},
    }


@pytest.mark.django_db(transaction=True)
def test_a_load_balancer_asks_for_the_database_alone(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/readyz?only=database", secure=True)
    assert (response.status_code, response.json()["checks"]) == (200, {"database": "ok"})


def test_readyz_names_a_check_that_there_is_not(client: Client) -> None:
    response = client.get("/readyz?only=databse", secure=True)
    assert response.status_code == 400
    assert "databse" in response.json()["error"]


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_readyz_is_ok_with_redis(
    client: Client, settings: Settings, checks: dict[str, object], redis_url: str
) -> None:
    settings.REDIS_URL = redis_url
    assert client.get("/readyz", secure=True).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("age", "status"), [(lambda: 1.0, 200), (lambda: 61.0, 503), (lambda: None, 503)]
)
def test_readyz_looks_for_workers(
    client: Client,
    checks: dict[str, object],
    settings: Settings,
    age: Callable[[], float | None],
    status: int,
) -> None:
    settings.REDIS_URL = ""
    checks["workers"] = Workers(age_seconds=age)
    assert client.get("/readyz", secure=True).status_code == status


@pytest.mark.django_db(transaction=True)
def test_looking_for_workers_keeps_no_connection() -> None:
    """It runs in a thread of its own, and the pool has only so many."""

    def look() -> bool:
        with suppress(ServiceUnavailable):
            Workers(age_seconds=heartbeat.age_seconds).run()
        return connection.connection is None

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(look).result(30)


def test_readyz_fails_without_a_database(
    client: Client, settings: Settings, checks: dict[str, object]
) -> None:
    """pytest blocks the database here, which is as good as one that is down."""
    settings.REDIS_URL = ""
    response = client.get("/readyz", secure=True)
    assert response.status_code == 503
    assert response.json()["checks"]["database"] != "ok"
