"""Every row of Zoho's error table; the body says what happened, whatever the status."""

from __future__ import annotations

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
from providers.types import Ticket
from providers.zoho import Zoho
from tests.providers.fakes import Clock, FakeTokens, FaultyHttp, make_message, make_open_request
from tests.providers.zoho.double import ZohoDouble, error, journal, make_zoho

SAY = r"/visitor/v1/conversations/\d+/messages"
ROWS: list[tuple[str, type[ProviderError]]] = [
    *[(code, Permanent) for code in ("1004", "1007", "1010", "1011", "1015", "1031", "1054")],
    *[(code, Misconfigured) for code in ("1005", "1006", "1009", "1016", "1020", "1024", "1025")],
    ("1019", Gone),
    *[(code, Misconfigured) for code in ("1017", "1021")],
    ("1023", RateLimited),
    ("1001", OutcomeUnknown),
    ("1999", Permanent),
]


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(("code", "kind"), ROWS)
def test_a_row_of_the_error_table(
    *,
    code: str,
    kind: type[ProviderError],
    status: int,
    adapter: Zoho,
    vendor: ZohoDouble,
    ticket: Ticket,
    clock: Clock,
    tokens: FakeTokens,
) -> None:
    vendor.reply_once("POST", SAY, error(int(code), status, json_key="text"))
    before = len(vendor.requests)
    with pytest.raises(ProviderError) as caught:
        adapter.send(ticket, make_message(), journal(clock))
    assert isinstance(caught.value, kind)
    assert caught.value.code == code
    assert "said by Zoho" not in caught.value.detail
    assert len(vendor.requests) == before + 1, "a wrong request is not repeated"
    assert tokens.rejected == [], "and costs no refresh"


@pytest.mark.parametrize(("code", "status"), [(1008, 200), (1008, 400), (1002, 200), (1002, 401)])
def test_a_dead_token_is_renewed_once_and_then_asks_to_reconnect(
    *,
    code: int,
    status: int,
    adapter: Zoho,
    vendor: ZohoDouble,
    ticket: Ticket,
    clock: Clock,
    tokens: FakeTokens,
) -> None:
    vendor.reply_once("POST", SAY, error(code, status))
    adapter.send(ticket, make_message(), journal(clock, "one"))
    assert tokens.rejected == ["token-1"]
    tokens.renewals = ["token-3"]
    for _ in range(2):
        vendor.reply_once("POST", SAY, error(code, status))
    with pytest.raises(Reconnect):
        adapter.send(ticket, make_message(), journal(clock, "two"))
    assert tokens.rejected == ["token-1", "token-2"]


def test_an_error_names_the_field_that_zoho_blames(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.reply_once("POST", SAY, error(1011, json_key="visitor.user_id"))
    with pytest.raises(Permanent, match=r"1011, field visitor\.user_id"):
        adapter.send(ticket, make_message(), journal(clock))


def test_a_server_error_while_reading_is_harmless(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    for answer in (error(1001), (502, "<html>Bad gateway</html>")):
        vendor.reply_once("GET", r"/v2/conversations/\d+", answer)
        with pytest.raises(Unavailable):
            adapter.catch_up(ticket, clock())


def test_a_gateways_page_leaves_a_send_in_doubt(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.reply_once("POST", SAY, (502, "<html>Bad gateway</html>"))
    with pytest.raises(OutcomeUnknown):
        adapter.send(ticket, make_message(), journal(clock))


@pytest.mark.parametrize("answer", [(200, ""), (204, ""), (200, "OK"), (200, {"data": None})])
def test_an_answer_without_an_error_is_a_success(
    answer: tuple[int, object], adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.reply_once("POST", SAY, answer)
    assert adapter.send(ticket, make_message(), journal(clock)).remote_ids == ()


def test_a_blocked_address_keeps_all_tenants_away_ever_longer(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock, http: FaultyHttp
) -> None:
    waits = []
    for _ in range(6):
        vendor.reply_once("POST", SAY, error(1023))
        with pytest.raises(RateLimited) as caught:
            adapter.send(ticket, make_message(), journal(clock))
        assert caught.value.retry_after
        waits.append(int(caught.value.retry_after))
        before = len(vendor.requests)
        other_tenant = make_zoho(http, clock, settings={"data_center": "us", "screen_name": "b"})
        with pytest.raises(RateLimited):
            other_tenant.check()
        assert len(vendor.requests) == before, "not even asked"
        clock.advance(waits[-1] + 2)
    assert [round(wait, -1) for wait in waits] == [60, 120, 240, 480, 900, 900]
    adapter.send(ticket, make_message(), journal(clock))
    vendor.reply_once("POST", SAY, error(1023))
    with pytest.raises(RateLimited) as caught:
        adapter.send(ticket, make_message(), journal(clock))
    assert caught.value.retry_after
    assert caught.value.retry_after < 62, "a success ends the growth"


def test_a_retry_after_is_heeded(
    adapter: Zoho, ticket: Ticket, clock: Clock, http: FaultyHttp
) -> None:
    http.answer_next(429, {}, {"Retry-After": "7"})
    with pytest.raises(RateLimited) as caught:
        adapter.send(ticket, make_message(), journal(clock))
    assert caught.value.retry_after
    assert 7 <= caught.value.retry_after <= 8


@pytest.mark.parametrize("code", [1018, 1027, 1028])
def test_a_file_that_zoho_refuses_becomes_a_link(
    code: int,
    adapter: Zoho,
    vendor: ZohoDouble,
    ticket: Ticket,
    clock: Clock,
    mocked: responses.RequestsMock,
) -> None:
    url = "https://media.example.com/setup.exe"
    mocked.add("GET", url, body=b"MZ")
    vendor.reply_once("POST", SAY, error(code))
    adapter.send(ticket, make_message("file", {"fileUrl": url}), journal(clock))
    assert url in vendor.shown(ticket.remote_id)[-1]


@pytest.mark.parametrize("code", [1018, 1027, 1028])
def test_a_text_that_zoho_refuses_is_a_dead_letter(
    code: int, adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.reply_once("POST", SAY, error(code))
    with pytest.raises(Permanent):
        adapter.send(ticket, make_message(), journal(clock))


def test_an_unknown_brand_or_department_is_a_wrong_setting(
    adapter: Zoho, vendor: ZohoDouble, clock: Clock
) -> None:
    from_open = "/visitor/v1/conversations"
    vendor.reply_once("POST", from_open, error(1019))
    vendor.reply_once("POST", from_open, error(1025))
    for _ in range(2):
        with pytest.raises(Misconfigured) as caught:
            adapter.open(make_open_request(), journal(clock))
        assert caught.value.field == "department_id"
