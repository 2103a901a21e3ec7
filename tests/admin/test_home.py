"""The admin's first page: what needs somebody, and the charts."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User as Account
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations.engine import heartbeat
from conversations.models import Conversation, Delivery, WorkerHeartbeat
from hitl_bridge.models import (
    Bot,
    InstallationStatus,
    Membership,
    OAuthToken,
    Role,
)
from tests import factories
from tests.admin.pages import page_of

pytestmark = pytest.mark.django_db
HOME = reverse("admin:index")


@pytest.fixture(autouse=True)
def a_worker(db) -> None:
    heartbeat.beat()


def titles(response) -> list[str]:
    return [concern.title.replace("\xa0", " ") for concern in response.context["concerns"]]


def test_nothing_needs_anybody_at_first(browser) -> None:
    response = browser.get(HOME)
    assert titles(response) == []
    assert "Nothing: all that is connected works" in response.content.decode()
    assert "Connect a help desk" in response.content.decode()


def test_each_trouble_is_named_and_leads_to_the_list_behind_it(browser) -> None:
    lost = factories.installation(status=InstallationStatus.RECONNECT, status_reason="Login ended.")
    away = factories.installation(failures=5, last_error="No answer.")
    Bot.objects.filter(pk=away.bot_id).update(failures=7, last_error="503")
    ending = factories.installation()
    soon = timezone.now() + timedelta(hours=5)
    OAuthToken.objects.create(installation=ending, access_token="a", expires_at=soon)
    talk = factories.conversation(away)
    Delivery.objects.filter(conversation=talk).update(state="dead", error="Too long.")
    long_ago = timezone.now() - timedelta(minutes=20)
    Conversation.objects.filter(pk=talk.pk).update(status="queued", created_at=long_ago)
    WorkerHeartbeat.objects.update(seen_at=timezone.now() - timedelta(hours=2))

    response = browser.get(HOME)

    assert titles(response) == [
        "No worker runs: the last one 2 hours ago",
        "Installations that need you",
        "Help desks that do not answer",
        "Bots that do not answer",
        "Logins that end soon",
        "Dead letters",
        "Customers who wait for an agent for over five minutes",
    ]
    for concern in response.context["concerns"]:
        if concern.url:
            behind = browser.get(concern.url)
            assert behind.status_code == 200
            assert behind.context["cl"].result_count == concern.count == 1, concern.title
        assert all(browser.get(case.url).status_code == 200 for case in concern.cases)
    html = response.content.decode()
    assert "Login ended." in html
    assert page_of(lost) in html


def test_a_tenant_s_people_see_their_own_troubles_and_figures_only(client: Client) -> None:
    ours = factories.installation(status=InstallationStatus.CONFIG)
    factories.installation(status=InstallationStatus.RECONNECT)
    foreign = factories.conversation()
    factories.conversation(factories.installation(ours.bot))
    WorkerHeartbeat.objects.all().delete()
    person = Account.objects.create_user("tara", is_staff=True)
    Membership.objects.create(user=person, tenant=ours.bot.tenant, role=Role.OPERATOR)
    client.force_login(person)

    response = client.get(HOME)

    assert titles(response) == ["Installations that need you"]
    assert [concern.count for concern in response.context["concerns"]] == [1]
    handed_over = response.context["charts"][0]
    assert sum(map(sum, handed_over.series.values())) == 1
    # Somebody else's bot is no choice, and shows nothing of theirs.
    response = client.get(HOME, {"bot": foreign.bot_id})
    assert sum(map(sum, response.context["charts"][0].series.values())) == 1


def test_charts_count_and_time_the_sessions_of_each_day_by_help_desk(browser) -> None:
    now = timezone.now()
    desk = factories.installation()
    for waited, handled in ((2, 10), (4, 20)):
        talk = factories.conversation(desk)
        Conversation.objects.filter(pk=talk.pk).update(
            created_at=now,
            assigned_at=now + timedelta(minutes=waited),
            stopped_at=now + timedelta(minutes=waited + handled),
        )
    factories.conversation(factories.installation(provider="zoho"))

    handed_over, waiting, handling = browser.get(HOME).context["charts"]

    assert handed_over.series["Intercom"][-1] == 2
    assert handed_over.series["Zoho SalesIQ"][-1] == 1
    assert sum(handed_over.series["Intercom"][:-1]) == 0
    assert waiting.series == {"Intercom": [*[0.0] * 13, 3.0]}
    assert handling.series == {"Intercom": [*[0.0] * 13, 15.0]}
    for chart, count in ((handed_over, 3), (waiting, 2), (handling, 2)):
        assert browser.get(chart.url).context["cl"].result_count == count
    only = browser.get(HOME, {"provider": "zoho", "days": "30"}).context["charts"]
    assert [list(chart.series) for chart in only] == [["Zoho SalesIQ"], [], []]
    assert len(only[0].days) == 30


@pytest.mark.parametrize("query", ["days=abc", "days=100000", "bot=x", "tenant=-1", "provider=no"])
def test_what_makes_no_sense_shows_the_usual_figures(browser, query) -> None:
    factories.conversation()
    response = browser.get(f"{HOME}?{query}")
    assert response.status_code == 200
    assert len(response.context["charts"][0].days) == 14


def test_home_takes_as_many_queries_however_much_there_is(browser) -> None:
    def trouble() -> None:
        factories.conversation(factories.installation(failures=9))
        factories.installation(status=InstallationStatus.RECONNECT)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            browser.get(HOME)
        return len(found)

    trouble()
    queries()  # content types and the like are cached from here on
    few = queries()
    for _ in range(7):
        trouble()
    assert queries() <= few


def test_a_page_that_refreshes_itself_keeps_nobody_logged_in(browser, settings) -> None:
    settings.SESSION_IDLE_SECONDS = 600
    session = browser.session
    session["bridge.seen"] -= 500
    session.save()
    browser.get(HOME, headers={"X-Refresh": "1"})
    assert browser.session["bridge.seen"] == session["bridge.seen"]
    browser.get(HOME)
    assert browser.session["bridge.seen"] > session["bridge.seen"]
