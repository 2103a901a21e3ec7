import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django.fixtures import Settings

from config.checks import TAG


def ids(*, deploy: bool = False) -> set[str]:
    return {message.id or "" for message in messages(deploy=deploy)}


def messages(*, deploy: bool = False) -> list[CheckMessage]:
    return run_checks(tags=[TAG], include_deployment_checks=deploy)


def test_it_finds_nothing_wrong_with_good_settings() -> None:
    assert not ids(deploy=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://bridge.example.com/",
        "https://bridge.example.com/bridge",
        "https://bridge.example.com?x=1",
        "https://user:password@bridge.example.com",
        "bridge.example.com",
        "ftp://bridge.example.com",
        "https://",
        "",
    ],
)
def test_it_wants_an_origin_as_public_url(settings: Settings, url: str) -> None:
    settings.PUBLIC_URL = url
    assert "bridge.E001" in ids()


def test_it_wants_https_in_production_alone(settings: Settings) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert not ids()
    assert "bridge.E002" in ids(deploy=True)


def test_it_names_the_bad_key_by_place_and_never_shows_it(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = ["A" * 43 + "=", "not-a-key"]
    (message,) = messages()
    assert message.id == "bridge.E003"
    assert "Entry 2" in message.msg
    assert "not-a-key" not in f"{message.msg}{message.hint}"


@pytest.mark.parametrize("target", ["10.0.0.5/8", "999.1.1.1", "http://desk", "a b", "-x"])
def test_it_refuses_what_is_no_target(settings: Settings, target: str) -> None:
    settings.ALLOWED_PRIVATE_TARGETS = [target]
    assert ids() == {"bridge.E004"}


@pytest.mark.parametrize("target", ["127.0.0.0/8", "::1", "10.1.2.3", "desk", "desk.internal"])
def test_it_takes_hosts_and_networks_and_warns_in_production(
    settings: Settings, target: str
) -> None:
    settings.ALLOWED_PRIVATE_TARGETS = [target]
    assert not ids()
    assert ids(deploy=True) == {"bridge.W002"}


def test_it_warns_of_many_workers_on_one_sqlite_file(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:6379/0"
    settings.DATABASES["default"]["ENGINE"], kept = (
        "django.db.backends.sqlite3",
        settings.DATABASES["default"]["ENGINE"],
    )
    try:
        assert ids() == {"bridge.W001"}
    finally:
        settings.DATABASES["default"]["ENGINE"] = kept
