"""Operators are told of trouble once, daily while it lasts, and when it is over."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import responses
from django.core import mail
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from conversations.flows import alerting
from conversations.models import Delivery
from hitl_bridge import alerts
from hitl_bridge.models import Alert, AlertNotice, Bot, Installation, InstallationStatus, Tenant
from tests import factories
from tests.admin.pages import act, page_of, said

pytestmark = pytest.mark.django_db
HOOK = "https://ops.example.com/alerts"


@pytest.fixture
def acme(settings) -> Tenant:
    settings.EMAIL_CONFIGURED = True
    return factories.tenant(
        slug="acme",
        alert_emails="ops@acme.test, boss@acme.test",
        alert_webhook_url=HOOK,
        alert_webhook_secret=factories.CALLBACK_SECRET,
    )


@pytest.fixture
def desk(acme) -> Installation:
    return factories.installation(factories.bot(acme, slug="helper"), slug="support")


@pytest.fixture
def hook():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(HOOK)
        yield mock


def be(desk: Installation, **columns: object) -> None:
    Installation.objects.filter(pk=desk.pk).update(**columns)


def pass_time(**delta: int) -> None:
    """As if that had been so long ago."""
    for alert in Alert.objects.all():
        for name in ("told_at", "clear_since"):
            then = getattr(alert, name)
            if then:
                setattr(alert, name, then - timedelta(**delta))
        alert.save()
    AlertNotice.objects.filter(state="pending").update(next_attempt_at=timezone.now())


def told(hook: responses.RequestsMock) -> list[str]:
    return [json.loads(call.request.body or "")["type"] for call in hook.calls]


def test_it_tells_once_reminds_daily_and_says_when_it_is_over(desk, hook) -> None:
    be(desk, status=InstallationStatus.RECONNECT, status_reason="token tok-123 is dead")
    alerting.run_due()
    alerting.run_due()
    assert told(hook) == ["alert.opened"]
    pass_time(hours=25)
    alerting.run_due()
    alerting.run_due()
    assert told(hook) == ["alert.opened", "alert.reminder"]
    be(desk, status=InstallationStatus.ACTIVE)
    alerting.run_due()
    assert len(told(hook)) == 2  # it might come back in a moment
    pass_time(minutes=3)
    alerting.run_due()
    assert told(hook)[2:] == ["alert.solved"]
    assert len(mail.outbox) == 3
    be(desk, status=InstallationStatus.RECONNECT)
    alerting.run_due()
    assert told(hook)[3:] == ["alert.opened"]


def test_an_alert_names_what_is_wrong_and_where_to_mend_it(desk, hook) -> None:
    be(desk, status=InstallationStatus.RECONNECT, status_reason="token tok-123 is dead")
    alerting.run_due()
    request = hook.calls[0].request
    Webhook(factories.CALLBACK_SECRET).verify(request.body, dict(request.headers))
    data = json.loads(request.body)["data"]
    assert (data["kind"], data["state"], data["tenant"]) == ("reconnect", "open", "acme")
    assert data["subject"]["name"] == "acme/helper/support"
    assert data["runbookUrl"] == "docs/operations.md#installation-must-be-connected-again"
    message = mail.outbox[0]
    assert message.to == ["ops@acme.test", "boss@acme.test"]
    assert message.subject == "[HITL bridge] Must be connected again: acme/helper/support"
    for text in (message.body, request.body.decode()):
        assert page_of(desk) in text
        assert "tok-123" not in text


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"status": "config"}, "config"),
        ({"failures": 5}, "helpDeskAway"),
        ({"failures": 4}, None),
        ({"failures": 9, "status": "disabled"}, None),
    ],
)
def test_it_knows_the_troubles_of_installations(desk, hook, columns, kind) -> None:
    be(desk, **columns)
    alerting.run_due()
    assert list(Alert.objects.values_list("kind", flat=True)) == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"failures": 5}, "botAway"),
        ({"callback_disabled_reason": "410"}, "callbacksOff"),
        ({"failures": 5, "enabled": False}, None),
    ],
)
def test_it_knows_the_troubles_of_bots(desk, hook, columns, kind) -> None:
    Bot.objects.filter(pk=desk.bot_id).update(**columns)
    alerting.run_due()
    assert list(Alert.objects.values_list("kind", flat=True)) == ([kind] if kind else [])


def test_dead_letters_are_one_alert_with_their_number(desk, hook) -> None:
    talk = factories.conversation(desk)
    Delivery.objects.filter(conversation=talk).update(state="dead", error="Hush, a text.")
    alerting.run_due()
    other = factories.conversation(desk)
    Delivery.objects.filter(conversation=other).update(state="dead")
    alerting.run_due()
    alert = Alert.objects.get()
    assert (alert.kind, alert.count) == ("deadLetters", 2)
    assert "Hush" not in hook.calls[0].request.body.decode() + mail.outbox[0].body
    assert len(mail.outbox) == 1


def test_what_can_not_be_sent_is_tried_again_and_given_up_at_last(desk, hook) -> None:
    hook.replace("POST", HOOK, status=500)
    be(desk, failures=5)
    alerting.run_due()
    notice = AlertNotice.objects.get(channel="webhook")
    assert (notice.state, notice.error) == ("pending", "The address answered 500.")
    first = hook.calls[0].request.headers["webhook-id"]
    pass_time(minutes=1)
    alerts.send_due()
    assert hook.calls[1].request.headers["webhook-id"] == first
    AlertNotice.objects.update(attempts=len(alerts.WAITS))
    pass_time(minutes=1)
    alerts.send_due()
    notice.refresh_from_db()
    assert notice.state == "failed"


def test_the_platform_is_told_of_all_tenants(settings, hook) -> None:
    settings.EMAIL_CONFIGURED = True
    settings.ALERT_EMAILS = ["platform@example.test"]
    be(factories.installation(), failures=5)
    alerting.run_due()
    assert [message.to for message in mail.outbox] == [["platform@example.test"]]


def test_a_private_address_is_not_reached(desk) -> None:
    Tenant.objects.update(alert_webhook_url="http://127.0.0.1:1/x", alert_emails="")
    be(desk, failures=5)
    alerting.run_due()
    assert "private address" in AlertNotice.objects.get().error


def test_old_alerts_are_forgotten(desk, hook) -> None:
    be(desk, failures=5)
    alerting.run_due()
    Alert.objects.update(solved_at=timezone.now() - timedelta(days=91))
    alerts.forget_old()
    assert not Alert.objects.exists()


@pytest.fixture
def browser(admin_client, settings):
    settings.SECURE_SSL_REDIRECT = False
    return admin_client


def test_a_test_alert_says_what_came_of_it(browser, acme, hook, settings) -> None:
    assert said(act(browser, acme, "test-alerts")) == ["E-mail: sent.", "Webhook: sent."]
    assert told(hook) == ["alert.test"]
    settings.EMAIL_CONFIGURED = False
    hook.replace("POST", HOOK, status=404)
    assert said(act(browser, acme, "test-alerts"))[-2:] == [
        "E-mail: EMAIL_URL is not set, so the bridge can't send e-mail.",
        "Webhook: The address answered 404.",
    ]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("alert_emails", "ops@acme.test, nonsense", "&#x27;nonsense&#x27; is no e-mail address"),
        ("alert_webhook_url", "ftp://x", "This must be an address"),
        ("alert_webhook_secret", "short", "A callback secret is"),
    ],
)
def test_the_form_says_what_is_wrong(browser, acme, name, value, problem) -> None:
    form = {"slug": "acme", "name": "Acme", name: value}
    assert problem in browser.post(page_of(acme), form).content.decode()


def test_the_secret_is_kept_and_never_shown(browser, acme) -> None:
    form = {"slug": "acme", "name": "Acme Inc.", "alert_emails": "", "alert_webhook_url": HOOK}
    assert browser.post(page_of(acme), form).status_code == 302
    acme.refresh_from_db()
    assert acme.alert_webhook_secret == factories.CALLBACK_SECRET
    assert (acme.name, acme.alert_emails) == ("Acme Inc.", "")
    assert factories.CALLBACK_SECRET not in browser.get(page_of(acme)).content.decode()


def test_the_admin_lists_alerts_with_who_was_told(browser, desk, hook) -> None:
    be(desk, failures=5)
    alerting.run_due()
    html = browser.get(page_of(Alert.objects.get())).content.decode()
    assert "acme/helper/support" in html
    assert "Webhook" in html
