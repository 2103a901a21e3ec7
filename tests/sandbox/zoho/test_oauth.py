"""The imitated accounts server."""

import time
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.sandbox.zoho.conftest import Siq, code

BACK = "https://bridge.example.test/oauth/callback"
SCOPES = "SalesIQ.conversations.ALL,SalesIQ.webhooks.READ"


def authorize(siq: Siq, level: str = "/org", **given: str) -> requests.Response:
    params = {
        "response_type": "code",
        "client_id": siq.own["client_id"],
        "scope": SCOPES,
        "redirect_uri": BACK,
        "access_type": "offline",
        "prompt": "consent",
        "state": "s1",
        "allow": "1",
    } | given
    url = f"{siq.account.base_url}/oauth/v2{level}/auth"
    return requests.get(url, params=params, allow_redirects=False, timeout=5)


def callback(answer: requests.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def exchange(siq: Siq, found: str, redirect_uri: str = BACK) -> dict[str, str]:
    form = {"grant_type": "authorization_code", "redirect_uri": redirect_uri, "code": found}
    answer = siq.accounts(**form)
    assert answer.status_code == 200
    return dict(answer.json())


def test_the_callback_names_the_data_center_and_its_server(siq: Siq):
    given = callback(authorize(siq))
    assert (given["state"], given["location"]) == ("s1", "us")
    assert given["accounts-server"] == siq.account.base_url


def test_a_code_gives_tokens_once(siq: Siq):
    given = callback(authorize(siq))
    answer = exchange(siq, given["code"])
    assert {"refresh_token", "access_token"} < set(answer)
    assert answer["token_type"] == "Bearer"
    assert str(answer["expires_in"]) == "3600"
    assert "salesiq" not in answer["api_domain"]
    assert exchange(siq, given["code"]) == {"error": "invalid_code"}


def test_a_code_wants_the_same_redirect_uri_and_does_not_last(siq: Siq):
    given = callback(authorize(siq))
    assert exchange(siq, given["code"], "https://else.test/") == {"error": "invalid_redirect_uri"}
    siq.account.update(settings={"code_age": 0})
    given = callback(authorize(siq))
    time.sleep(1.1)
    assert exchange(siq, given["code"]) == {"error": "invalid_code"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "x"},
        {"scope": "mail.ALL"},
        {"response_type": "token"},
        {"redirect_uri": "javascript:x"},
    ],
)
def test_a_wrong_request_ends_on_a_page(siq: Siq, wrong):
    assert authorize(siq, **wrong).status_code == 400


def test_the_page_asks_first(siq: Siq):
    url = f"{siq.account.base_url}/oauth/v2/org/auth"
    params = {
        "response_type": "code",
        "client_id": siq.own["client_id"],
        "scope": SCOPES,
        "redirect_uri": BACK,
    }
    page = requests.get(url, params=params, timeout=5)
    assert "Zoho (imitation)" in page.text
    assert siq.own["screen_name"] in page.text


def test_a_client_that_is_not_of_the_type_org_gets_no_organizations_token(siq: Siq):
    siq.account.update(settings={"client_type": "server"})
    assert authorize(siq).status_code == 400
    assert authorize(siq, "").status_code == 302


def test_a_token_has_only_the_scopes_that_were_allowed(siq: Siq):
    token = exchange(siq, callback(authorize(siq))["code"])["access_token"]
    assert "data" in siq.v2("GET", "/webhooks", token=token).json()
    assert code(siq.v2("GET", "/apps", token=token)) == (200, 1009)
    assert code(siq.webhook("https://x.test/")) != (200, 1009)
    assert code(siq.v2("POST", "/webhooks", {}, token=token)) == (200, 1009)


def test_a_users_token_may_not_speak_as_a_visitor(siq: Siq):
    token = siq.refresh("user_refresh_token").json()["access_token"]
    assert code(siq.visitor("/conversations", siq.opening(), token=token)) == (200, 1009)
    assert "data" in siq.v2("GET", "/operators", token=token).json()


def test_refusals_come_with_http_200(siq: Siq):
    assert siq.accounts(grant_type="refresh_token", refresh_token="x").json() == {
        "error": "invalid_code"
    }
    wrong = {"grant_type": "refresh_token", "refresh_token": siq.own["refresh_token"]}
    for name, error in (
        ("client_id", "invalid_client"),
        ("client_secret", "invalid_client_secret"),
    ):
        answer = siq.accounts(**wrong, **{name: "x"})
        assert (answer.status_code, answer.json()) == (200, {"error": error})


def test_the_eleventh_refresh_in_ten_minutes_is_denied(siq: Siq):
    for _ in range(9):  # the client has made one
        assert "access_token" in siq.refresh().json()
    denied = siq.refresh()
    assert (denied.status_code, denied.json()["error"]) == (400, "Access Denied")
    assert "too many requests" in denied.json()["error_description"]
    assert "access_token" in siq.refresh("user_refresh_token").json()


def test_the_eleventh_live_token_kills_the_oldest(siq: Siq):
    siq.account.update(settings={"refresh_quota": 50})
    tokens = [siq.refresh().json()["access_token"] for _ in range(10)]
    assert code(siq.v2("GET", "/apps")) == (400, 1008)
    assert "data" in siq.v2("GET", "/apps", token=tokens[0]).json()


def test_a_token_dies_of_age_and_of_revocation(siq: Siq):
    siq.account.update(settings={"access_token_ttl": 1})
    short = siq.refresh().json()["access_token"]
    time.sleep(1.1)
    assert code(siq.v2("GET", "/apps", token=short)) == (400, 1008)
    url = f"{siq.account.base_url}/oauth/v2/token/revoke"
    answer = requests.post(url, params={"token": siq.own["refresh_token"]}, timeout=5)
    assert answer.json() == {"status": "success"}
    assert siq.refresh().json() == {"error": "invalid_code"}
    assert requests.post(url, params={"token": "x"}, timeout=5).status_code == 400
