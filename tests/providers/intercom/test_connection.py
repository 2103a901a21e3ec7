"""Connecting to Intercom: regions, checks, pickers, OAuth, and each row of the error table."""

from __future__ import annotations

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
from providers.intercom import Intercom
from providers.types import Agent, Option
from tests.providers.fakes import (
    START,
    Clock,
    FakeJournal,
    FaultyHttp,
    make_connection,
    make_message,
    make_open_request,
    make_ticket,
)
from tests.providers.intercom.conftest import CREDENTIALS, SETTINGS, connected
from tests.providers.intercom.double import IntercomDouble, error


@pytest.mark.parametrize(
    ("region", "api", "app"),
    [
        ("us", "https://api.intercom.io", "https://app.intercom.com"),
        ("eu", "https://api.eu.intercom.io", "https://app.eu.intercom.com"),
        ("au", "https://api.au.intercom.io", "https://app.au.intercom.com"),
    ],
)
def test_each_region_has_its_hosts(
    region: str, api: str, app: str, mocked: responses.RequestsMock, clock: Clock
) -> None:
    vendor = IntercomDouble(mocked, clock, host=api)
    adapter = connected({"region": region}, clock=clock)
    adapter.check()
    assert vendor.paths() == ["GET /me"]
    assert adapter.oauth_start().url == f"{app}/oauth"
    assert app in adapter.checklist("https://bridge.example.com/x", {"region": region})[0].link


def test_another_address_replaces_the_host(mocked: responses.RequestsMock, clock: Clock) -> None:
    vendor = IntercomDouble(mocked, clock, host="http://127.0.0.1:8800")
    connected(clock=clock, api_base_url="http://127.0.0.1:8800/").check()
    assert vendor.paths() == ["GET /me"]


def test_check_tells_workspace_and_teammate(intercom: Intercom) -> None:
    account = intercom.check()
    assert (account.id, account.name) == ("abc123de", "Acme")
    assert account.acting_as == "Rui (rui@acme.test)"
    assert account.details["Region"] == "US"


def test_a_token_of_another_workspace_is_refused(vendor: IntercomDouble) -> None:
    with pytest.raises(Misconfigured, match="another workspace") as caught:
        connected(account_id="other123").check()
    assert caught.value.field == "access_token"
    assert vendor.paths() == ["GET /me"]


def test_pickers_list_teams_and_people_but_no_robots(intercom: Intercom) -> None:
    assert intercom.options("team_id") == [Option("814865", "Support"), Option("814866", "Billing")]
    assert intercom.options("admin_id") == [Option("814860", "Rui"), Option("814861", "Maya")]
    with pytest.raises(Misconfigured):
        intercom.options("region")


def test_agents_have_name_email_and_picture(intercom: Intercom) -> None:
    picture = "https://media.example.com/rui.png"
    assert intercom.agent("814860") == Agent("814860", "Rui", "rui@acme.test", picture)
    operator = intercom.agent("814869")
    assert operator
    assert operator.bot
    assert intercom.agent("1") is None


@pytest.mark.parametrize(
    ("team", "status"),
    [("", "online"), ("814865", "online"), ("814866", "offline"), ("1", "unknown")],
)
def test_availability_is_who_is_not_away(team: str, status: str, vendor: IntercomDouble) -> None:
    del vendor
    assert connected({"team_id": team}).availability({}).status == status


def test_availability_is_unknown_without_permission(
    intercom: Intercom, vendor: IntercomDouble
) -> None:
    vendor.reply_once("GET", "/admins", error(403, "action_forbidden"))
    assert intercom.availability({}).status == "unknown"


def test_register_remembers_whose_token_it_is(intercom: Intercom) -> None:
    assert intercom.register("https://x.example.com", lambda state: None) == {"admin_id": "814860"}


def test_the_checklist_has_every_topic_and_the_address() -> None:
    address = "https://bridge.example.com/webhooks/intercom/token"
    values = {item.value for item in Intercom.checklist(address, {})}
    assert {address, *Intercom.webhook_topics} <= values


def test_oauth_asks_for_no_scope_and_exchanges_the_code_as_it_came(
    intercom: Intercom, mocked: responses.RequestsMock
) -> None:
    start = intercom.oauth_start()
    assert dict(start.params) == {"client_id": "cid"}
    grant = intercom.oauth_exchange("abc=", "https://bridge.example.com/cb", {})
    assert (grant.access_token, grant.refresh_token, grant.expires_in) == ("t", "", None)
    assert "code=abc%3D" in str(mocked.calls[-1].request.body)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, Reconnect), (400, Reconnect), (500, Unavailable), (200, Reconnect)],
)
def test_a_refused_code_says_so(
    status: int, expected: type[ProviderError], intercom: Intercom, http: FaultyHttp
) -> None:
    http.answer_next(status, {})
    with pytest.raises(expected):
        intercom.oauth_exchange("abc=", "https://bridge.example.com/cb", {})


def test_oauth_needs_a_client_id() -> None:
    adapter = Intercom(make_connection(SETTINGS, CREDENTIALS | {"client_id": ""}))
    with pytest.raises(Misconfigured) as caught:
        adapter.oauth_start()
    assert caught.value.field == "client_id"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "parameter_invalid", Permanent),
        (422, "type_mismatch", Permanent),
        (422, "data_invalid", Permanent),
        (401, "unauthorized", Reconnect),
        (401, "token_revoked", Reconnect),
        (403, "api_plan_restricted", Misconfigured),
        (403, "forbidden", Misconfigured),
        (403, "action_forbidden", Misconfigured),
        (409, "not_restorable", Permanent),
        (429, "rate_limit_exceeded", RateLimited),
        (429, "too_many_requests", RateLimited),
        (408, "request_timeout", OutcomeUnknown),
        (500, "server_error", OutcomeUnknown),
        (503, "service_unavailable", OutcomeUnknown),
    ],
)
def test_each_row_of_the_error_table(
    status: int,
    code: str,
    expected: type[ProviderError],
    intercom: Intercom,
    http: FaultyHttp,
    clock: Clock,
) -> None:
    ticket = make_ticket(intercom.open(make_open_request(), FakeJournal(clock)))
    http.answer_next(status, error(status, code, "Message: Hello, is anybody there?")[1], times=2)
    with pytest.raises(expected) as caught:
        intercom.send(ticket, make_message(), FakeJournal(clock))
    assert type(caught.value) is expected
    assert "Hello" not in caught.value.detail
    if status != 401:
        assert code in caught.value.detail


@pytest.mark.parametrize(("status", "expected"), [(500, Unavailable), (404, Gone), (410, Gone)])
def test_looking_leaves_no_doubt(
    status: int, expected: type[ProviderError], intercom: Intercom, http: FaultyHttp, clock: Clock
) -> None:
    ticket = make_ticket(intercom.open(make_open_request(), FakeJournal(clock)))
    http.answer_next(status, error(status, "not_found")[1])
    with pytest.raises(expected):
        intercom.catch_up(ticket, START)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"X-RateLimit-Reset": str(int(START.timestamp()) + 9)}, 9, 10),
        ({"X-RateLimit-Reset": str(int(START.timestamp()) - 9)}, 1, 2),
        ({"Retry-After": "30"}, 30, 31),
        ({}, 10, 11),
    ],
)
def test_the_rate_limit_lasts_until_the_window_ends(
    headers: dict[str, str], least: float, most: float, intercom: Intercom, http: FaultyHttp
) -> None:
    http.answer_next(429, {}, headers)
    with pytest.raises(RateLimited) as caught:
        intercom.check()
    assert least <= (caught.value.retry_after or 0) <= most


def test_an_answer_that_is_not_json_is_retried(intercom: Intercom, http: FaultyHttp) -> None:
    http.answer_next(200, ["what"])
    with pytest.raises(Unavailable):
        intercom.check()


@pytest.mark.parametrize(
    ("settings", "credentials", "field"),
    [
        ({}, {"client_secret": ""}, "client_secret"),
        ({}, {"access_token": "", "client_id": ""}, "access_token"),
        ({"region": "mars"}, {}, "region"),
        ({"team_id": "Support"}, {}, "team_id"),
        ({"admin_id": "Rui"}, {}, "admin_id"),
        ({"allowed_teams": "1, Support"}, {}, "allowed_teams"),
    ],
)
def test_wrong_values_are_named(
    settings: dict[str, str], credentials: dict[str, str], field: str
) -> None:
    problems = Intercom.validate(SETTINGS | settings, CREDENTIALS | credentials)
    assert [problem.field for problem in problems] == [field]


def test_oauth_needs_no_access_token() -> None:
    assert Intercom.validate(SETTINGS, CREDENTIALS | {"access_token": ""}) == []


@pytest.mark.parametrize(
    ("session", "field"),
    [
        ({"teamId": "1"}, "hitlSession.teamId"),
        ({"priority": "high"}, "hitlSession.priority"),
        ({"attributes": "x"}, "hitlSession.attributes"),
        ({"attributes": {"a": {"b": 1}}}, "hitlSession.attributes"),
    ],
)
def test_a_bot_gets_only_what_the_operator_allowed(session: dict[str, Any], field: str) -> None:
    assert [problem.field for problem in connected().validate_session(session)] == [field]


def test_a_region_that_does_not_exist_is_named() -> None:
    with pytest.raises(Misconfigured) as caught:
        connected({"region": "mars"})
    assert caught.value.field == "region"
