"""`manage.py doctor` says in plain words what is wrong."""

from datetime import timedelta
from io import StringIO

import pytest
import requests
import responses
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

import providers
from conversations.engine import heartbeat
from conversations.models import Delivery, Receipt, WorkerHeartbeat
from hitl_bridge.models import Bot, InstallationStatus
from providers.errors import Reconnect
from providers.types import Account
from tests import factories
from tests.fake_desk import FakeDesk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bridge(settings, monkeypatch):
    """A bridge in which all is well, and whose address leads to it."""
    settings.PUBLIC_URL = "https://bridge.example.com"
    settings.DEBUG = True  # a developer's machine: the checks of production are Django's
    settings.REDIS_URL = ""
    heartbeat.beat()
    monkeypatch.setitem(providers.PROVIDERS, "fake", "tests.fake_desk:FakeDesk")
    monkeypatch.setattr(FakeDesk, "check", lambda self: Account("acc-1", "Acme Support"))
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        mocked.get("https://bridge.example.com/livez", json={"status": "ok"})
        yield mocked


def doctor(*arguments: str) -> str:
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out, no_color=True)
    except CommandError as error:
        out.write(str(error))
    return out.getvalue().replace("\xa0", " ")


def test_a_healthy_bridge_gets_a_clean_bill() -> None:
    desk = factories.installation(provider="fake")
    said = doctor()
    assert "Nothing is wrong; 0 things are worth a look." in said
    assert f"/{desk} is connected to Acme Support; no webhook yet." in said
    assert "https://bridge.example.com leads to a bridge." in said


def test_quiet_says_only_what_is_not_well() -> None:
    assert doctor("--quiet") == "Nothing is wrong; 0 things are worth a look.\n"


def test_no_worker_is_wrong() -> None:
    WorkerHeartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    assert "WRONG workers: No worker runs: the last was 5 minutes ago." in doctor()
    WorkerHeartbeat.objects.all().delete()
    assert "none ever was" in doctor()


def test_a_help_desk_that_refuses_is_named_with_the_next_step(monkeypatch) -> None:
    def refuse(self):
        raise Reconnect("The login was withdrawn.")

    monkeypatch.setattr(FakeDesk, "check", refuse)
    desk = factories.installation(provider="fake")
    said = doctor()
    assert f"/{desk}: The login was withdrawn." in said
    assert "→ Enter new credentials" in said
    assert "1 things are wrong" in said


def test_offline_calls_nobody(monkeypatch) -> None:
    monkeypatch.setattr(FakeDesk, "check", lambda self: pytest.fail("called"))
    factories.installation(provider="fake")
    lost = factories.installation(
        provider="fake", status=InstallationStatus.RECONNECT, status_reason="Login ended."
    )
    said = doctor("--offline")
    assert f"/{lost}: {lost.get_status_display()}. Login ended." in said


def test_a_bot_that_takes_nothing_and_what_waits_are_named() -> None:
    talk = factories.conversation()
    Bot.objects.filter(pk=talk.bot_id).update(failures=5, last_error="503")
    Delivery.objects.filter(conversation=talk).update(state="dead")
    long_ago = timezone.now() - timedelta(hours=1)
    Receipt.objects.create(
        installation=talk.installation, key="k", received_at=long_ago, retry_at=long_ago
    )
    said = doctor("--offline")
    assert "does not take its callbacks: 503" in said
    assert "dead letters: 1 could not be delivered." in said
    assert "webhooks: 1 webhooks are stored and not applied yet." in said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 404}, "WRONG address: https://bridge.example.com/livez answers 404"),
        (
            {"body": requests.ConnectionError("no")},
            "look  address: https://bridge.example.com can't",
        ),
    ],
)
def test_an_address_that_leads_elsewhere_is_named(bridge, answer, said) -> None:
    bridge.replace("GET", "https://bridge.example.com/livez", **answer)
    assert said in doctor()


def test_a_database_that_is_away_ends_the_look_there(monkeypatch) -> None:
    factories.installation(provider="fake")

    def refuse(*_: object, **__: object):
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)
    said = doctor()
    assert "does not answer: connection refused" in said
    assert "help desks" not in said


def test_settings_that_are_wrong_are_named(settings) -> None:
    settings.PUBLIC_URL = "bridge.example.com/x"
    said = doctor("--offline")
    assert "WRONG settings: PUBLIC_URL is not the plain address of a site" in said


@pytest.mark.redis
def test_a_broker_that_answers_has_its_clock_compared(settings, redis_url) -> None:
    settings.REDIS_URL = redis_url
    said = doctor("--offline")
    assert "ok    broker: Redis answers." in said
    assert "ok    broker: Its clock and this machine's agree." in said


def test_a_broker_that_is_away_is_worth_a_look(settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "look  broker: Redis does not answer" in doctor("--offline")
