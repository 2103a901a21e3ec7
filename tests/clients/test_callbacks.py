"""Callbacks are verified as the reference library of Standard Webhooks does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hitl_bridge_client import InvalidSignature, verify_callback

# The secret, and below a callback, of the reference libraries' own tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BODY = json.dumps(
    {
        "id": "evt_1",
        "type": "messageCreated",
        "timestamp": "2026-11-21T09:00:00Z",
        "sequence": 3,
        "data": {"conversationId": "conv_1", "tags": {}, "payload": {"text": "Olá"}},
    },
    ensure_ascii=False,
)


def signed(*secrets: str, body: str = BODY, at: datetime = NOW) -> dict[str, str]:
    """The headers that the bridge sends."""
    signatures = [Webhook(secret).sign("evt_1", at, body) for secret in secrets]
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@pytest.fixture(autouse=True)
def _now() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


def test_a_good_callback_is_an_event() -> None:
    event = verify_callback(SECRET, signed(SECRET), BODY.encode())
    assert (event.id, event.conversation_id, event.text) == ("evt_1", "conv_1", "Olá")


def test_it_does_not_matter_how_headers_are_written() -> None:
    shouted = {name.upper(): value for name, value in signed(SECRET).items()}
    assert verify_callback(SECRET, shouted, BODY).id == "evt_1"


def test_while_the_secret_is_changed_either_side_may_have_both() -> None:
    assert verify_callback([OTHER, SECRET], signed(SECRET), BODY).id == "evt_1"
    assert verify_callback(SECRET, signed(OTHER, SECRET), BODY).id == "evt_1"


BAD = {
    "another secret": (signed(OTHER), BODY),
    "another body": (signed(SECRET), BODY.replace("Olá", "Adeus")),
    "no headers": ({}, BODY),
    "no signature": ({**signed(SECRET), "webhook-signature": ""}, BODY),
    "a signature of another version": (
        {**signed(SECRET), "webhook-signature": signed(SECRET)["webhook-signature"][1:]},
        BODY,
    ),
    "a signature that is no Base64": ({**signed(SECRET), "webhook-signature": "v1,é"}, BODY),
    "a time that is none": ({**signed(SECRET), "webhook-timestamp": "noon"}, BODY),
    "another time": ({**signed(SECRET), "webhook-timestamp": str(int(NOW.timestamp()) + 1)}, BODY),
    "an old one": (signed(SECRET, at=NOW - timedelta(seconds=301)), BODY),
    "one of the future": (signed(SECRET, at=NOW + timedelta(seconds=301)), BODY),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_callback_is_refused_as_the_reference_library_does(case: str) -> None:
    headers, body = BAD[case]
    with pytest.raises(InvalidSignature):
        verify_callback(SECRET, headers, body)
    with pytest.raises((WebhookVerificationError, ValueError)):
        Webhook(SECRET).verify(body, headers)


@pytest.mark.parametrize("seconds", [-299, 299])
def test_clocks_may_differ_by_five_minutes(seconds: int) -> None:
    headers = signed(SECRET, at=NOW + timedelta(seconds=seconds))
    assert verify_callback(SECRET, headers, BODY).id == "evt_1"
    assert Webhook(SECRET).verify(BODY, headers)


@pytest.mark.parametrize("body", ["[]", "{}", "no JSON"])
def test_what_is_signed_but_no_event_is_refused(body: str) -> None:
    with pytest.raises(InvalidSignature, match="not an event"):
        verify_callback(SECRET, signed(SECRET, body=body), body)


@pytest.mark.parametrize("secret", ["", "whsec_", "not Base64!"])
def test_a_secret_that_is_none_is_a_mistake_of_ours(secret: str) -> None:
    with pytest.raises(ValueError, match="Base64"):
        verify_callback(secret, signed(SECRET), BODY)


def test_the_vector_of_the_reference_libraries_is_good() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    # Its signature is found good: what is wrong is that it is not an event of ours.
    with time_machine.travel(at, tick=False), pytest.raises(InvalidSignature, match="not an event"):
        verify_callback(SECRET, headers, '{"test": 2432232314}')
