"""Custom channels and their accounts."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.sandbox.conftest import Listener, wait_until
from tests.sandbox.hubspot.conftest import CAPABILITIES, CC, HELP_DESK, OPAQUE, Api

BAD = "CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES"


def test_a_channel_is_made_listed_changed_and_archived_with_the_developers_key(hubspot: Api):
    channel = hubspot.channel("https://bridge.example.com/hook")
    listed = hubspot.developer("GET", CC).json()
    assert [row["id"] for row in listed["results"]] == [channel]
    assert listed["total"] == 1
    assert listed["results"][0]["capabilities"]["allowInlineImages"] is False
    changed = hubspot.developer("PATCH", f"{CC}/{channel}", {"name": "Other"})
    assert changed.json()["name"] == "Other"
    assert hubspot.developer("DELETE", f"{CC}/{channel}").status_code == 204
    assert hubspot.developer("GET", f"{CC}/{channel}").status_code == 404


def test_a_channel_needs_the_developers_key_not_a_token(hubspot: Api):
    assert hubspot.call("GET", CC).status_code == 401
    assert hubspot.developer("GET", CC, hapikey="wrong").status_code == 401
    assert hubspot.developer("GET", CC, appId="1").status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"threadingModel": "EMAIL"},
        {"deliveryIdentifierTypes": ["FAX"]},
        {"richText": ["BLINK"]},
        {"outgoingAttachmentTypes": ["STICKER"]},
        {"allowOutgoingMessages": "yes"},
        {"maxFileAttachmentCount": -1},
    ],
)
def test_capabilities_are_validated_in_the_vendors_words(hubspot: Api, wrong: dict[str, object]):
    body = {"name": "X", "capabilities": CAPABILITIES | wrong}
    answer = hubspot.developer("POST", CC, body)
    assert answer.status_code == 400
    assert (answer.json()["category"], answer.json()["subCategory"]) == ("VALIDATION_ERROR", BAD)
    assert next(iter(wrong)) in answer.json()["message"]


def test_dated_and_numbered_addresses_lead_to_the_same(hubspot: Api):
    channel = hubspot.channel()
    account = hubspot.connect(channel)
    numbered = "/conversations/v3/custom-channels"
    for collection in (CC, numbered, "/conversations/custom-channels/v3"):
        assert hubspot.developer("GET", collection).json()["total"] == 1
    for base in (CC, numbered):
        path = f"{base}/{channel}/channel-accounts/{account}"
        assert hubspot.call("GET", path).json()["id"] == account
    assert hubspot.developer("GET", "/conversations/custom-channels/2024-01").status_code == 404


def test_a_channel_account_is_connected_once_and_reported(hubspot: Api, listener: Listener):
    channel = hubspot.channel(f"{listener.url}/channel")
    account = hubspot.connect(channel)
    body = {
        "inboxId": HELP_DESK,
        "name": "Web",
        "authorized": True,
        "deliveryIdentifier": {"type": OPAQUE, "value": "acme-web"},
    }
    accounts = f"{CC}/{channel}/channel-accounts"
    assert hubspot.call("POST", accounts, body).status_code == 409
    assert hubspot.call("POST", accounts, body | {"inboxId": "1"}).status_code == 400
    off = hubspot.call("PATCH", f"{accounts}/{account}", {"authorized": False})
    assert off.json()["authorized"] is False
    wait_until(lambda: len(listener.posts("/channel")) == 2)
    first, second = (post.json for post in listener.posts("/channel"))
    assert first["type"] == "CHANNEL_ACCOUNT_CREATED"
    assert first["channelAccountDeliveryIdentifier"] == "acme-web"
    assert second["type"] == "CHANNEL_ACCOUNT_UPDATED"


def test_a_new_channel_takes_a_while_to_be_usable(hubspot: Api):
    hubspot.account.update(settings={"channel_delay": 60})
    channel = hubspot.channel()
    assert hubspot.developer("GET", f"{CC}/{channel}").status_code == 200
    assert hubspot.call("GET", f"{CC}/{channel}/channel-accounts").status_code == 404
    hubspot.account.update(settings={"channel_delay": 0})
    assert hubspot.call("GET", f"{CC}/{channel}/channel-accounts").json()["total"] == 0


def test_an_agent_connects_the_channel_inside_hubspot(hubspot: Api):
    body = {
        "name": "Handoff",
        "capabilities": CAPABILITIES,
        "channelAccountConnectionRedirectUrl": "https://bridge.example.com/connect",
    }
    channel = hubspot.developer("POST", CC, body).json()["id"]
    page = f"{hubspot.account.base_url}/connect/{channel}?inboxId={HELP_DESK}"
    sent = requests.get(page, allow_redirects=False, timeout=5).headers["Location"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(sent).query).items()}
    assert query["portalId"] == hubspot.credentials["portal_id"]
    staged = f"{CC}/{channel}/channel-account-staging-tokens/{query['accountToken']}"
    change = {"accountName": "Shop", "deliveryIdentifier": {"type": OPAQUE, "value": "shop"}}
    assert hubspot.call("PATCH", staged, change).json()["accountName"] == "Shop"
    assert requests.get(query["redirectUrl"], timeout=5).ok
    (made,) = hubspot.call("GET", f"{CC}/{channel}/channel-accounts").json()["results"]
    assert (made["name"], made["inboxId"]) == ("Shop", HELP_DESK)
    assert hubspot.call("PATCH", staged, change).status_code == 409
