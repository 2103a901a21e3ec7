"""Times in the admin are those of who looks."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from conversations.models import Conversation
from hitl_bridge.models import ApiKey
from tests import factories
from tests.admin.pages import act, page_of

pytestmark = pytest.mark.django_db
NEW_YEAR = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.fixture
def talk(db) -> Conversation:
    found = factories.conversation()
    Conversation.objects.filter(pk=found.pk).update(created_at=NEW_YEAR)
    return found


def shown(browser: Client, talk: Conversation) -> str:
    return browser.get(page_of(talk)).content.decode()


def test_times_are_shown_in_the_browser_s_zone(browser, talk) -> None:
    assert "Dec. 31, 2026, 11:30 p.m." in shown(browser, talk)
    assert "All times are UTC." in shown(browser, talk)
    browser.cookies["tz"] = "Europe/Berlin"
    assert "Jan. 1, 2027, 12:30 a.m." in shown(browser, talk)
    assert "All times are CET." in shown(browser, talk)


@pytest.mark.parametrize(
    "rubbish", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "x" * 4000, "Etc/", "a\\b"]
)
def test_a_zone_that_there_is_not_is_utc(browser, talk, rubbish) -> None:
    browser.cookies["tz"] = rubbish
    assert "Dec. 31, 2026, 11:30 p.m." in shown(browser, talk)


def test_times_are_read_in_the_zone_that_the_form_names(browser) -> None:
    bot = factories.bot()
    browser.cookies["tz"] = "Asia/Tokyo"
    page = act(browser, bot, "issue-key").content.decode()
    assert "Times are Asia/Tokyo." in page or "Times are JST." in page
    times = {"expires_at_0": "2027-03-01", "expires_at_1": "09:00:00"}
    act(browser, bot, "issue-key", name="ci", scopes=["read"], **times)
    assert ApiKey.objects.get().expires_at == datetime(2027, 3, 1, 0, 0, tzinfo=UTC)


def test_the_api_knows_utc_alone(talk) -> None:
    _, key = factories.api_key(talk.bot)
    client = Client(headers={"Authorization": f"Bearer {key}"})
    client.cookies["tz"] = "Asia/Tokyo"
    answer = client.get(f"/api/v1/conversations/{talk.pk}", secure=True).json()
    assert answer["createdAt"] == "2026-12-31T23:30:00Z"
