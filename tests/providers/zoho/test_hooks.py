"""Webhooks: made secured, with keys of their own, verified by RSA, and removed again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from providers.errors import BadSignature, Misconfigured, Permanent, Unavailable
from providers.types import WebhookTrust
from providers.zoho import Zoho
from providers.zoho.declaration import WEBHOOK_EVENTS
from tests.providers.fakes import Clock, FaultyHttp
from tests.providers.zoho.double import SETTINGS, ZohoDouble, error, make_zoho
from tests.providers.zoho.keys import OTHER, bare, pem, signed

URL = "https://bridge.example.com/webhooks/zoho/token"
BODY = '{"event":"conversation.missed","note":"olá 👋"}'.encode()


class Saved:
    """The installation's state, as `save` leaves it."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    def __call__(self, state: Mapping[str, Any]) -> None:
        self.states.append(dict(state))


# --- verifying --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [pem(), bare(), bare() + "\n", pem().replace("\n", "\\n")])
def test_a_key_may_be_pem_or_bare_base64(key: str) -> None:
    Zoho.verify(signed(BODY), WebhookTrust({}, {"keys": [{"id": "1", "key": key}]}))
    Zoho.verify(signed(BODY), WebhookTrust({"webhook_public_key": key}))


def test_either_of_two_keys_will_do() -> None:
    keys = [{"id": "1", "key": bare(OTHER)}, {"id": "2", "key": bare()}]
    for order in (keys, keys[::-1]):
        Zoho.verify(signed(BODY), WebhookTrust({}, {"keys": order}))
        Zoho.verify(signed(BODY, OTHER), WebhookTrust({}, {"keys": order}))


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"keys": []},
        {"keys": None},
        {"keys": ["x", 1, None]},
        {"keys": [{"id": "1"}]},
        {"keys": [{"id": "1", "key": ""}]},
        {"keys": [{"id": "1", "key": "no key"}]},
        {"keys": [{"id": "1", "key": bare()[:-40]}]},
        {"keys": [{"id": "1", "key": bare(OTHER)}]},
        {"keys": [{"id": "1", "key": "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"}]},
    ],
)
def test_without_the_right_key_nothing_passes(state: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        Zoho.verify(signed(BODY), WebhookTrust({"webhook_public_key": ""}, state))


def test_the_raw_body_counts() -> None:
    trust = WebhookTrust({}, {"keys": [{"id": "1", "key": bare()}]})
    changed = dataclasses.replace(signed(BODY), body=BODY.replace(b":", b": "))
    with pytest.raises(BadSignature):
        Zoho.verify(changed, trust)


# --- making -----------------------------------------------------------------------------------


def test_the_webhook_is_secured_and_its_key_kept(adapter: Zoho, vendor: ZohoDouble) -> None:
    saved = Saved()
    state = adapter.register(URL, saved)
    [body] = vendor.sent("POST", "/v2/webhooks")
    assert body == {
        "type": "data",
        "url": URL,
        "app_ids": [SETTINGS["app_id"]],
        "version": 1,
        "secured": True,
        "events": list(WEBHOOK_EVENTS),
    }
    assert "conversation.visitor.replied" not in body["events"], "it echoes what we send"
    assert [one["key"] for one in state["keys"]] == [bare()]
    assert saved.states[0]["webhook_id"] == state["webhook_id"], "stored before the next call"
    assert saved.states[-1] == state
    Zoho.verify(signed(BODY), WebhookTrust({}, state))


def test_registering_again_changes_nothing(
    adapter: Zoho, vendor: ZohoDouble, http: FaultyHttp, clock: Clock
) -> None:
    state = adapter.register(URL, Saved())
    again = make_zoho(http, clock, state=state)
    assert again.register(URL, Saved()) == state
    assert list(vendor.webhooks) == [state["webhook_id"]]
    vendor.reply_once("GET", "/v2/webhooks", error(1006, 404))
    assert again.register(URL, Saved()) == state, "where Zoho does not list webhooks"


def test_what_was_deleted_or_differs_is_made_anew(
    adapter: Zoho, vendor: ZohoDouble, http: FaultyHttp, clock: Clock
) -> None:
    state = adapter.register(URL, Saved())
    vendor.webhooks.clear()
    state = make_zoho(http, clock, state=state).register(URL, Saved())
    assert list(vendor.webhooks) == [state["webhook_id"]]
    moved = make_zoho(http, clock, state=state).register(URL + "2", Saved())
    assert [one["url"] for one in vendor.webhooks.values()] == [URL + "2"]
    assert list(vendor.webhooks) == [moved["webhook_id"]]


@pytest.mark.parametrize("lost", ["webhook", "key"])
def test_a_crash_between_two_calls_leaves_no_orphan(
    lost: str, vendor: ZohoDouble, http: FaultyHttp, clock: Clock
) -> None:
    """The answer is lost; or it came, but nothing was stored after it."""
    saved = Saved()
    path = "/v2/webhooks" if lost == "webhook" else r"/v2/webhooks/\d+/keys"
    if lost == "webhook":
        vendor.webhooks["77"] = {"url": URL, "keys": []}
    else:
        vendor.reply_once("POST", path, (500, ""))
        with pytest.raises(Exception, match="had an error"):
            make_zoho(http, clock).register(URL, saved)
    left = saved.states[-1] if saved.states else {}
    state = make_zoho(http, clock, state=left).register(URL, saved)
    assert list(vendor.webhooks) == [state["webhook_id"]]
    assert len(vendor.webhooks[state["webhook_id"]]["keys"]) == 1
    assert state["keys"]


def test_a_webhook_of_somebody_else_stays(adapter: Zoho, vendor: ZohoDouble) -> None:
    vendor.webhooks["77"] = {"url": "https://other.example.com/hook", "keys": []}
    state = adapter.register(URL, Saved())
    assert set(vendor.webhooks) == {"77", state["webhook_id"]}


def test_unregistering_removes_it_and_may_be_repeated(
    adapter: Zoho, vendor: ZohoDouble, http: FaultyHttp, clock: Clock
) -> None:
    state = adapter.register(URL, Saved())
    registered = make_zoho(http, clock, state=state)
    registered.unregister()
    assert vendor.webhooks == {}
    registered.unregister()
    adapter.unregister()


@pytest.mark.parametrize(
    "url", ["http://bridge.example.com/x", "https://bridge.example.com:8443/x"]
)
def test_an_address_that_zoho_can_not_call_is_refused(
    url: str, adapter: Zoho, vendor: ZohoDouble
) -> None:
    with pytest.raises(Misconfigured, match="https"):
        adapter.register(url, Saved())
    assert vendor.requests == []


def test_the_brand_must_be_chosen_first(vendor: ZohoDouble, http: FaultyHttp, clock: Clock) -> None:
    with pytest.raises(Misconfigured) as caught:
        make_zoho(http, clock, settings={**SETTINGS, "app_id": ""}).register(URL, Saved())
    assert caught.value.field == "app_id"


def test_a_key_that_can_not_be_read_is_an_error(adapter: Zoho, vendor: ZohoDouble) -> None:
    answer = (200, {"data": {"public_keys": [{"id": "1", "key": "?"}]}})
    vendor.reply_once("POST", r"/v2/webhooks/\d+/keys", answer)
    with pytest.raises(Permanent):
        adapter.register(URL, Saved())
    vendor.reply_once("POST", "/v2/webhooks", (200, {"data": {}}))
    with pytest.raises(Permanent):
        adapter.register(URL, Saved())
    vendor.reply_once("POST", "/v2/webhooks", (200, {}))
    with pytest.raises(Unavailable):
        adapter.register(URL, Saved())
