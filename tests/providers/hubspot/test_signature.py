"""HubSpot's signatures, against the vectors that were computed independently of this code."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.errors import BadSignature
from providers.hubspot import HubSpot
from providers.hubspot.signature import decoded
from providers.types import WebhookRequest, WebhookTrust

SECRET = "hitl-test-client-secret-0001"
TRUST = WebhookTrust({"client_secret": SECRET})
STAMP = "1767225600000"
SENT_AT = datetime.fromtimestamp(int(STAMP) / 1000, UTC)
URL = "https://bridge.example.com/hubspot/hooks/7f3a"
BODY_A = (
    '{"type":"OUTGOING_CHANNEL_MESSAGE_CREATED","portalId":"4242","channelId":"1001",'
    '"message":{"id":"m-1","text":"Grüß dich ✓"}}'
).encode()
V1_A = "7c0f40e96ce42b35395e24220c86ede83180f5c6d874d62a543d0ae5eb5202c8"
V3_A = "Y4/KA80ppIin9iLzncDdUjUNH/ea7t7AoShrQFP8IEQ="
URL_B = f"{URL}?src=hs%3Aapp%2Fv3&x=%28a%29&y=a%20b%26c"
V3_B = "0/0AEKLtlZE+83O2lGP0pjgTAqYahsObZ5hWDEk78+A="
SUBSCRIPTIONS = b'[{"subscriptionType":"conversation.deletion","objectId":1}]'


def request(
    url: str = URL, body: bytes = BODY_A, signature: str | None = V3_A, **changes: str
) -> WebhookRequest:
    headers = {"x-hubspot-request-timestamp": STAMP}
    if signature is not None:
        headers["x-hubspot-signature-v3"] = signature
    renamed = {name.replace("_", "-"): value for name, value in changes.items()}
    return WebhookRequest("POST", url, headers | renamed, body, SENT_AT)


def refused(candidate: WebhookRequest, trust: WebhookTrust = TRUST) -> bool:
    try:
        HubSpot.verify(candidate, trust)
    except BadSignature:
        return True
    return False


def test_vector_a_has_the_length_that_the_facts_say() -> None:
    assert len(BODY_A) == 128


def test_vectors_of_version_3_pass() -> None:
    HubSpot.verify(request(), TRUST)
    HubSpot.verify(request(URL_B, b"[]", V3_B), TRUST)


def test_only_the_listed_characters_are_decoded_and_only_once() -> None:
    assert decoded(URL_B) == f"{URL}?src=hs:app/v3&x=(a)&y=a%20b%26c"
    assert decoded("%253A%3a") == "%253A:"


def test_a_url_that_hubspots_own_libraries_would_sign_passes() -> None:
    from_libraries = _v3(f"POST{URL_B}[]{STAMP}")
    HubSpot.verify(request(URL_B, b"[]", from_libraries), TRUST)


def _v3(text: str) -> str:
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@pytest.mark.parametrize(
    "signature", ["", "x", V3_A[:-1], V3_A + "=", V3_A.lower(), "é", V3_A * 100]
)
def test_a_signature_of_any_length_is_refused_and_nothing_worse(signature: str) -> None:
    assert refused(request(signature=signature))


@pytest.mark.parametrize("stamp", ["", "NaN", "1e12", "-1", "١٢٣", "9" * 400, " " + STAMP])
def test_a_time_stamp_that_is_no_number_is_refused(stamp: str) -> None:
    assert refused(request(x_hubspot_request_timestamp=stamp))


@pytest.mark.parametrize(
    ("seconds", "passes"), [(0, True), (300, True), (300.5, False), (-60, True), (-60.5, False)]
)
def test_the_replay_window_is_five_minutes_back_and_one_ahead(seconds: float, passes: bool) -> None:
    candidate = replace(request(), received_at=SENT_AT + timedelta(seconds=seconds))
    assert refused(candidate) is not passes


def test_the_raw_body_counts_not_its_meaning() -> None:
    assert refused(request(body=BODY_A.replace(b'":"', b'": "')))
    assert refused(request(body=b"\xff\xfe"))


@pytest.mark.parametrize(
    "changes", [{"url": URL + "/"}, {"method": "PUT"}, {"url": URL.replace("https", "http")}]
)
def test_the_address_and_the_method_count(changes: dict[str, Any]) -> None:
    assert refused(replace(request(), **changes))


def test_without_a_secret_everything_is_refused() -> None:
    for trust in (WebhookTrust({}), WebhookTrust({"client_secret": ""})):
        assert refused(request(), trust)
        assert refused(request(signature=None, x_hubspot_signature=V1_A), trust)


def test_a_channels_webhook_needs_version_3() -> None:
    """Version 1 has no time stamp: whoever saw such a webhook could send it again."""
    assert hashlib.sha256(SECRET.encode() + BODY_A).hexdigest() == V1_A
    assert refused(request(signature=None, x_hubspot_signature=V1_A))
    listed = b"[" + BODY_A + b"]"
    v1 = hashlib.sha256(SECRET.encode() + listed).hexdigest()
    assert refused(request(body=listed, signature=None, x_hubspot_signature=v1))


def test_app_subscriptions_pass_with_version_1_where_that_is_all_there_is() -> None:
    v1 = hashlib.sha256(SECRET.encode() + SUBSCRIPTIONS).hexdigest()
    HubSpot.verify(request(body=SUBSCRIPTIONS, signature=None, x_hubspot_signature=v1), TRUST)
    assert refused(request(body=SUBSCRIPTIONS, signature=None, x_hubspot_signature=V1_A))
    assert refused(request(body=SUBSCRIPTIONS, signature=None))
    empty = hashlib.sha256(SECRET.encode() + b"[]").hexdigest()
    assert refused(request(body=b"[]", signature=None, x_hubspot_signature=empty))


def test_app_subscriptions_pass_with_version_2() -> None:
    v2 = hashlib.sha256(f"{SECRET}POST{URL}".encode() + SUBSCRIPTIONS).hexdigest()
    headers = {"x_hubspot_signature": v2, "x_hubspot_signature_version": "v2"}
    HubSpot.verify(request(body=SUBSCRIPTIONS, signature=None, **headers), TRUST)
    assert refused(request(URL + "?x", SUBSCRIPTIONS, None, **headers))


def test_a_wrong_version_3_is_not_saved_by_a_right_version_1() -> None:
    v1 = hashlib.sha256(SECRET.encode() + SUBSCRIPTIONS).hexdigest()
    assert refused(request(body=SUBSCRIPTIONS, signature=V3_A, x_hubspot_signature=v1))
