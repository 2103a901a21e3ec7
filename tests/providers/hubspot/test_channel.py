"""The channel and its accounts: made once, found again, waited for, disabled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from providers.errors import Misconfigured, Permanent, Retry
from tests.providers.fakes import Clock, Crash
from tests.providers.hubspot.conftest import Connect
from tests.providers.hubspot.double import KEY, HubSpotDouble, error

OWN = "https://bridge.example.com/webhooks/hubspot/new"
SHARED = "https://bridge.example.com/webhooks/hubspot/app/shared"
CC = "/conversations/custom-channels/2026-03"


class Saved:
    """Where `register` saves its state; kills the worker at the given save."""

    def __init__(self, crash_at: int = 0) -> None:
        self.state: dict[str, Any] = {}
        self.count = 0
        self.crash_at = crash_at

    def __call__(self, state: Mapping[str, Any]) -> None:
        self.count += 1
        if self.count == self.crash_at:
            raise Crash
        self.state = dict(state)


def made(vendor: HubSpotDouble, url: str) -> list[dict[str, Any]]:
    return [channel for channel in vendor.channels.values() if channel["webhookUrl"] == url]


def test_a_new_channel_can_all_that_a_handoff_needs(
    connect: Connect, vendor: HubSpotDouble
) -> None:
    saved = Saved()
    state = connect({"channel_name": "Acme bot"}, state={}).register(OWN, saved)
    [channel] = made(vendor, OWN)
    assert channel["name"] == "Acme bot"
    capabilities = channel["capabilities"]
    assert capabilities["threadingModel"] == "INTEGRATION_THREAD_ID"
    assert capabilities["allowOutgoingMessages"] is True
    assert "HS_PHONE_NUMBER" in capabilities["deliveryIdentifierTypes"]
    assert "application/pdf" in capabilities["allowedFileAttachmentMimeTypes"]
    assert capabilities["maxFileAttachmentSizeBytes"] > 1_500_000
    assert saved.state == state
    assert set(state["accounts"]) == {"123", "124", "125"}
    for inbox_id, account in state["accounts"].items():
        assert vendor.accounts[account["id"]]["inboxId"] == inbox_id
        assert vendor.accounts[account["id"]]["deliveryIdentifier"] == account["recipient"]


def test_the_developer_key_goes_with_channels_only(connect: Connect, vendor: HubSpotDouble) -> None:
    connect(state={}).register(OWN, Saved())
    for (method, path, _), query, headers in zip(
        vendor.requests, vendor.queries, vendor.headers, strict=True
    ):
        by_key = query.get("hapikey") == KEY and query.get("appId") == "777"
        assert by_key is not ("Authorization" in headers), f"{method} {path}"
        assert by_key is (path == CC)


def test_registering_again_changes_nothing(connect: Connect, vendor: HubSpotDouble) -> None:
    saved = Saved()
    connect(state={}).register(OWN, saved)
    before = len(vendor.requests), dict(saved.state)
    connect(state=saved.state).register(OWN, saved)
    assert {path.partition(" ")[0] for path in vendor.paths()[before[0] :]} == {"GET"}
    assert saved.state == before[1]


@pytest.mark.parametrize("crash_at", [1, 2, 3, 4, 5])
def test_a_crash_at_any_save_orphans_nothing(
    connect: Connect, vendor: HubSpotDouble, crash_at: int
) -> None:
    saved = Saved(crash_at)
    with pytest.raises(Crash):
        connect(state={}).register(SHARED, saved)
    connect(state=saved.state).register(SHARED, saved)
    [channel] = made(vendor, SHARED)
    accounts = [a for a in vendor.accounts.values() if a["channelId"] == channel["id"]]
    assert sorted(account["inboxId"] for account in accounts) == ["123", "124", "125"]


def test_a_channel_with_our_address_is_found_on_any_page(
    connect: Connect, vendor: HubSpotDouble
) -> None:
    for number in range(5):
        vendor.add_channel(f"https://other.example.com/{number}")
    channel_id = vendor.add_channel(OWN, name="old name")
    vendor.page = 2
    state = connect(state={}).register(OWN, Saved())
    assert state["channel_id"] == channel_id
    assert not vendor.sent("POST", CC)
    [patch] = vendor.sent("PATCH", f"{CC}/{channel_id}")
    assert patch["name"] == "Chatbot handoff"
    assert patch["capabilities"]["allowOutgoingMessages"] is True


def test_a_new_address_is_told_to_the_channel(connect: Connect, vendor: HubSpotDouble) -> None:
    connect().register(OWN, Saved())
    assert vendor.channels["1001"]["webhookUrl"] == OWN


def test_a_channel_that_was_deleted_is_made_anew(connect: Connect, vendor: HubSpotDouble) -> None:
    del vendor.channels["1001"]
    state = connect().register(OWN, Saved())
    assert state["channel_id"] != "1001"
    assert "2002" not in {account["id"] for account in state["accounts"].values()}


def test_a_new_channel_is_waited_for_and_then_used(
    connect: Connect, vendor: HubSpotDouble, clock: Clock
) -> None:
    vendor.ready_after = 63
    saved = Saved()
    with pytest.raises(Retry) as caught:
        connect(state={}).register(OWN, saved)
    assert caught.value.retry_after == 5
    for _ in range(20):
        clock.advance(5)
        try:
            connect(state=saved.state).register(OWN, saved)
            break
        except Retry:
            continue
    assert len(made(vendor, OWN)) == 1
    assert "123" in saved.state["accounts"]


def test_an_old_channel_that_refuses_is_an_error(connect: Connect, vendor: HubSpotDouble) -> None:
    vendor.reply_once("POST", f"{CC}/1001/channel-accounts", error(400, "VALIDATION_ERROR"))
    with pytest.raises(Permanent):
        connect().register(OWN, Saved())


def test_an_account_that_exists_already_is_taken(connect: Connect, vendor: HubSpotDouble) -> None:
    path = f"{CC}/1001/channel-accounts"
    vendor.reply_once("POST", path, error(409, "CONFLICT"))
    with pytest.raises(Retry):
        connect().register(OWN, Saved())
    assert connect().register(OWN, Saved())["accounts"]["125"]


def test_a_disabled_account_is_enabled_again(connect: Connect, vendor: HubSpotDouble) -> None:
    connect().unregister()
    assert {account["authorized"] for account in vendor.accounts.values()} == {False}
    vendor.channels["1001"]["webhookUrl"] = SHARED
    state = connect(state={}).register(SHARED, Saved())
    assert state["accounts"]["123"]["id"] == "2002"
    assert vendor.accounts["2002"]["authorized"] is True


def test_an_account_in_use_by_another_installation_of_the_app_is_left_alone(
    connect: Connect, vendor: HubSpotDouble
) -> None:
    vendor.channels["1001"]["webhookUrl"] = SHARED
    state = connect(state={}).register(SHARED, Saved())
    assert state["channel_id"] == "1001"
    assert state["accounts"]["123"]["id"] != "2002"
    connect(state=state).unregister()
    assert vendor.accounts["2002"]["authorized"] is True


def test_an_account_of_our_own_channel_is_reused_though_the_state_is_lost(
    connect: Connect, vendor: HubSpotDouble
) -> None:
    vendor.channels["1001"]["webhookUrl"] = OWN
    state = connect(state={}).register(OWN, Saved())
    assert state["accounts"]["123"] == {
        "id": "2002",
        "recipient": {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "acme-web"},
    }


def test_disabling_what_is_gone_is_done(connect: Connect, vendor: HubSpotDouble) -> None:
    vendor.accounts.clear()
    connect().unregister()
    connect(state={}).unregister()


def test_without_an_inbox_there_is_nothing_to_register(connect: Connect) -> None:
    with pytest.raises(Misconfigured) as caught:
        connect({"inbox_id": "", "allowed_inboxes": ""}, state={}).register(OWN, Saved())
    assert caught.value.field == "inbox_id"


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_developer_key_is_a_setting_to_mend(
    connect: Connect, vendor: HubSpotDouble, status: int
) -> None:
    vendor.reply_once("GET", CC, error(status, "INVALID_AUTHENTICATION"))
    with pytest.raises(Misconfigured) as caught:
        connect(state={}).register(OWN, Saved())
    assert caught.value.field == "developer_api_key"
    assert KEY not in str(caught.value)


def test_bad_capabilities_say_so(connect: Connect, vendor: HubSpotDouble) -> None:
    code = "CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES"
    vendor.reply_once("POST", CC, error(400, "VALIDATION_ERROR", subCategory=code))
    with pytest.raises(Permanent) as caught:
        connect(state={}).register(OWN, Saved())
    assert caught.value.code == code
