"""Logging in: lock-out, the second step, how long it lasts, and what ends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from hitl_bridge.models import Membership, SecondStep
from tests import factories

pytestmark = pytest.mark.django_db
LOGIN, PAGE = "/admin/login/", "/admin/second-step/"
NOW = 1_790_000_000


@pytest.fixture(autouse=True)
def _quick(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def olga(db: None) -> User:
    return User.objects.create_superuser("olga", password="right horse")


def log_in(password: str = "right horse", code: str = "", browser: Client | None = None) -> Any:
    data = {"username": "olga", "password": password, "code": code}
    return (browser or Client()).post(LOGIN, data)


def app_of(olga: User) -> pyotp.TOTP:
    """What the person's phone shows."""
    return pyotp.TOTP(SecondStep.objects.get(user=olga).secret)


@pytest.fixture
def codes(olga: User, clock: Any) -> list[str]:
    """Recovery codes of a second step that has been set up."""
    browser = Client()
    log_in(browser=browser)
    browser.get(PAGE)
    data = {"code": app_of(olga).now(), "password": "right horse"}
    page = browser.post(PAGE, data).content.decode()
    clock.shift(60)  # a code works once
    return re.findall(r"<li><code>([a-z2-7-]+)</code>", page)


def test_it_is_off_until_it_is_set_up(olga: User) -> None:
    assert log_in().status_code == 302


def test_a_wrong_code_switches_nothing_on(olga: User, clock: Any) -> None:
    browser = Client()
    log_in(browser=browser)
    browser.get(PAGE)
    page = browser.post(PAGE, {"code": "000000", "password": "right horse"})
    assert b"wrong" in page.content
    assert SecondStep.objects.get().confirmed_at is None


def test_it_takes_the_password_to_switch_it_on(olga: User, clock: Any) -> None:
    browser = Client()
    log_in(browser=browser)
    browser.get(PAGE)
    browser.post(PAGE, {"code": app_of(olga).now(), "password": "wrong"})
    assert SecondStep.objects.get().confirmed_at is None


def test_then_the_password_alone_is_not_enough(olga: User, codes: list[str]) -> None:
    assert len(codes) == 10
    assert b"Enter the code" in log_in().content
    assert log_in(code=app_of(olga).now()).status_code == 302


def test_a_code_works_once(olga: User, codes: list[str]) -> None:
    code = app_of(olga).now()
    assert log_in(code=code).status_code == 302
    assert log_in(code=code).status_code == 200


def test_a_code_may_be_half_a_minute_late(olga: User, codes: list[str], clock: Any) -> None:
    code = app_of(olga).now()
    clock.shift(30)
    assert log_in(code=code).status_code == 302
    clock.shift(60)
    assert log_in(code=app_of(olga).at(NOW)).status_code == 200


def test_a_recovery_code_works_once_however_it_is_typed(olga: User, codes: list[str]) -> None:
    assert log_in(code=codes[0].replace("-", " ").upper()).status_code == 302
    assert log_in(code=codes[0]).status_code == 200
    assert log_in(code=codes[1]).status_code == 302


def test_neither_secret_nor_recovery_codes_are_stored_readably(
    olga: User, codes: list[str]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM hitl_bridge_secondstep")
        stored = str(cursor.fetchall())
    assert app_of(olga).secret not in stored
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]


def test_other_logins_end_when_it_is_switched_on(olga: User, clock: Any) -> None:
    other, browser = Client(), Client()
    log_in(browser=other)
    log_in(browser=browser)
    browser.get(PAGE)
    browser.post(PAGE, {"code": app_of(olga).now(), "password": "right horse"})
    assert browser.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302


def test_removing_it_takes_a_code(olga: User, codes: list[str]) -> None:
    browser = Client()
    log_in(code=codes[0], browser=browser)
    data = {"remove": "1", "password": "right horse"}
    browser.post(PAGE, {**data, "code": "000000"})
    assert SecondStep.objects.exists()
    browser.post(PAGE, {**data, "code": codes[1]})
    assert not SecondStep.objects.exists()


def test_guessed_codes_lock_the_account_out(olga: User, codes: list[str], settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    codes_tried = [log_in(code="000000").status_code for _ in range(3)]
    assert codes_tried[-1] == 429
    assert log_in(code=app_of(olga).now()).status_code == 429
    stored = str(AccessAttempt.objects.values())
    assert "right horse" not in stored
    assert "000000" not in stored


def test_guessed_passwords_lock_the_account_out(olga: User, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    last = [log_in("wrong") for _ in range(3)][-1]
    assert last.status_code == 429
    assert b"Too many failed logins" in last.content
    assert log_in().status_code == 429


def test_ten_guesses_are_too_many_as_it_is_shipped(olga: User) -> None:
    assert [log_in("wrong").status_code for _ in range(10)][-1] == 429


def test_a_role_can_demand_it(olga: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_STEP = ["operator"]
    person = User.objects.create_user("pia", is_staff=True)
    Membership.objects.create(user=person, tenant=factories.tenant(), role="operator")
    browser = Client()
    browser.force_login(person, "django.contrib.auth.backends.ModelBackend")
    assert browser.get("/admin/hitl_bridge/bot/")["Location"] == PAGE
    assert browser.get(PAGE).status_code == 200
    Membership.objects.update(role="support")
    assert browser.get("/admin/").status_code == 200


def test_a_lost_phone_is_forgotten_by_an_operator(olga: User, codes: list[str]) -> None:
    root = User.objects.create_superuser("root")
    browser = Client()
    browser.force_login(root, "django.contrib.auth.backends.ModelBackend")
    browser.post(f"/admin/auth/user/{olga.pk}/act/forget-second-step/")
    assert log_in().status_code == 302
    # One's own is left to one's own page.
    SecondStep.objects.create(user=root, secret="A" * 32)
    browser.post(f"/admin/auth/user/{root.pk}/act/forget-second-step/")
    assert SecondStep.objects.filter(user=root).exists()


def test_a_login_ends_when_it_is_not_used(olga: User, clock: Any, settings: Settings) -> None:
    browser = Client()
    log_in(browser=browser)
    for _ in range(3):
        clock.shift(settings.SESSION_IDLE_SECONDS - 1)
        assert browser.get("/admin/").status_code == 200
    clock.shift(settings.SESSION_IDLE_SECONDS + 1)
    assert browser.get("/admin/").status_code == 302


def test_a_login_ends_however_much_it_is_used(olga: User, clock: Any, settings: Settings) -> None:
    browser = Client()
    log_in(browser=browser)
    for _ in range(24):
        clock.shift(settings.SESSION_SECONDS / 24)
        assert browser.get("/admin/").status_code == 200
    clock.shift(60)
    assert browser.get("/admin/").status_code == 302


def test_a_new_password_ends_all_other_logins(olga: User) -> None:
    here, elsewhere = Client(), Client()
    log_in(browser=here)
    log_in(browser=elsewhere)
    new = {
        "old_password": "right horse",
        "new_password1": "n3w horse x",
        "new_password2": "n3w horse x",
    }
    assert here.post("/admin/password_change/", new).status_code == 302
    assert here.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302


def test_a_misspelt_role_is_told(settings: Settings) -> None:
    settings.REQUIRE_SECOND_STEP = ["operators"]
    with pytest.raises(SystemCheckError, match="E010"):
        call_command("check", "--tag", "bridge")
