"""Connecting an app, tokens, scopes, limits."""

import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.sandbox.hubspot.conftest import CV, Api, descriptions

REDIRECT = "http://127.0.0.1:8000/oauth/hubspot/callback"
TOKENS = ("/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token")


def authorize(api: Api, **query: str) -> requests.Response:
    wanted = {
        "client_id": api.credentials["client_id"],
        "redirect_uri": REDIRECT,
        "scope": "oauth conversations.read",
        "state": "s 1",
    } | query
    url = f"{api.account.base_url}/oauth/authorize?{urlencode(wanted)}"
    return requests.get(url, allow_redirects=False, timeout=5)


def code(api: Api, **query: str) -> str:
    sent = authorize(api, allow="1", **query).headers["Location"]
    found = parse_qs(urlsplit(sent).query)
    assert found["state"] == ["s 1"]
    return found["code"][0]


def test_a_person_is_asked_and_the_code_is_good_once(hubspot: Api):
    page = authorize(hubspot)
    assert page.status_code == 200
    assert "conversations.read" in page.text
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": code(hubspot)}
    granted = hubspot.form(TOKENS[2], **form).json()
    assert granted["expires_in"] == 1800
    assert granted["scopes"] == ["oauth", "conversations.read"]
    assert hubspot.form(TOKENS[2], **form).json()["status"] == "BAD_AUTH_CODE"
    elsewhere = form | {"code": code(hubspot), "redirect_uri": "https://evil.example.com"}
    assert hubspot.form(TOKENS[2], **elsewhere).json()["status"] == "BAD_REDIRECT_URI"
    hubspot.token = granted["access_token"]
    assert hubspot.call("GET", f"{CV}/inboxes").status_code == 200
    lacking = hubspot.call("PATCH", f"{CV}/threads/1", {"status": "CLOSED"})
    assert (lacking.status_code, lacking.json()["category"]) == (403, "MISSING_SCOPES")


def test_the_scopes_must_be_those_of_the_app(hubspot: Api):
    hubspot.account.update(settings={"scopes": ["oauth", "files"]})
    assert authorize(hubspot).status_code == 400
    assert authorize(hubspot, scope="oauth files").status_code == 200
    assert authorize(hubspot, client_id="x", scope="oauth files").status_code == 400


@pytest.mark.parametrize("path", TOKENS)
def test_a_refresh_token_stays_the_same_and_gives_a_working_token(hubspot: Api, path: str):
    refresh = hubspot.credentials["refresh_token"]
    granted = hubspot.form(path, grant_type="refresh_token", refresh_token=refresh).json()
    assert granted["refresh_token"] == refresh
    assert ("hub_id" in granted) == (path != TOKENS[0])
    hubspot.token = granted["access_token"]
    assert hubspot.call("GET", f"{CV}/inboxes").status_code == 200


def test_refresh_tokens_can_be_good_for_once(hubspot: Api):
    hubspot.account.update(settings={"rotates": True})
    form = {"grant_type": "refresh_token", "refresh_token": hubspot.credentials["refresh_token"]}
    second = hubspot.form(TOKENS[2], **form).json()["refresh_token"]
    assert hubspot.form(TOKENS[2], **form).json()["status"] == "BAD_REFRESH_TOKEN"
    assert hubspot.form(TOKENS[2], **form | {"refresh_token": second}).status_code == 200


def test_the_token_endpoint_says_what_is_wrong(hubspot: Api):
    bad = hubspot.form(TOKENS[2], grant_type="refresh_token", refresh_token="x")
    assert bad.status_code == 400
    assert (bad.json()["error"], bad.json()["status"]) == ("invalid_grant", "BAD_REFRESH_TOKEN")
    stranger = hubspot.form(TOKENS[2], client_id="x", grant_type="refresh_token")
    assert stranger.json()["status"] == "BAD_CLIENT_ID"
    url = hubspot.account.base_url + TOKENS[2]
    assert requests.post(url, json={}, timeout=5).status_code == 415


def test_an_uninstalled_app_has_no_token_that_works(hubspot: Api):
    hubspot.account.update(settings={"uninstalled": True})
    refresh = hubspot.credentials["refresh_token"]
    dead = hubspot.form(TOKENS[2], grant_type="refresh_token", refresh_token=refresh)
    assert dead.json()["status"] == "BAD_REFRESH_TOKEN"
    assert hubspot.call("GET", f"{CV}/inboxes").json()["category"] == "INVALID_AUTHENTICATION"


def test_a_token_expires(hubspot: Api):
    hubspot.account.update(settings={"token_ttl": 1})
    refresh = hubspot.credentials["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    hubspot.token = hubspot.form(TOKENS[2], **form).json()["access_token"]
    time.sleep(1.1)
    expired = hubspot.call("GET", f"{CV}/inboxes")
    assert (expired.status_code, expired.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    told = hubspot.form("/oauth/2026-03/token/introspect", token=hubspot.token)
    assert told.status_code == 401


def test_a_token_tells_whose_it_is(hubspot: Api):
    path = "/oauth/2026-03/token/introspect"
    form = {"token": hubspot.token, "token_type_hint": "access_token"}
    told = hubspot.form(path, **form)
    assert str(told.json()["hub_id"]) == hubspot.credentials["portal_id"]
    assert str(told.json()["app_id"]) == hubspot.app_id
    known = descriptions()
    if known:
        assert not known.answer_problems("POST", path, 200, told.json())
    url = f"{hubspot.account.base_url}/oauth/v1/access-tokens/{hubspot.token}"
    assert requests.get(url, timeout=5).json()["hub_id"] == told.json()["hub_id"]
    assert requests.get(f"{url}x", timeout=5).status_code == 404


def test_a_revoked_token_is_dead(hubspot: Api):
    refresh = hubspot.credentials["refresh_token"]
    assert hubspot.form("/oauth/2026-03/token/revoke", token=refresh).ok
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert hubspot.form(TOKENS[1], **form).json()["status"] == "BAD_REFRESH_TOKEN"


def test_the_limit_is_counted_over_the_last_ten_seconds(hubspot: Api):
    hubspot.account.update(settings={"rate_limit": 2})
    first = hubspot.call("GET", f"{CV}/inboxes")
    assert first.headers["X-HubSpot-RateLimit-Max"] == "2"
    assert first.headers["X-HubSpot-RateLimit-Remaining"] == "1"
    assert first.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    hubspot.call("GET", f"{CV}/inboxes")
    third = hubspot.call("GET", f"{CV}/inboxes")
    assert third.status_code == 429
    assert third.json()["errorType"] == "RATE_LIMIT"
    assert third.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert "Retry-After" not in third.headers


@pytest.mark.parametrize("status", [423, 429, 477, 500, 502, 523])
def test_any_documented_failure_can_be_had(hubspot: Api, status: int):
    hubspot.account.fault(str(status), path="/inboxes", count=1)
    answer = hubspot.call("GET", f"{CV}/inboxes")
    assert (answer.status_code, answer.json()["status"]) == (status, "error")
    assert ("Retry-After" in answer.headers) == (status == 477)
    assert hubspot.call("GET", f"{CV}/inboxes").status_code == 200
