"""One bridge per session, in each mode that this machine can run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from tests import conftest as root
from tests.e2e.harness import Bridge
from tests.e2e.stages import Stage, Stages
from tests.sandbox_fixture import SandboxServer, sandbox
from tests.services import LOCAL_POSTGRES

__all__ = ["sandbox"]
PRODUCTION = pytest.param("production", marks=[pytest.mark.postgres, pytest.mark.redis])


def _running(found: Bridge) -> Iterator[Bridge]:
    found.manage("migrate", "-v0")
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="session", params=["embedded", PRODUCTION])
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bridge]:
    folder = tmp_path_factory.mktemp(f"bridge-{request.param}")
    if request.param == "embedded":
        if root.ON_POSTGRES:
            pytest.skip("the embedded mode is tried with SQLite")
        yield from _running(Bridge(folder))
        return
    server = os.environ.get("DATABASE_URL") or LOCAL_POSTGRES
    name = f"e2e_{uuid.uuid4().hex[:8]}"
    host = server.rpartition("/")[0]
    with psycopg.connect(f"{host}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    yield from _running(
        Bridge(folder, database_url=f"{host}/{name}", redis_url=root.REDIS_URL or "")
    )
    with psycopg.connect(f"{host}/postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def stages(bridge: Bridge, sandbox: SandboxServer) -> Iterator[Stages]:
    found = Stages(bridge, sandbox)
    yield found
    found.stop()


@pytest.fixture
def intercom(stages: Stages) -> Stage:
    return stages.take("intercom")


@pytest.fixture
def livechat(stages: Stages) -> Stage:
    return stages.take("livechat")


@pytest.fixture
def livechat_by_token(stages: Stages) -> Stage:
    return stages.take("livechat_by_token")


@pytest.fixture
def zoho(stages: Stages) -> Stage:
    return stages.take("zoho")
