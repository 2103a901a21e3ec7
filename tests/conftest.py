"""What all tests share: the environment, the database, and a clear word about what did not run."""

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
import pytest_django

from tests import services
from tests.environment import set_environment

REDIS_URL = services.redis_url()
set_environment()
# Here and not by pytest-django, which would read the settings before this file set the environment.
django.setup()

from django.conf import settings  # noqa: E402  # needs the environment
from django.db import connection  # noqa: E402

ON_POSTGRES = settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql"
# The default takes half a second of processor for each password, on purpose.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MISSING = {
    "postgres": None if ON_POSTGRES else "needs PostgreSQL, and the database is SQLite",
    "redis": None if REDIS_URL else "needs Redis, and none answers",
    "browser": None if services.chromium() else "needs Chromium, and none is installed",
    "node": None if services.node_packages() else "needs Node.js, and first `make integrations`",
}


def pytest_report_header() -> str:
    database = "PostgreSQL" if ON_POSTGRES else "SQLite"
    return f"database: {database}, redis: {'yes' if REDIS_URL else 'none'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker, reason in MISSING.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    """What has been imported stays: looking through it again and again costs a twentieth of all."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = set(filter(None, MISSING.values()))
    skipped = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    for reason, count in skipped.items():
        if reason in reasons:
            terminalreporter.write_line(f"NOT RUN: {count} tests: {reason}", red=True, bold=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep the SQLite test database in a file, as in production: in memory it locks differently."""
    if not ON_POSTGRES:
        file = tmp_path_factory.mktemp("database") / "test.sqlite3"
        settings.DATABASES["default"]["TEST"]["NAME"] = str(file)


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """Threads that tests leave behind, of live servers and listeners, may still hold a connection:
    PostgreSQL drops no database that somebody uses."""
    yield
    if ON_POSTGRES:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture
def redis_url() -> str:
    """Return the Redis that tests marked `redis` may use; keys there may be somebody else's."""
    assert REDIS_URL, "mark the test with `redis`"
    return REDIS_URL


@pytest.fixture(scope="session")
def project() -> Path:
    """Return the project's folder."""
    return Path(settings.BASE_DIR)
