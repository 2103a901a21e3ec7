"""Connecting a help desk: the form, the buttons, and what they say."""

import pytest
from django.urls import reverse

from conversations.models import BotpressConnection
from hitl_bridge.models import App, Installation, InstallationStatus, OAuthToken
from providers.types import Account
from tests import factories
from tests.admin import oauth_desk
from tests.admin.pages import act, form_of, page_of, said

pytestmark = pytest.mark.django_db

ADD = "/admin/hitl_bridge/installation/add/"


@pytest.fixture
def connected(installation: Installation) -> Installation:
    OAuthToken.objects.create(installation=installation, access_token="granted")
    return installation


def test_it_asks_for_the_help_desk_first(browser, odesk) -> None:
    html = browser.get(ADD).content.decode()
    assert "Open desk" in html
    assert 'value="intercom"' in html


def test_it_then_shows_what_that_help_desk_declares(browser) -> None:
    html = browser.get(f"{ADD}?provider=intercom").content.decode()
    assert 'name="credential_access_token"' in html
    assert 'name="setting_region"' in html
    assert "app.eu.intercom.com for Europe" in html
    assert "https://app.intercom.com/a/apps/_/developer-hub" in html


def test_it_adds_one_and_goes_on_to_its_page(browser, odesk) -> None:
    bot = factories.bot()
    data = {"bot": bot.pk, "slug": "support", "credential_client_id": "cid", "setting_team": "7"}
    response = browser.post(f"{ADD}?provider=odesk", data)
    row = Installation.objects.get()
    assert response.url == page_of(row)
    assert (row.provider, row.tenant, row.settings) == ("odesk", bot.tenant, {"team": "7"})
    assert row.credentials == {"client_id": "cid"}
    assert said(response)[-1].startswith("Next step: Press Connect to log in at Open desk")
    assert row.status == InstallationStatus.NEW
    assert row.provision_at is None
    html = browser.get(page_of(row)).content.decode()
    assert "Not connected yet" in html
    assert "then press Connect" in html


def test_it_says_what_is_missing_at_the_field(browser) -> None:
    bot = factories.bot()
    data = {"bot": bot.pk, "slug": "support", "setting_region": "us"}
    form = browser.post(f"{ADD}?provider=intercom", data).context["adminform"].form
    assert "Client secret is missing" in form.errors["credential_client_secret"][0]
    assert "Enter the access token" in form.errors["credential_access_token"][0]
    assert not Installation.objects.exists()


def test_what_the_app_has_need_not_be_entered(browser, odesk) -> None:
    bot = factories.bot()
    app = App.objects.create(
        tenant=bot.tenant, slug="a", provider="odesk", credentials={"client_id": "cid"}
    )
    data = {"bot": bot.pk, "slug": "support", "app": app.pk}
    browser.post(f"{ADD}?provider=odesk", data)
    assert Installation.objects.get().merged_credentials() == {"client_id": "cid"}


def test_it_refuses_a_name_that_the_bot_has(browser, installation) -> None:
    data = {"bot": installation.bot_id, "slug": installation.slug, "credential_client_id": "x"}
    form = browser.post(f"{ADD}?provider=odesk", data).context["adminform"].form
    assert "already exists" in form.errors["__all__"][0]
    other = factories.installation(installation.bot, provider="odesk")
    url = page_of(other)
    data = form_of(browser, url) | {"slug": installation.slug, "credential_client_id": "x"}
    form = browser.post(url, data).context["adminform"].form
    assert "already exists" in form.errors["__all__"][0]


def test_it_refuses_another_tenants_app(browser, odesk) -> None:
    bot, app = (
        factories.bot(),
        App.objects.create(
            tenant=factories.tenant(), slug="a", provider="odesk", credentials={"client_id": "cid"}
        ),
    )
    data = {"bot": bot.pk, "slug": "support", "app": app.pk}
    form = browser.post(f"{ADD}?provider=odesk", data).context["adminform"].form
    assert form.errors["app"] == ["This app belongs to another tenant."]


def test_an_empty_secret_keeps_the_stored_one(browser, connected) -> None:
    url = page_of(connected)
    browser.post(url, form_of(browser, url) | {"option_idleTimeout": "900"})
    connected.refresh_from_db()
    assert connected.credentials["client_secret"] == "secret-canary"
    assert connected.options == {"idleTimeout": 900}


def test_a_secret_is_replaced_and_removed(browser, connected) -> None:
    url = page_of(connected)
    browser.post(url, form_of(browser, url) | {"credential_client_secret": "newer"})
    connected.refresh_from_db()
    assert connected.credentials["client_secret"] == "newer"
    browser.post(url, form_of(browser, url) | {"credential_client_secret-clear": "1"})
    connected.refresh_from_db()
    assert "client_secret" not in connected.credentials


def test_a_wrong_form_does_not_give_the_secret_back(browser, connected) -> None:
    url = page_of(connected)
    data = form_of(browser, url) | {"slug": "?", "credential_client_secret": "typed-canary"}
    html = browser.post(url, data).content.decode()
    assert "typed-canary" not in html
    assert "secret-canary" not in html


def test_saving_tests_the_connection_and_registers(browser, connected) -> None:
    url = page_of(connected)
    response = browser.post(url, form_of(browser, url) | {"setting_team": "9"})
    connected.refresh_from_db()
    assert connected.status == InstallationStatus.ACTIVE
    assert "Connected to Acme desk, acting as Ann." in said(response)
    assert oauth_desk.registered == [connected.webhook_url]


def test_saving_what_does_not_touch_the_connection_leaves_its_status(browser, connected) -> None:
    Installation.objects.update(status=InstallationStatus.PAUSED)
    url = page_of(connected)
    browser.post(url, form_of(browser, url) | {"option_assignmentTimeout": "60"})
    connected.refresh_from_db()
    assert connected.status == InstallationStatus.PAUSED
    assert oauth_desk.registered == []


def test_a_changed_client_forgets_its_tokens(browser, connected) -> None:
    url = page_of(connected)
    browser.post(url, form_of(browser, url) | {"credential_client_id": "another"})
    assert not OAuthToken.objects.exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9000/intercom/x", "http://sandbox:9000"])
def test_a_host_without_a_dot_is_an_address(browser, connected, address) -> None:
    url = page_of(connected)
    assert browser.post(url, form_of(browser, url) | {"api_base_url": address}).status_code == 302
    connected.refresh_from_db()
    assert connected.api_base_url == address
    form = browser.post(url, form_of(browser, url) | {"api_base_url": "mock"}).context["adminform"]
    assert "https://" in form.form.errors["api_base_url"][0]


def test_the_page_has_addresses_and_a_checklist_that_ticks_itself(browser, connected) -> None:
    html = browser.get(page_of(connected)).content.decode()
    assert f'data-copy="{connected.webhook_url}"' in html
    assert "https://bridge.example.com/oauth/odesk/callback" in html
    assert "Enter the address &lt;here&gt;:" in html
    assert "radio_button_unchecked" in html
    Installation.objects.update(last_received_at="2026-11-21T08:00Z")
    html = browser.get(page_of(connected)).content.decode()
    assert "A valid webhook has arrived" in html
    assert "radio_button_unchecked" not in html


def test_a_botpress_bot_gets_its_address_and_steps_that_tick_themselves(browser, connected) -> None:
    assert connected.botpress_url not in browser.get(page_of(connected)).content.decode()
    type(connected.bot).objects.update(connector="botpress")
    html = browser.get(page_of(connected)).content.decode()
    assert connected.botpress_url in html
    assert "To be entered in Botpress" in html
    assert html.count("Done:") == 0
    seen = BotpressConnection.objects.create(installation=connected, pinged_at="2026-11-21T08:00Z")
    assert browser.get(page_of(connected)).content.decode().count("Done:") == 1
    seen.handed_over_at = "2026-11-21T08:01Z"
    seen.save()
    assert browser.get(page_of(connected)).content.decode().count("Done:") == 2


def test_options_of_botpress_are_for_its_bots_only(browser, connected) -> None:
    url = page_of(connected)
    assert "option_botpress" not in browser.get(url).content.decode()
    type(connected.bot).objects.update(connector="botpress")
    entered = {
        "option_botpressFailedText": "NULL",
        "option_botpressShowAgentName": "yes",
        "option_botpressApiUrl": "http://sandbox:9000",
        "option_idleTimeout": "0",
    }
    assert browser.post(url, form_of(browser, url) | entered).status_code == 302
    connected.refresh_from_db()
    assert connected.options == {
        "botpressFailedText": "NULL",
        "botpressShowAgentName": "yes",
        "botpressApiUrl": "http://sandbox:9000",
        "idleTimeout": 0,
    }
    browser.post(url, form_of(browser, url) | dict.fromkeys(entered, ""))
    connected.refresh_from_db()
    assert connected.options == {}


def test_the_behaviour_of_sessions_is_entered_and_shown_again(browser, connected) -> None:
    url = page_of(connected)
    entered = {
        "option_closeCommands": "/end, Stop",
        "option_reopen": "newSession",
        "option_texts_all": "on",
        "option_texts_queued": "off",
        "option_texts_agentJoined": "Hello!\n[de] Hallo!",
        "option_businessHours_timeZone": "Europe/Berlin",
        "option_businessHours_monday": "09:00-12:30, 13:30-17:00",
        "option_businessHours_holidays": "12-25\n2026-12-30/2027-01-01",
    }
    assert browser.post(url, form_of(browser, url) | entered).status_code == 302
    connected.refresh_from_db()
    assert connected.options == {
        "closeCommands": ["/end", "Stop"],
        "reopen": "newSession",
        "texts": {
            "all": True,
            "queued": False,
            "agentJoined": {"default": "Hello!", "de": "Hallo!"},
        },
        "businessHours": {
            "timeZone": "Europe/Berlin",
            "monday": ["09:00-12:30", "13:30-17:00"],
            "holidays": ["12-25", "2026-12-30/2027-01-01"],
        },
    }
    shown = form_of(browser, url)
    assert {name: shown[name] for name in entered} == entered
    stored = connected.options
    browser.post(url, shown)
    connected.refresh_from_db()
    assert connected.options == stored


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("texts_undeliverable", "{who}", "no {who} here"),
        ("businessHours_monday", "9-17", "write 09:00-17:30"),
        ("assignmentTimeout", "-1", "whole number of seconds"),
        ("idleTimeout", "1.5", "whole number of seconds"),
        ("idleTimeout", "2592001", "At most 2592000 seconds."),
        ("botpressApiUrl", "botpress", "https://"),
        ("botpressShowAgentName", "perhaps", "one of: no, yes"),
    ],
)
def test_a_wrong_option_is_named_at_its_field(browser, connected, name, value, words) -> None:
    type(connected.bot).objects.update(connector="botpress")
    url = page_of(connected)
    data = form_of(browser, url) | {f"option_{name}": value}
    form = browser.post(url, data).context["adminform"].form
    assert words in form.errors[f"option_{name}"][0]


def test_the_test_says_whose_account_it_is(browser, connected) -> None:
    response = act(browser, connected, "check")
    assert said(response) == ["Connected to Acme desk, acting as Ann."]
    connected.refresh_from_db()
    assert (connected.account_id, connected.account_name) == ("acc-1", "Acme desk")


def test_the_test_says_what_is_wrong_and_what_to_do(browser, connected) -> None:
    OAuthToken.objects.update(access_token="dead")
    response = act(browser, connected, "check")
    assert said(response) == ["The token is dead. Enter new credentials or press Connect."]
    html = browser.get(page_of(connected)).content.decode()
    assert "Connect again" in html
    assert "The token is dead." in html


def test_it_pauses_and_resumes(browser, connected) -> None:
    act(browser, connected, "pause")
    connected.refresh_from_db()
    assert connected.status == InstallationStatus.PAUSED
    act(browser, connected, "resume")
    connected.refresh_from_db()
    assert connected.status == InstallationStatus.ACTIVE


def test_it_disables_and_enables(browser, connected) -> None:
    act(browser, connected, "disable")
    connected.refresh_from_db()
    assert connected.status == InstallationStatus.DISABLED
    assert "can't be done now" in said(act(browser, connected, "check"))[-1]
    act(browser, connected, "resume")
    connected.refresh_from_db()
    assert connected.status == InstallationStatus.ACTIVE


def test_buttons_take_a_post_and_the_permission(browser, onlooker, connected) -> None:
    url = reverse("admin:hitl_bridge_installation_act", args=[connected.pk, "pause"])
    assert browser.get(url).status_code == 405
    assert onlooker.post(url).status_code == 403
    missing = reverse("admin:hitl_bridge_installation_act", args=["inst_none", "pause"])
    assert browser.post(missing).status_code == 404


def test_a_picker_lists_what_the_help_desk_has(browser, onlooker, connected) -> None:
    url = reverse("admin:hitl_bridge_installation_options", args=[connected.pk, "team"])
    assert url in browser.get(page_of(connected)).content.decode()
    assert browser.get(url).json() == {"options": [{"value": "7", "label": "Billing <b>"}]}
    other = reverse("admin:hitl_bridge_installation_options", args=[connected.pk, "other"])
    assert browser.get(other).json() == {"error": "There is no list for other."}
    assert onlooker.get(url).status_code == 403


def test_only_what_was_never_used_can_be_deleted(browser, connected) -> None:
    url = reverse("admin:hitl_bridge_installation_delete", args=[connected.pk])
    assert browser.get(url).status_code == 200
    Installation.objects.update(last_sent_at="2026-11-21T08:00Z")
    assert browser.get(url).status_code == 403


def test_another_account_is_refused_in_words(browser, connected, monkeypatch) -> None:
    Installation.objects.update(account_id="old", account_name="Old desk")
    monkeypatch.setattr(oauth_desk.OAuthDesk, "check", lambda self: Account("new", "New desk"))
    assert "belong to another account (New desk" in said(act(browser, connected, "check"))[0]


def test_an_app_is_shared_and_its_installations_are_tested_anew(browser, odesk) -> None:
    bot = factories.bot()
    add = reverse("admin:hitl_bridge_app_add") + "?provider=odesk"
    html = browser.get(add).content.decode()
    assert "credential_client_id" in html
    assert "setting_team" not in html
    data = {"tenant": bot.tenant_id, "slug": "shared", "credential_client_id": "cid"}
    browser.post(add, data)
    app = App.objects.get()
    assert (app.provider, app.credentials) == ("odesk", {"client_id": "cid"})
    row = factories.installation(bot, provider="odesk", app=app)
    url = page_of(app)
    browser.post(url, form_of(browser, url) | {"credential_client_secret": "newer"})
    app.refresh_from_db()
    row.refresh_from_db()
    assert app.credentials["client_secret"] == "newer"
    assert row.status == InstallationStatus.NEW
    assert app.webhook_url in browser.get(url).content.decode()
