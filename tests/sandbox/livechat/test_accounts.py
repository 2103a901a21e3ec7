"""The imitated accounts server: OAuth of agents, and customers' tokens."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.sandbox.livechat.conftest import Api, error

VERIFIER = "v" * 50
REDIRECT = "https://bridge.example.com/oauth/livechat/callback"


def code(api: Api, **more: str) -> dict[str, str]:
    """What the authorize page redirects with."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()
    asked = {
        "response_type": "code",
        "client_id": api.client_id,
        "redirect_uri": REDIRECT,
        "state": "s1",
        "code_challenge": challenge.rstrip("="),
        "code_challenge_method": "S256",
        "allow": "1",
    }
    answer = api.accounts("GET", "/", params=asked | more)
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def exchange(api: Api, code_: str, **more: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code_, "redirect_uri": REDIRECT}
    return api.accounts(
        "POST", "/v2/token", data=form | api.app() | {"code_verifier": VERIFIER} | more
    )


def test_the_page_asks_before_it_redirects(api: Api):
    asked = {"response_type": "code", "client_id": api.client_id, "redirect_uri": REDIRECT}
    page = api.accounts("GET", "/", params=asked)
    assert "LiveChat (imitation)" in page.text
    assert api.organization_id in page.text


def test_a_code_is_exchanged_once(api: Api):
    answered = code(api)
    grant = exchange(api, answered["code"]).json()
    assert answered["state"] == "s1"
    assert grant["organization_id"] == api.organization_id
    assert grant["expires_in"] == 28800
    assert grant["access_token"].startswith("dal:")
    assert ":" not in grant["refresh_token"]
    again = exchange(api, answered["code"])
    assert (again.status_code, again.json()["error"]) == (401, "unauthorized_client")


@pytest.mark.parametrize(
    "change", [{"code_verifier": "w" * 50}, {"redirect_uri": "https://evil.test/"}]
)
def test_a_code_needs_its_verifier_and_address(api: Api, change):
    assert exchange(api, code(api)["code"], **change).json()["error"] == "invalid_grant"


def test_only_listed_addresses_are_redirected_to(api: Api):
    api.account.update(settings={"redirect_uris": ["https://bridge.example.com/oauth"]})
    assert code(api)["code"]
    asked = {"response_type": "code", "client_id": api.client_id, "redirect_uri": "https://x.test/"}
    assert api.accounts("GET", "/", params=asked).status_code == 400


def test_a_refresh_token_stays(api: Api):
    first, second = api.refresh().json(), api.refresh().json()
    assert first["refresh_token"] == second["refresh_token"]
    assert first["access_token"] != second["access_token"]
    bearer = {"Authorization": f"Bearer {first['access_token']}"}
    info = api.accounts("GET", "/v2/info", headers=bearer).json()
    assert info["client_id"] == api.client_id
    assert info["account_id"] == api.account.credentials["account_id"]
    assert "customers:own" in info["scope"].split(",")


def test_the_oldest_of_more_than_twenty_five_tokens_dies(api: Api):
    tokens = [api.refresh().json()["access_token"] for _ in range(26)]
    states = [
        api.accounts("GET", "/v2/info", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in (tokens[0], tokens[1])
    ]
    assert states == [401, 200]


def test_a_revoked_token_is_refused(api: Api):
    access = api.refresh().json()["access_token"]
    bearer = {"Authorization": f"Bearer {access}"}
    assert api.accounts("DELETE", "/v2/token", headers=bearer).ok
    assert error(api.as_agent("configuration/list_groups", **bearer)) == "authentication"
    refused = api.refresh()
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_grant")


def test_a_wrong_secret_is_an_error_of_the_client(api: Api):
    form = {"grant_type": "refresh_token", "refresh_token": "x", **api.app(), "client_secret": "x"}
    answer = api.accounts("POST", "/v2/token", data=form)
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.json()["error"] == "invalid_client"


def test_an_agents_token_makes_customers_and_renews_them(api: Api):
    first, second = api.customer_token().json(), api.customer_token().json()
    assert first["entity_id"] != second["entity_id"]
    renewed = api.customer_token(entity_id=first["entity_id"]).json()
    assert renewed["entity_id"] == first["entity_id"]
    assert renewed["access_token"] != first["access_token"]
    bearer = {"Authorization": f"Bearer {first['access_token']}"}
    info = api.accounts("GET", "/v2/customer/info", headers=bearer).json()
    assert info["entity_id"] == first["entity_id"]


def test_a_customer_must_exist_to_be_renewed(api: Api):
    unknown = "b7eff798-f8df-4364-8059-649c35c9ed0c"
    answer = api.customer_token(entity_id=unknown)
    assert (answer.status_code, answer.json()["oauth_exception"]) == (401, "invalid_grant")
    assert "exception_description" in answer.json()


def test_a_personal_access_token_makes_no_customers(api: Api):
    body = {"grant_type": "agent_token", "client_id": api.client_id, "response_type": "token"}
    answer = api.accounts("POST", "/v2/customer/token", json=body, headers=api.personal())
    assert (answer.status_code, answer.json()["oauth_exception"]) == (401, "access_denied")


def test_without_cookies_every_call_makes_a_new_customer(api: Api):
    first, second = api.cookie_token(), api.cookie_token()
    assert first.json()["entity_id"] != second.json()["entity_id"]
    assert first.cookies["__lc_cid"] == first.json()["entity_id"]


def test_cookies_keep_the_customer_and_are_replaced(api: Api):
    first = api.cookie_token()
    second = api.cookie_token(**dict(first.cookies))
    assert second.json()["entity_id"] == first.json()["entity_id"]
    assert second.cookies["__lc_cst"] != first.cookies["__lc_cst"]
    assert "63072000" in second.headers["Set-Cookie"]


def test_a_wrong_cookie_is_refused(api: Api):
    known = dict(api.cookie_token().cookies)
    answer = api.cookie_token(**{**known, "__lc_cst": "0" * 84})
    assert answer.json()["oauth_exception"] == "invalid_grant"


def test_a_token_has_an_end(api: Api):
    access = api.customer_token().json()["access_token"]
    api.account.update(settings={"token_life": -1})
    assert api.customer_token().json()["oauth_exception"] == "access_denied"  # the agent's
    dead = api.cookie_token().json()["access_token"]
    assert error(api.as_customer(dead, "list_chats")) == "authentication"
    assert api.as_customer(access, "list_chats").ok


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/v2/token", 500, {"error": "server_error"}),
        ("/v2/customer/token", 401, {"oauth_exception": "invalid_grant"}),
    ],
)
def test_a_fault_speaks_as_the_accounts_server_does(api: Api, path, status, expected):
    api.account.fault(str(status), path=path, count=1)
    answer = api.accounts("POST", path, json={})
    assert answer.status_code == status
    assert expected.items() <= answer.json().items()
