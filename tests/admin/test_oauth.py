"""Connect: the state is signed, works once, in one login, for one installation."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core import signing
from django.test import Client

from hitl_bridge import oauth, provisioning
from hitl_bridge.models import InstallationStatus, OAuthToken
from providers.errors import Misconfigured, Reconnect, Unavailable
from tests import factories
from tests.admin import oauth_desk
from tests.admin.pages import act, page_of, said

pytestmark = pytest.mark.django_db

CALLBACK = "/oauth/odesk/callback"


def begin(browser, installation) -> dict[str, str]:
    """Press Connect; what the vendor is asked."""
    url = urlsplit(act(browser, installation, "connect").url)
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://accounts.desk.example/auth"
    return dict(parse_qsl(url.query))


def test_it_connects(browser, installation) -> None:
    asked = begin(browser, installation)
    assert asked["redirect_uri"] == "https://bridge.example.com/oauth/odesk/callback"
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", "cid", "chat")
    response = browser.get(CALLBACK, {"state": asked["state"], "code": "good", "location": "eu"})
    assert response.url == page_of(installation)
    assert said(response) == [
        "Connected to Acme desk, acting as Ann.",
        "Open desk is set up: it knows where to send its events.",
    ]
    installation.refresh_from_db()
    assert installation.status == InstallationStatus.ACTIVE
    assert OAuthToken.objects.get().refresh_token == "refresh-1"
    assert oauth_desk.registered == [installation.webhook_url]
    code, redirect_uri, params, verifier = oauth_desk.exchanged[0]
    assert (code, redirect_uri, params["location"]) == ("good", asked["redirect_uri"], "eu")
    digest = hashlib.sha256(verifier.encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert asked["code_challenge_method"] == "S256"


@pytest.mark.parametrize(
    ("error", "words", "level"),
    [
        (Misconfigured("Choose the team."), "Next step: Choose the team. Do that", 30),
        (Unavailable("Busy."), "Open desk is being set up in the background: Busy.", 20),
        (Reconnect("A scope is missing."), "could not be set up: A scope is missing.", 40),
    ],
)
def test_what_is_still_missing_does_not_hide_the_connection(
    browser, installation, monkeypatch, error, words, level
) -> None:
    def register(*args: object) -> None:
        raise error

    monkeypatch.setattr(oauth_desk.OAuthDesk, "register", register)
    state = begin(browser, installation)["state"]
    response = browser.get(CALLBACK, {"state": state, "code": "good"})
    connected, then = response.wsgi_request._messages
    assert str(connected) == "Connected to Acme desk, acting as Ann."
    assert words in str(then)
    assert then.level == level
    installation.refresh_from_db()
    assert installation.status == InstallationStatus.ACTIVE
    assert (installation.provision_at is not None) == isinstance(error, Unavailable)


def test_a_choice_that_the_account_needs_is_the_next_step(
    browser, installation, monkeypatch
) -> None:
    def check(*args: object) -> None:
        raise Misconfigured("Choose the brand.", field="team")

    monkeypatch.setattr(oauth_desk.OAuthDesk, "check", check)
    state = begin(browser, installation)["state"]
    response = browser.get(CALLBACK, {"state": state, "code": "good"})
    assert said(response) == [
        "Logged in at Open desk.",
        "Next step: Choose the brand. Do that below, then save.",
    ]
    html = browser.get(response.url).content.decode()
    assert 'href="#id_setting_team"' in html
    assert oauth_desk.registered == []


def test_no_worker_registers_meanwhile(browser, installation, monkeypatch) -> None:
    seen = []

    def register(*args: object) -> dict[str, str]:
        seen.append(provisioning.run_due())
        return {}

    monkeypatch.setattr(oauth_desk.OAuthDesk, "register", register)
    browser.get(CALLBACK, {"state": begin(browser, installation)["state"], "code": "good"})
    assert seen == [0]
    installation.refresh_from_db()
    assert installation.provision_at is None


def test_a_state_works_once(browser, installation) -> None:
    state = begin(browser, installation)["state"]
    browser.get(CALLBACK, {"state": state, "code": "good"})
    response = browser.get(CALLBACK, {"state": state, "code": "good"})
    assert "used already" in said(response)[-1]
    assert len(oauth_desk.exchanged) == 1


def test_a_state_works_in_its_own_login_only(browser, installation, django_user_model) -> None:
    state = begin(browser, installation)["state"]
    other = Client()
    other.force_login(django_user_model.objects.create_superuser("eve"))
    assert "another login" in said(other.get(CALLBACK, {"state": state, "code": "good"}))[0]
    stranger = Client().get(CALLBACK, {"state": state, "code": "good"})
    assert stranger.headers["Location"].startswith("/admin/login")
    assert oauth_desk.exchanged == []


@pytest.mark.parametrize("state", ["", "forged", "W10:1:x"])
def test_a_forged_state_is_refused(browser, installation, state) -> None:
    begin(browser, installation)
    response = browser.get(CALLBACK, {"state": state, "code": "good"})
    assert "does not belong to a connection begun here" in said(response)[0]


def test_a_state_for_another_installation_is_refused(browser, installation, operator) -> None:
    begin(browser, installation)
    nonce = next(iter(browser.session[oauth.SESSION_KEY]))
    other = factories.installation(provider="odesk")
    state = signing.dumps([nonce, other.pk, operator.pk], salt=oauth.SALT)
    assert "another login" in said(browser.get(CALLBACK, {"state": state, "code": "good"}))[0]


def test_an_old_state_is_refused(browser, installation, monkeypatch) -> None:
    state = begin(browser, installation)["state"]
    monkeypatch.setattr(oauth, "MAX_AGE", -1)
    response = browser.get(CALLBACK, {"state": state, "code": "good"})
    assert "more than ten minutes" in said(response)[0]


def test_another_help_desks_callback_is_refused(browser, installation) -> None:
    state = begin(browser, installation)["state"]
    response = browser.get("/oauth/intercom/callback", {"state": state, "code": "good"})
    assert said(response) == ["There is no such installation any more."]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "access_denied"}, "Access was not granted."),
        ({"error": "<script>"}, "It answered “<script>”."),
        ({}, "Open desk sent no code."),
        ({"code": "bad"}, "Open desk refused the code."),
    ],
)
def test_what_went_wrong_is_said_in_words(browser, installation, answer, words) -> None:
    state = begin(browser, installation)["state"]
    response = browser.get(CALLBACK, {"state": state, **answer})
    assert words in said(response)[0]
    assert response.url == page_of(installation)
    assert "<script>”" not in browser.get(response.url).content.decode()
    assert not OAuthToken.objects.exists()


def test_it_takes_the_permission_to_change(browser, onlooker, installation) -> None:
    assert act(onlooker, installation, "connect").status_code == 403


def test_few_unfinished_flows_are_remembered(browser, installation) -> None:
    states = [begin(browser, installation)["state"] for _ in range(7)]
    assert len(browser.session[oauth.SESSION_KEY]) == oauth.REMEMBERED
    browser.get(CALLBACK, {"state": states[-1], "code": "good"})
    assert len(oauth_desk.exchanged) == 1


def test_a_pasted_token_leaves_no_connect_button(browser, installation) -> None:
    installation.credentials = {**installation.credentials, "access_token": "pasted"}
    installation.save()
    assert "can't be done now" in said(act(browser, installation, "connect"))[-1]
