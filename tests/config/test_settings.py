import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config import env
from tests.environment import FIXED


def load(project: Path, expression: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of their own and print an expression over them."""
    environment = {**os.environ, **FIXED, "DATABASE_URL": "sqlite://:memory:", **changed}
    return subprocess.run(
        [sys.executable, "-c", f"from config import settings as s; print({expression})"],
        cwd=project,
        env={name: value for name, value in environment.items() if value != "unset"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["SECRET_KEY", "ENCRYPTION_KEYS"])
@pytest.mark.parametrize("value", ["", "unset"])
def test_it_says_which_secret_is_missing_and_how_to_make_it(
    project: Path, name: str, value: str
) -> None:
    result = load(project, "s.VERSION", **{name: value})
    assert result.returncode != 0
    assert f"{name} is not set" in result.stderr
    assert "python3 -c" in result.stderr


def test_it_makes_secrets_as_it_says(project: Path) -> None:
    made = {
        name: subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
        for name, command in (
            ("SECRET_KEY", env.HOW_TO_MAKE_A_KEY),
            ("ENCRYPTION_KEYS", env.HOW_TO_MAKE_A_FERNET_KEY),
        )
    }
    result = load(project, "len(s.ENCRYPTION_KEYS)", **made)
    assert result.stdout.strip() == "1"


def test_it_reads_a_secret_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text("$from a file\n")
    monkeypatch.setenv("SOME_KEY_FILE", str(file))
    assert env.Env().secret("SOME_KEY", "") == "$from a file"


def test_it_names_a_file_variable_whose_file_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY_FILE", "/nowhere/key")
    with pytest.raises(ImproperlyConfigured, match="SOME_KEY_FILE"):
        env.Env().secret("SOME_KEY", "")


def test_it_reads_every_listed_variable_from_a_dotenv_file(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("METRICS_TOKEN=from-the-file\nPORT=9999\n")
    changed = {"ENV_FILE": str(file), "METRICS_TOKEN": "unset"}
    result = load(project, "(s.METRICS_TOKEN, s.PORT)", **changed)
    assert result.stdout.strip() == "('from-the-file', 8000)"


def test_it_reads_lists_without_white_space(project: Path) -> None:
    result = load(
        project,
        "(s.ALLOWED_PRIVATE_TARGETS, s.ALLOWED_HOSTS)",
        ALLOWED_PRIVATE_TARGETS="127.0.0.0/8, desk.internal,",
        ALLOWED_HOSTS="",
    )
    assert result.stdout.strip() == (
        "(['127.0.0.0/8', 'desk.internal'], ['bridge.example.com', '127.0.0.1', 'localhost'])"
    )


def test_it_takes_plain_http_for_a_local_run(project: Path) -> None:
    result = load(
        project,
        "(s.PUBLIC_URL, s.SESSION_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_NAME)",
        PUBLIC_URL="",
        PORT="8123",
    )
    assert result.stdout.strip() == (
        "('http://127.0.0.1:8123', False, False, 'bridge_session_8123')"
    )


def test_it_locks_sqlite_when_a_transaction_begins() -> None:
    config = env.database("sqlite:////nowhere.sqlite3", pool_size=5)
    assert config["NAME"] == "/nowhere.sqlite3"
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert config["OPTIONS"]["timeout"] == 20
    assert "journal_mode=WAL" in config["OPTIONS"]["init_command"]


def test_it_pools_connections_to_postgres_only_if_told() -> None:
    url = "postgres://user:p%40ss@db.internal:5432/bridge"
    config = env.database(url, pool_size=7)
    assert config["OPTIONS"]["pool"]["max_size"] == 7
    assert (config["HOST"], config["PASSWORD"]) == ("db.internal", "p@ss")
    assert "pool" not in env.database(url, pool_size=0)["OPTIONS"]


def test_it_documents_every_variable_and_no_other(project: Path) -> None:
    read = set()
    sources = [
        project / "config/settings.py",
        project / "config/env.py",
        project / "gunicorn.conf.py",
        project / "docker-compose.yml",
    ]
    for source in sources:
        read |= variables_read_by(source.read_text())
    example = (project / ".env.example").read_text().splitlines()
    listed = {
        line.lstrip("#").partition("=")[0]
        for line in example
        if "=" in line and line.lstrip("#")[:1].isupper() and " " not in line.partition("=")[0]
    }
    assert listed == read | {"HITL_SPECS_DIR"}


def variables_read_by(source: str) -> set[str]:
    found = [
        part.partition('"')[0]
        for opening in ('env.str("', 'env.int("', 'env.bool("', 'env.secret("', 'environ.get("')
        for part in source.replace("'", '"').split(opening)[1:]
    ]
    found += [part.partition('"')[0] for part in source.split('environ["')[1:]]
    found += [part.partition(":")[0] for part in source.split("${")[1:]]
    return {name for name in found if name.isupper()}


def test_it_explains_every_variable_in_a_sentence(project: Path) -> None:
    lines = (project / ".env.example").read_text().splitlines()
    for before, line in pairwise(lines):
        if line[:1].isupper():
            assert before.startswith("# "), line
            assert before.endswith("."), line


def test_it_asks_the_sweep_often_and_lets_nothing_pile_up() -> None:
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["options"]["expires"] <= entry["schedule"]
