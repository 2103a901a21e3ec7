"""Connecting to LiveChat: checks, pickers, OAuth, webhooks, regions, each row of the errors."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest
import responses

from providers.errors import (
    Gone,
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    ProviderError,
    RateLimited,
    Reconnect,
    Unavailable,
)
from providers.livechat import LiveChat
from providers.types import Agent, Option
from tests.providers.fakes import (
    Clock,
    FakeJournal,
    FakeTokens,
    FaultyHttp,
    make_message,
    make_open_request,
    make_ticket,
)
from tests.providers.livechat.conftest import BY_PAT, PAT, connected
from tests.providers.livechat.double import (
    CLIENT,
    ORG,
    WEBHOOK_URL,
    LiveChatDouble,
    error,
)

# --- whom we are ----------------------------------------------------------------------------------


def test_check_tells_whose_account_it_is(livechat: LiveChat, vendor: LiveChatDouble) -> None:
    account = livechat.check()
    assert (account.id, account.acting_as) == (ORG, "Rui (rui@acme.test)")
    assert account.details == {"Group": "Sport shoes"}
    assert vendor.headers[0]["Authorization"] == "Bearer token-1"


def test_a_personal_access_token_is_basic_and_asks_no_accounts_server(
    by_pat: LiveChat, vendor: LiveChatDouble
) -> None:
    assert by_pat.check().acting_as == "Rui (rui@acme.test)"
    assert vendor.headers[0]["Authorization"] == f"Basic {PAT}"
    assert "info" not in vendor.paths()


def test_a_dead_personal_access_token_asks_for_another(
    by_pat: LiveChat, vendor: LiveChatDouble
) -> None:
    vendor.reply_once("configuration/list_groups", error("authentication", status=401))
    with pytest.raises(Reconnect, match="paste a new one"):
        by_pat.check()


def test_an_agent_list_that_is_forbidden_does_not_fail_the_check(
    livechat: LiveChat, vendor: LiveChatDouble
) -> None:
    vendor.reply_once("configuration/list_agents", error("authorization", status=403))
    assert livechat.check().acting_as == "acc-1"


def test_a_token_of_another_organization_is_refused(
    livechat: LiveChat, vendor: LiveChatDouble
) -> None:
    vendor.reply_once("info", (200, {"organization_id": "other"}))
    with pytest.raises(Misconfigured) as caught:
        livechat.check()
    assert caught.value.field == "organization_id"


def test_a_group_that_is_not_there_is_named(vendor: LiveChatDouble, clock: Clock) -> None:
    with pytest.raises(Misconfigured, match="no group 7") as caught:
        connected({"group_id": "7"}, clock=clock).check()
    assert caught.value.field == "group_id"


def test_groups_are_picked_by_name(livechat: LiveChat) -> None:
    groups = [Option("0", "General"), Option("19", "Sport shoes")]
    assert livechat.options("group_id") == livechat.options("allowed_groups") == groups
    with pytest.raises(Misconfigured):
        livechat.options("redirect_uri")


def test_an_agent_has_a_name_and_a_picture(livechat: LiveChat) -> None:
    picture = "https://cdn.livechatinc.com/avatars/1.png"
    assert livechat.agent("rui@acme.test") == Agent(
        "rui@acme.test", "Rui", "rui@acme.test", picture
    )
    assert livechat.agent("nobody@acme.test") is None
    assert livechat.agent("2c1b8da190222160e8f9e077af4c625b") is None


@pytest.mark.parametrize(("session", "status"), [({}, "offline"), ({"groupId": 0}, "online")])
def test_availability_is_the_groups_and_makes_no_customer(
    livechat: LiveChat, vendor: LiveChatDouble, session: dict[str, Any], status: str
) -> None:
    assert livechat.availability(session).status == status
    assert vendor.customers == {}


def test_a_status_that_is_not_told_is_unknown(livechat: LiveChat, vendor: LiveChatDouble) -> None:
    vendor.reply_once("configuration/list_groups", (200, [{"id": 19, "name": "Sport shoes"}]))
    assert livechat.availability({}).status == "unknown"


@pytest.mark.parametrize(
    ("settings", "credentials", "field"),
    [
        ({"group_id": "shoes"}, {}, "group_id"),
        ({"allowed_groups": "1, shoes"}, {}, "allowed_groups"),
        ({}, {"client_secret": ""}, "client_secret"),
        ({}, {"agent_token": "not Base64"}, "agent_token"),
        ({}, {"agent_token": base64.b64encode(b"no colon").decode()}, "agent_token"),
    ],
)
def test_wrong_values_are_said_at_their_field(
    settings: dict[str, str], credentials: dict[str, str], field: str
) -> None:
    right = {"organization_id": ORG, "group_id": "19"}
    secrets = {"client_id": CLIENT, "client_secret": "s"}
    problems = LiveChat.validate(right | settings, secrets | credentials)
    assert [problem.field for problem in problems] == [field]


@pytest.mark.parametrize(
    ("session", "field"),
    [
        ({"groupId": 7}, "hitlSession.groupId"),
        ({"groupId": "shoes"}, "hitlSession.groupId"),
        ({"sessionFields": []}, "hitlSession.sessionFields"),
        ({"sessionFields": {"a": {}}}, "hitlSession.sessionFields"),
        ({"sessionFields": {str(n): n for n in range(99)}}, "hitlSession.sessionFields"),
    ],
)
def test_a_wrong_session_is_said_at_its_key(
    livechat: LiveChat, session: dict[str, Any], field: str
) -> None:
    assert [problem.field for problem in livechat.validate_session(session)] == [field]


# --- OAuth ----------------------------------------------------------------------------------------


def test_oauth_starts_at_the_accounts_server(livechat: LiveChat, clock: Clock) -> None:
    start = livechat.oauth_start()
    assert (start.url, start.pkce) == ("https://accounts.livechat.com/", True)
    assert start.params == {"response_type": "code", "client_id": CLIENT}
    with pytest.raises(Misconfigured):
        connected(credentials={"client_id": ""}, clock=clock).oauth_start()


def test_a_code_is_exchanged(livechat: LiveChat, vendor: LiveChatDouble) -> None:
    grant = livechat.oauth_exchange("c0de", "https://b.example.com/cb", {"code": "c0de"}, "v")
    assert (grant.access_token, grant.refresh_token) == ("fra:fresh", "lifelong")
    assert (grant.expires_in, grant.details["organization_id"]) == (28800, ORG)
    assert vendor.sent("token") == [
        {
            "grant_type": "authorization_code",
            "code": "c0de",
            "redirect_uri": "https://b.example.com/cb",
            "code_verifier": "v",
            "client_id": CLIENT,
            "client_secret": "client-s3cret",
        }
    ]


def test_another_organizations_code_is_refused(livechat: LiveChat, vendor: LiveChatDouble) -> None:
    vendor.reply_once("token", (200, {"access_token": "t", "organization_id": "other"}))
    with pytest.raises(Misconfigured):
        livechat.oauth_exchange("c0de", "https://b.example.com/cb", {})


def test_a_token_is_refreshed(livechat: LiveChat, vendor: LiveChatDouble) -> None:
    assert livechat.oauth_refresh("lifelong-1").access_token == "fra:fresh"
    assert vendor.sent("token")[0]["grant_type"] == "refresh_token"
    assert vendor.sent("token")[0]["refresh_token"] == "lifelong-1"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, {"error": "invalid_grant", "error_description": "no"}), Reconnect),
        ((422, {"error": "invalid_request", "error_description": "no"}), Reconnect),
        ((403, {"error": "access_denied", "error_description": "no"}), Reconnect),
        ((401, {"error": "invalid_client", "error_description": "no"}), Misconfigured),
        ((429, {"error": "too_many_requests"}), RateLimited),
        ((502, {}), Unavailable),
        ((200, {}), Reconnect),
    ],
)
def test_the_accounts_servers_refusals(
    livechat: LiveChat, vendor: LiveChatDouble, answer: tuple[int, Any], kind: type[Exception]
) -> None:
    vendor.reply_once("token", answer)
    with pytest.raises(kind) as caught:
        livechat.oauth_refresh("lifelong-1")
    assert "lifelong" not in str(caught.value)


# --- webhooks -------------------------------------------------------------------------------------

ACTIONS = {
    "incoming_event",
    "incoming_chat",
    "user_added_to_chat",
    "user_removed_from_chat",
    "chat_transferred",
    "chat_deactivated",
    "event_deleted",
    "events_marked_as_seen",
}


def registered(vendor: LiveChatDouble, state: dict[str, Any], clock: Clock) -> dict[str, Any]:
    """The state after a run of `register`; each save replaces the state as the engine does."""
    saved: list[dict[str, Any]] = []
    adapter = connected(credentials=BY_PAT, clock=clock, state=state)
    adapter.register(WEBHOOK_URL, lambda new: saved.append(dict(new)))
    del vendor
    return saved[-1]


def test_webhooks_are_registered_with_a_secret_of_their_own(
    vendor: LiveChatDouble, clock: Clock
) -> None:
    state = registered(vendor, {}, clock)
    assert {webhook["action"] for webhook in vendor.webhooks} == ACTIONS
    assert state["webhooks"] == {w["action"]: w["id"] for w in vendor.webhooks}
    assert len(state["webhook_secret"]) > 30
    for webhook in vendor.webhooks:
        assert webhook["secret_key"] == state["webhook_secret"]
        assert (webhook["url"], webhook["type"]) == (WEBHOOK_URL, "license")
        only_agents = {"author_type": "agent"} if webhook["action"] == "incoming_event" else None
        assert webhook.get("filters") == only_agents
    assert vendor.webhooks_enabled
    assert vendor.customers == {}


def test_registering_again_uses_what_is_there(vendor: LiveChatDouble, clock: Clock) -> None:
    state = registered(vendor, {}, clock)
    assert registered(vendor, state, clock) == state
    assert len(vendor.webhooks) == len(ACTIONS)


def test_a_crash_between_two_webhooks_orphans_none(vendor: LiveChatDouble, clock: Clock) -> None:
    vendor.reply_once("configuration/register_webhook", error("internal", status=500))
    saved: list[dict[str, Any]] = []
    adapter = connected(credentials=BY_PAT, clock=clock, state={})
    with pytest.raises(OutcomeUnknown):
        adapter.register(WEBHOOK_URL, lambda new: saved.append(dict(new)))
    state = registered(vendor, saved[-1], clock)
    assert state["webhook_secret"] == saved[-1]["webhook_secret"]
    assert len(vendor.webhooks) == len(ACTIONS)


def test_webhooks_of_an_old_address_or_a_lost_secret_are_replaced(
    vendor: LiveChatDouble, clock: Clock
) -> None:
    first = registered(vendor, {}, clock)
    vendor.webhooks[0]["url"] = "https://old.example.com/"
    second = registered(vendor, first, clock)
    assert {webhook["url"] for webhook in vendor.webhooks} == {WEBHOOK_URL}
    registered(vendor, {}, clock)
    assert len(vendor.webhooks) == len(ACTIONS)
    assert not set(second["webhooks"].values()) & {w["id"] for w in vendor.webhooks}


def test_the_limit_of_three_per_action_is_explained(vendor: LiveChatDouble, clock: Clock) -> None:
    others = {"action": "incoming_chat", "url": "https://o.example.com", "owner_client_id": CLIENT}
    vendor.webhooks = [{"id": f"o{n}", **others} for n in range(3)]
    with pytest.raises(Misconfigured, match="limit") as caught:
        registered(vendor, {}, clock)
    assert caught.value.field == "client_id"
    assert len([w for w in vendor.webhooks if w["id"].startswith("o")]) == 3


def test_a_webhook_that_only_newer_versions_have_may_be_missing(
    vendor: LiveChatDouble, clock: Clock
) -> None:
    ok = [(200, {"id": f"w{n}"}) for n in range(6)]
    for answer in [*ok, *[error("validation", "Unknown action")] * 2]:
        vendor.reply_once("configuration/register_webhook", answer)
    newer = {"event_deleted", "events_marked_as_seen"}
    assert set(registered(vendor, {}, clock)["webhooks"]) == ACTIONS - newer


def test_unregister_removes_ours_and_only_ours(vendor: LiveChatDouble, clock: Clock) -> None:
    vendor.webhooks = [{"id": "other", "action": "incoming_chat", "owner_client_id": CLIENT}]
    state = registered(vendor, {}, clock)
    adapter = connected(credentials=BY_PAT, clock=clock, state=state)
    adapter.unregister()
    assert [webhook["id"] for webhook in vendor.webhooks] == ["other"]
    adapter.unregister()  # what is gone already counts as removed


def test_the_checklist_names_scopes_that_exist(livechat: LiveChat) -> None:
    scopes = livechat.checklist(WEBHOOK_URL, {})[0].value
    assert "customers:own" in scopes
    assert "webhooks.configuration:rw" in scopes
    assert "webhooks--my:rw" not in scopes


# --- regions, versions, errors --------------------------------------------------------------------


def test_a_wrong_region_is_tried_once_in_the_right_one(
    livechat: LiveChat, vendor: LiveChatDouble
) -> None:
    wrong = error("misdirected_request", "Wrong region", region="fra")
    vendor.reply_once("configuration/list_groups", wrong)
    assert livechat.check().id == ORG
    regions = [headers.get("X-Region") for headers in vendor.headers[:2]]
    assert regions == [None, "fra"]
    vendor.reply_once("configuration/list_groups", wrong, times=2)
    with pytest.raises(ProviderError):
        livechat.check()


def test_a_version_that_ends_is_logged(
    livechat: LiveChat, http: FaultyHttp, caplog: pytest.LogCaptureFixture
) -> None:
    http.answer_next(200, [], {"Deprecation": "2027-06-01"})
    with caplog.at_level(logging.WARNING):
        livechat.options("group_id")
    assert "2027-06-01" in caplog.text


def test_other_addresses_replace_the_hosts(mocked: responses.RequestsMock, clock: Clock) -> None:
    vendor = LiveChatDouble(mocked, clock, "http://127.0.0.1:8800", "http://127.0.0.1:8801")
    adapter = connected(
        clock=clock,
        api_base_url="http://127.0.0.1:8800/",
        auth_base_url="http://127.0.0.1:8801/",
    )
    adapter.open(make_open_request(), FakeJournal(clock))
    assert vendor.tickets()
    assert adapter.oauth_start().url == "http://127.0.0.1:8801/"


ROWS = [
    ("authentication", 401, Reconnect),
    ("authorization", 403, Misconfigured),
    ("missing_access", 403, Misconfigured),
    ("groups_offline", 400, Permanent),
    ("group_offline", 400, Permanent),
    ("group_unavailable", 400, Permanent),
    ("agent_offline", 400, Permanent),
    ("limit_reached", 400, Permanent),
    ("validation", 400, Permanent),
    ("too_many_requests", 429, RateLimited),
    ("too_many_requests", 400, RateLimited),
    ("service_unavailable", 503, OutcomeUnknown),
    ("request_timeout", 504, OutcomeUnknown),
    ("request_timeout", 400, OutcomeUnknown),
    ("internal", 500, OutcomeUnknown),
    ("not_found", 404, Gone),
    ("group_not_found", 400, Misconfigured),
    ("entity_too_large", 413, Permanent),
    ("customer_banned", 403, Gone),
    ("chat_anonymized", 400, Gone),
    ("license_expired", 403, Gone),
    ("license_not_found", 404, Gone),
    ("unsupported_version", 400, Gone),
    ("never_heard_of", 400, Permanent),
    ("never_heard_of", 503, OutcomeUnknown),
]


@pytest.mark.parametrize(("type_", "status", "kind"), ROWS)
def test_each_row_of_the_error_table_while_sending(
    livechat: LiveChat,
    vendor: LiveChatDouble,
    clock: Clock,
    type_: str,
    status: int,
    kind: type[ProviderError],
) -> None:
    ticket = make_ticket(livechat.open(make_open_request(), FakeJournal(clock)))
    vendor.reply_once("customer/send_event", error(type_, status=status), times=2)
    with pytest.raises(kind) as caught:
        livechat.send(ticket, make_message(), FakeJournal(clock, key="sending"))
    assert type(caught.value) is kind or kind is Permanent or kind is Gone
    assert "Hello, is anybody" not in caught.value.detail
    assert "dal:customer" not in caught.value.detail


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("internal", Unavailable),
        ("not_found", Misconfigured),
        ("license_expired", Misconfigured),
        ("authorization", Misconfigured),
    ],
)
def test_what_is_about_no_chat_ends_no_session(
    livechat: LiveChat, vendor: LiveChatDouble, type_: str, kind: type[ProviderError]
) -> None:
    vendor.reply_once("configuration/list_groups", error(type_))
    with pytest.raises(kind):
        livechat.check()


def test_an_address_that_is_not_livechats_ends_no_session(
    livechat: LiveChat, vendor: LiveChatDouble, clock: Clock
) -> None:
    ticket = make_ticket(livechat.open(make_open_request(), FakeJournal(clock)))
    vendor.reply_once("agent/get_chat", (404, {}))
    with pytest.raises(Unavailable):
        livechat.catch_up(ticket, ticket.opened_at)


def test_an_answer_that_is_nothing_like_it_is_tried_again(
    livechat: LiveChat, vendor: LiveChatDouble
) -> None:
    vendor.reply_once("configuration/list_groups", (200, {"groups": 1}))
    with pytest.raises(Unavailable):
        livechat.check()


def test_a_rate_limit_without_a_time_waits_a_while(
    livechat: LiveChat, vendor: LiveChatDouble, tokens: FakeTokens
) -> None:
    vendor.reply_once("configuration/list_groups", error("too_many_requests", status=429))
    with pytest.raises(RateLimited) as caught:
        livechat.check()
    assert 10 <= (caught.value.retry_after or 0) <= 12
    assert tokens.rejected == []
