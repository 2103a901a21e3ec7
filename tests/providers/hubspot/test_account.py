"""Connecting an account: OAuth, refreshing, whose account it is."""

from __future__ import annotations

import pytest

from providers.errors import Misconfigured, OutcomeUnknown, RateLimited, Reconnect, Unavailable
from providers.hubspot import HubSpot
from tests.providers.fakes import FakeTokens, FaultyHttp
from tests.providers.hubspot.conftest import Connect
from tests.providers.hubspot.double import HubSpotDouble


def test_connecting_asks_for_every_scope_of_the_app(adapter: HubSpot) -> None:
    start = adapter.oauth_start()
    assert start.url == "https://app.hubspot.com/oauth/authorize"
    assert start.params["client_id"] == "cid"
    assert {
        "conversations.custom_channels.read",
        "conversations.custom_channels.write",
        "conversations.read",
        "conversations.write",
        "files",
    } <= set(start.params["scope"].split(" "))
    assert "optional_scope" not in start.params


def test_scopes_and_hosts_are_settings(connect: Connect) -> None:
    adapter = connect(
        {"scopes": "oauth files", "optional_scopes": "tickets"}, auth_base_url="https://hs.test/"
    )
    start = adapter.oauth_start()
    assert start.url == "https://hs.test/oauth/authorize"
    assert start.params["scope"] == "oauth files"
    assert start.params["optional_scope"] == "tickets"


def test_connecting_needs_a_client_id(connect: Connect) -> None:
    with pytest.raises(Misconfigured) as caught:
        connect(credentials={"client_id": ""}).oauth_start()
    assert caught.value.field == "client_id"


def test_a_code_is_exchanged_form_encoded(adapter: HubSpot, vendor: HubSpotDouble) -> None:
    grant = adapter.oauth_exchange("code-1", "https://bridge.test/oauth/hubspot/callback", {})
    assert (grant.access_token, grant.refresh_token, grant.expires_in) == ("a1", "r1", 1800)
    assert grant.details == {"hub_id": "4242"}
    [form] = vendor.sent("POST", "/oauth/2026-03/token")
    assert form == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": "https://bridge.test/oauth/hubspot/callback",
        "client_id": "cid",
        "client_secret": "hitl-test-client-secret-0001",
    }
    assert vendor.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_refresh_returns_when_the_token_runs_out(adapter: HubSpot, vendor: HubSpotDouble) -> None:
    grant = adapter.oauth_refresh("refresh-0001")
    assert (grant.refresh_token, grant.expires_in) == ("r1", 1800)
    [form] = vendor.sent("POST", "/oauth/2026-03/token")
    assert form["grant_type"] == "refresh_token"
    assert form["refresh_token"] == "refresh-0001"


@pytest.mark.parametrize(
    "body",
    [
        {"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN", "message": "missing or invalid"},
        {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"},
    ],
)
def test_a_dead_refresh_token_asks_to_reconnect_after_one_call(
    adapter: HubSpot, vendor: HubSpotDouble, body: dict[str, str]
) -> None:
    vendor.reply_once("POST", ".*/token", (400, body))
    with pytest.raises(Reconnect) as caught:
        adapter.oauth_refresh("refresh-0001")
    assert len(vendor.requests) == 1
    assert "refresh-0001" not in str(caught.value)


@pytest.mark.parametrize("status", ["BAD_CLIENT_ID", "BAD_CLIENT_SECRET"])
def test_a_wrong_app_is_a_setting_to_mend(
    adapter: HubSpot, vendor: HubSpotDouble, status: str
) -> None:
    for path in (".*/token", ".*/introspect"):
        vendor.reply_once("POST", path, (400, {"status": status, "message": "no"}))
    for call in (lambda: adapter.oauth_refresh("refresh-0001"), adapter.check):
        with pytest.raises(Misconfigured) as caught:
            call()
        assert caught.value.field == "client_id"


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, Unavailable)])
def test_hubspots_own_trouble_is_no_reason_to_reconnect(
    adapter: HubSpot, vendor: HubSpotDouble, status: int, kind: type[Exception]
) -> None:
    vendor.reply_once("POST", ".*/token", (status, {}))
    with pytest.raises(kind) as caught:
        adapter.oauth_refresh("refresh-0001")
    assert not isinstance(caught.value, OutcomeUnknown)


def test_check_names_the_portal_and_what_was_not_granted(adapter: HubSpot) -> None:
    account = adapter.check()
    assert (account.id, account.name, account.acting_as) == ("4242", "acme.test", "op@acme.test")
    assert "conversations.write" in account.details["Scopes not granted"]


def test_check_refuses_the_token_of_another_app(adapter: HubSpot, vendor: HubSpotDouble) -> None:
    vendor.granted = {"active": True, "app_id": 778}
    with pytest.raises(Misconfigured) as caught:
        adapter.check()
    assert caught.value.field == "app_id"


def test_an_inactive_token_is_renewed_once(
    adapter: HubSpot, vendor: HubSpotDouble, tokens: FakeTokens
) -> None:
    vendor.granted = {"active": False}
    with pytest.raises(Reconnect):
        adapter.check()
    assert tokens.rejected == ["token-1"]
    assert len(vendor.requests) == 2


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("v1", "/oauth/v1/access-tokens/token-1"),
        ("v3", "/oauth/v3/token/introspect"),
        ("2027-03", "/oauth/2027-03/token/introspect"),
    ],
)
def test_the_oauth_version_is_a_setting(
    connect: Connect, vendor: HubSpotDouble, version: str, path: str
) -> None:
    info = {"hub_id": 4242, "app_id": 777, "hub_domain": "acme.test"}
    vendor.reply_once("(?:GET|POST)", path, (200, info))
    vendor.reply_once("POST", path, (200, info))
    assert connect({"oauth_version": version}).check().id == "4242"
    assert vendor.paths()[-1].endswith(path)


def test_every_base_path_is_a_setting(connect: Connect, vendor: HubSpotDouble) -> None:
    adapter = connect({f"{area}_version": "v3" for area in ("channels", "conversations", "files")})
    adapter.options("inbox_id")
    adapter.fetch_media("https://x.test/a#hubspot-file-1")
    adapter.unregister()
    assert vendor.paths()[:3] == [
        "GET /conversations/v3/conversations/inboxes",
        "GET /files/v3/files/1/signed-url",
        "PATCH /conversations/v3/custom-channels/1001/channel-accounts/2002",
    ]


def test_the_inboxes_are_to_choose_from(adapter: HubSpot) -> None:
    options = [(option.value, option.label) for option in adapter.options("inbox_id")]
    assert options == [("123", "Support (help desk)"), ("124", "Sales (inbox)")]
    with pytest.raises(Misconfigured):
        adapter.options("app_id")


def test_wrong_values_are_said_at_their_field() -> None:
    wrong = {
        "app_id": "my app",
        "inbox_id": "support",
        "allowed_inboxes": "124; 125",
        "channels_version": "newest",
    }
    problems = HubSpot.validate(
        wrong, {"client_id": "c", "client_secret": "s", "developer_api_key": "k"}
    )
    assert {problem.field for problem in problems} == set(wrong)


def test_a_bot_chooses_only_what_the_operator_allowed(adapter: HubSpot) -> None:
    session = {"inboxId": "999", "assigneeId": 56, "priority": "soon", "ticket": {"a": [1]}}
    problems = adapter.validate_session(session)
    assert {problem.field for problem in problems} == {f"hitlSession.{key}" for key in session}
    assert "123, 124, 125" in problems[0].message


def test_what_no_api_does_is_a_checklist_with_the_values() -> None:
    items = HubSpot.checklist("https://bridge.test/webhooks/hubspot/x", {})
    values = [item.value for item in items]
    assert "https://bridge.test/webhooks/hubspot/x" in values
    assert "conversation.propertyChange: assignedTo" in values
    assert any("conversations.custom_channels.write" in value for value in values)


def test_the_developer_key_is_in_no_error(connect: Connect, http: FaultyHttp) -> None:
    adapter = connect(state={}, api_base_url="http://127.0.0.1:9")
    with pytest.raises(Unavailable) as caught:
        adapter.register("https://bridge.test/webhooks/hubspot/x", lambda _state: None)
    assert "dev-key-0001" not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"
    assert http.calls
