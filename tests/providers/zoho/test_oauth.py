"""Connecting: data centers, the accounts server, tokens judged by the body."""

from __future__ import annotations

import pytest
import responses
from responses import matchers

from providers.errors import Misconfigured, RateLimited, Reconnect, Unavailable
from providers.zoho import Zoho
from providers.zoho.declaration import DOMAINS
from tests.providers.fakes import Clock, FakeTokens, FaultyHttp, make_open_request
from tests.providers.zoho.double import (
    ACCOUNTS,
    CREDENTIALS,
    SETTINGS,
    ZohoDouble,
    journal,
    make_zoho,
)

CALLBACK = "https://bridge.example.com/oauth/zoho/callback"
GRANT = {
    "access_token": "1000.access",
    "refresh_token": "1000.refresh",
    "api_domain": "https://www.zohoapis.com",
    "token_type": "Bearer",
    "expires_in": 3600,
}
DATA_CENTERS = {
    "us": "zoho.com",
    "eu": "zoho.eu",
    "in": "zoho.in",
    "au": "zoho.com.au",
    "cn": "zoho.com.cn",
    "jp": "zoho.jp",
    "ca": "zohocloud.ca",
    "sa": "zoho.sa",
    "uk": "zoho.uk",
}


def at(center: str, **parts: object) -> Zoho:
    return make_zoho(FaultyHttp(), Clock(), settings={**SETTINGS, "data_center": center}, **parts)


@pytest.mark.parametrize(("center", "domain"), DATA_CENTERS.items())
def test_each_data_center_has_its_own_hosts(
    center: str, domain: str, mocked: responses.RequestsMock
) -> None:
    zoho = at(center)
    assert zoho.oauth_start().url == f"https://accounts.{domain}/oauth/v2/org/auth"
    mocked.add("POST", f"https://accounts.{domain}/oauth/v2/token", json=GRANT)
    assert zoho.oauth_refresh("1000.refresh").access_token == "1000.access"
    mocked.add("GET", f"https://salesiq.{domain}/api/v2/acme/apps", json={"data": [{"id": "1"}]})
    assert zoho.options("app_id")[0].value == "1"
    assert set(DOMAINS) == set(DATA_CENTERS)


@pytest.mark.parametrize("center", ["ae", "", "US", "zoho.eu"])
def test_an_unknown_data_center_is_never_guessed(
    center: str, mocked: responses.RequestsMock
) -> None:
    zoho = at(center)
    for call in (zoho.oauth_start, zoho.check, lambda: zoho.oauth_refresh("x")):
        with pytest.raises(Misconfigured) as caught:
            call()
        assert caught.value.field == "data_center"
    assert len(mocked.calls) == 0


def test_the_authorization_is_the_organizations() -> None:
    start = at("us").oauth_start()
    assert start.params["response_type"] == "code"
    assert start.params["access_type"] == "offline"
    assert start.params["prompt"] == "consent"
    scopes = start.params["scope"].split(",")
    assert "SalesIQ.conversations.ALL" in scopes
    assert {f"SalesIQ.webhooks.{x}" for x in ("READ", "CREATE", "UPDATE", "DELETE")} <= set(scopes)
    assert not start.pkce


def test_a_code_is_exchanged_at_the_accounts_server(mocked: responses.RequestsMock) -> None:
    mocked.add(
        "POST",
        "https://accounts.zoho.eu/oauth/v2/token",
        json=GRANT,
        match=[
            matchers.urlencoded_params_matcher(
                {
                    "grant_type": "authorization_code",
                    "client_id": CREDENTIALS["client_id"],
                    "client_secret": CREDENTIALS["client_secret"],
                    "redirect_uri": CALLBACK,
                    "code": "1000.code",
                }
            )
        ],
    )
    query = {"accounts-server": "https://accounts.zoho.eu", "location": "eu"}
    grant = at("eu").oauth_exchange("1000.code", CALLBACK, query)
    assert (grant.access_token, grant.refresh_token) == ("1000.access", "1000.refresh")
    assert grant.expires_in == 3600


@pytest.mark.parametrize(
    "server",
    [
        "https://accounts.evil.test",
        "http://accounts.zoho.com",
        "https://accounts.zoho.com.evil.test",
        "https://accounts.zoho.com@evil.test",
        "https://salesiq.zoho.com",
        "https://accounts.zoho.eu",  # Zoho's, but not where this installation is
    ],
)
def test_the_secret_goes_to_no_other_server(server: str, mocked: responses.RequestsMock) -> None:
    with pytest.raises(Misconfigured) as caught:
        at("us").oauth_exchange("1000.code", CALLBACK, {"accounts-server": server})
    assert caught.value.field == "data_center"
    assert len(mocked.calls) == 0


def test_an_imitation_of_the_accounts_server_may_name_itself(
    mocked: responses.RequestsMock,
) -> None:
    mocked.add("POST", "http://127.0.0.1:9999/oauth/v2/token", json=GRANT)
    zoho = at("us", auth_base_url="http://127.0.0.1:9999")
    for query in ({"accounts-server": "http://127.0.0.1:9999"}, {"accounts-server": ACCOUNTS}, {}):
        assert zoho.oauth_exchange("1000.code", CALLBACK, query).refresh_token


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"error": "invalid_code"}, Reconnect),
        (400, {"error": "invalid_code"}, Reconnect),
        (200, {"error": "invalid_client"}, Misconfigured),
        (200, {"error": "invalid_client_secret"}, Misconfigured),
        (200, {"error": "invalid_redirect_uri"}, Misconfigured),
        (200, {"error": "something_new"}, Reconnect),
        (200, {"error": "general_error"}, Unavailable),
        (200, {}, Unavailable),
        (200, "<html>", Unavailable),
        (500, "", Unavailable),
    ],
)
def test_a_refused_token_is_judged_by_the_body(
    status: int, body: object, kind: type[Exception], mocked: responses.RequestsMock
) -> None:
    text = {"body": body} if isinstance(body, str) else {"json": body}
    mocked.add("POST", f"{ACCOUNTS}/oauth/v2/token", status=status, **text)
    for call in (
        lambda: at("us").oauth_refresh("1000.refresh"),
        lambda: at("us").oauth_exchange("1000.code", CALLBACK, {}),
    ):
        with pytest.raises(kind) as caught:
            call()
        told = f"{caught.value} {caught.value!r}"
        assert "1000." not in told
        assert CREDENTIALS["client_secret"] not in told


@pytest.mark.parametrize("status", [200, 400])
def test_too_many_refreshes_wait_ten_minutes(status: int, mocked: responses.RequestsMock) -> None:
    told = "You have made too many requests continuously. Please try again after some time."
    body = {"error": "Access Denied", "error_description": told, "status": "failure"}
    mocked.add("POST", f"{ACCOUNTS}/oauth/v2/token", status=status, json=body)
    with pytest.raises(RateLimited) as caught:
        at("us").oauth_refresh("1000.refresh")
    assert caught.value.retry_after == 600


def test_an_authorization_without_a_refresh_token_is_no_good(
    mocked: responses.RequestsMock,
) -> None:
    mocked.add("POST", f"{ACCOUNTS}/oauth/v2/token", json=GRANT | {"refresh_token": ""})
    with pytest.raises(Reconnect):
        at("us").oauth_exchange("1000.code", CALLBACK, {})


def test_tokens_are_renewed_five_minutes_ahead() -> None:
    assert round(Zoho.token_lifetime_fraction * 60) == 55


# --- the user-level token ---------------------------------------------------------------------


def test_the_users_token_is_asked_for_once_an_hour(
    with_user_token: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    vendor.user_only = "/v2/apps"
    for _ in range(3):
        assert with_user_token.options("app_id")
    assert [one["refresh_token"] for one in vendor.refreshes] == ["1000.user-test-only"]
    clock.advance(56 * 60)
    assert with_user_token.options("app_id")
    assert len(vendor.refreshes) == 2


def test_another_adapter_in_this_process_shares_the_users_token(
    with_user_token: Zoho, vendor: ZohoDouble, clock: Clock, http: FaultyHttp
) -> None:
    vendor.user_only = "/v2/apps"
    with_user_token.options("app_id")
    again = make_zoho(http, clock, credentials={"user_refresh_token": "1000.user-test-only"})
    vendor.tokens.clear()
    again.options("app_id")
    assert len(vendor.refreshes) == 1
    assert vendor.tokens == ["user-token-1"], "and knows that the organization's is refused"


def test_a_dead_users_token_is_a_wrong_setting_and_no_reason_to_reconnect(
    with_user_token: Zoho, vendor: ZohoDouble
) -> None:
    vendor.user_only = "/v2/apps"
    vendor.token_answers = [(200, {"error": "invalid_code"})]
    with pytest.raises(Misconfigured) as caught:
        with_user_token.options("app_id")
    assert caught.value.field == "user_refresh_token"


def test_the_refresh_quota_is_never_used_up(
    with_user_token: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    vendor.user_only = "/v2/apps"
    for _ in range(15):
        vendor.token_answers.append((200, {"error": "general_error"}))
    for _ in range(15):
        with pytest.raises((Unavailable, RateLimited)):
            with_user_token.options("app_id")
    assert len(vendor.refreshes) == 9
    clock.advance(601)
    vendor.token_answers.clear()
    assert with_user_token.options("app_id")


def test_a_refusal_of_the_accounts_server_lasts(
    with_user_token: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    vendor.user_only = "/v2/apps"
    vendor.token_answers = [(400, {"error": "Access Denied"})]
    for _ in range(3):
        with pytest.raises(RateLimited):
            with_user_token.options("app_id")
        clock.advance(60)
    assert len(vendor.refreshes) == 1


def test_the_visitor_api_takes_the_organizations_token_only(
    with_user_token: Zoho, vendor: ZohoDouble, clock: Clock, tokens: FakeTokens
) -> None:
    vendor.user_only = "/visitor/.*"
    with pytest.raises(Misconfigured, match="ORG"):
        with_user_token.open(make_open_request(), journal(clock))
    assert vendor.refreshes == []
    assert tokens.rejected == []
