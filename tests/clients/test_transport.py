"""The Python client when things go wrong: repeats, errors, events that go on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses

from hitl_bridge_client import (
    ApiError,
    Bridge,
    Conflict,
    InvalidRequest,
    Unauthorized,
    Unavailable,
    Unreachable,
)

URL = "https://bridge.example.com"
API = f"{URL}/api/v1"
CREATE = f"{API}/actions/createUser"
EVENTS = f"{API}/events"
BUSY = {"type": "urn:hitl-bridge:unavailable", "title": "Busy", "status": 503, "detail": "Later."}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes time."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


@pytest.fixture
def http(pauses: list[float]) -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def bridge() -> Bridge:
    return Bridge(URL, "key", attempts=3)


def keys(http: responses.RequestsMock) -> list[str]:
    return [str(call.request.headers["Idempotency-Key"]) for call in http.calls]


def event(number: int, **data: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{number}",
        "type": "hitlTransferred",
        "timestamp": "2026-11-21T09:00:00Z",
        "sequence": number,
        "data": {"conversationId": "conv_1", "tags": {}, **data},
    }


def test_a_call_that_is_not_answered_is_repeated_under_its_key(
    bridge: Bridge, http: responses.RequestsMock, pauses: list[float]
) -> None:
    http.post(CREATE, body=requests.ConnectionError())
    http.post(CREATE, status=502, body="<html>")
    http.post(CREATE, json={"userId": "user_1"})
    assert bridge.create_user("Ana") == "user_1"
    assert len(set(keys(http))) == 1
    assert len(pauses) == 2


def test_two_calls_have_two_keys_and_ones_own_is_kept(
    bridge: Bridge, http: responses.RequestsMock
) -> None:
    http.post(CREATE, json={"userId": "user_1"})
    bridge.create_user("Ana")
    bridge.create_user("Ana")
    bridge.create_user("Ana", idempotency_key="mine")
    first, second, third = keys(http)
    assert first != second
    assert third == "mine"


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept_to_but_not_for_ever(
    bridge: Bridge, http: responses.RequestsMock, pauses: list[float], status: int
) -> None:
    http.post(CREATE, status=status, json=BUSY, headers={"Retry-After": "7"})
    http.post(CREATE, status=status, json=BUSY, headers={"Retry-After": "3600"})
    http.post(CREATE, json={"userId": "user_1"})
    bridge.create_user("Ana")
    assert pauses == [7, 60]


def test_repeats_come_to_an_end(
    bridge: Bridge, http: responses.RequestsMock, pauses: list[float]
) -> None:
    http.post(CREATE, status=503, json=BUSY)
    with pytest.raises(Unavailable, match="Later"):
        bridge.create_user("Ana")
    assert len(http.calls) == 3
    assert len(pauses) == 2


def test_what_is_refused_is_not_repeated_and_names_the_field(
    bridge: Bridge, http: responses.RequestsMock
) -> None:
    problem = {
        "type": "urn:hitl-bridge:invalid-request",
        "title": "The request is not valid",
        "status": 400,
        "detail": "name: This field is required.",
        "field": "name",
        "errors": [{"field": "name", "detail": "This field is required."}],
    }
    http.post(CREATE, status=400, json=problem)
    with pytest.raises(InvalidRequest) as caught:
        bridge.create_user("")
    assert (caught.value.field, caught.value.status) == ("name", 400)
    assert caught.value.errors[0]["detail"] == "This field is required."
    assert len(http.calls) == 1


def test_a_kind_of_problem_of_a_later_version_is_still_an_error(
    bridge: Bridge, http: responses.RequestsMock
) -> None:
    http.post(CREATE, status=418, json={**BUSY, "type": "urn:hitl-bridge:teapot", "status": 418})
    with pytest.raises(ApiError) as caught:
        bridge.create_user("Ana")
    assert type(caught.value) is ApiError


@pytest.mark.parametrize("status", [200, 404])
def test_an_address_that_is_not_the_bridges_is_said(
    bridge: Bridge, http: responses.RequestsMock, status: int
) -> None:
    http.post(CREATE, status=status, body="<html>Welcome to nginx</html>")
    with pytest.raises(Unreachable, match=f"answered {status}, not as the bridge would"):
        bridge.create_user("Ana")
    assert len(http.calls) == 1


def test_a_redirect_is_not_followed_but_named(bridge: Bridge, http: responses.RequestsMock) -> None:
    http.post(CREATE, status=301, headers={"Location": "https://other.example.com/"})
    with pytest.raises(Unreachable, match="other"):
        bridge.create_user("Ana")


def test_lists_are_fetched_page_after_page(bridge: Bridge, http: responses.RequestsMock) -> None:
    path = f"{API}/conversations/conv_1/messages"
    one, two, three = ({"messageId": f"msg_{number}"} for number in range(3))
    for cursor, page in (("", {"items": [one, two], "nextCursor": "x"}), ("x", {"items": [three]})):
        query = {"limit": "50", **({"cursor": cursor} if cursor else {})}
        match = [responses.matchers.query_param_matcher(query)]
        http.get(path, json={"nextCursor": None, **page}, match=match)
    assert list(map(dict, bridge.messages("conv_1"))) == [one, two, three]


def test_events_go_on_after_an_outage_where_they_were(
    bridge: Bridge, http: responses.RequestsMock
) -> None:
    http.get(EVENTS, json={"items": [event(1), event(2)], "nextCursor": "2"})
    for _ in range(4):
        http.get(EVENTS, body=requests.ConnectionError())
    http.get(EVENTS, json={"items": [event(3)], "nextCursor": "3"})
    told = bridge.events("0")
    assert [next(told).id for _ in range(3)] == ["evt_1", "evt_2", "evt_3"]
    asked = [str(call.request.url).partition("after=")[2][0] for call in http.calls]
    assert asked == ["0"] + ["2"] * 5


def test_a_cursor_never_passes_what_was_not_handled(
    bridge: Bridge, http: responses.RequestsMock
) -> None:
    http.get(EVENTS, json={"items": [event(8), event(9)], "nextCursor": "9"})
    found, cursor = bridge.read_events("7")
    assert [one.cursor for one in found] == ["7", "9"]
    assert cursor == "9"


def test_events_end_with_a_key_that_is_no_longer_good(
    bridge: Bridge, http: responses.RequestsMock
) -> None:
    http.get(EVENTS, status=401, json={**BUSY, "type": "urn:hitl-bridge:unauthorized"})
    with pytest.raises(Unauthorized):
        next(bridge.events())


def test_an_empty_page_that_comes_at_once_is_not_asked_for_again_at_once(
    bridge: Bridge, http: responses.RequestsMock, pauses: list[float]
) -> None:
    http.get(EVENTS, json={"items": [], "nextCursor": "0"})
    http.get(EVENTS, json={"items": [event(1)], "nextCursor": "1"})
    next(bridge.events())
    assert len(pauses) == 1
    assert 0.5 < pauses[0] <= 1


def test_one_session_is_followed_to_its_end(bridge: Bridge, http: responses.RequestsMock) -> None:
    theirs = event(1, conversationId="conv_2")
    last = {**event(3), "type": "hitlStopped"}
    items = [{**theirs, "type": "hitlStopped"}, event(2), last, event(4)]
    http.get(EVENTS, json={"items": items, "nextCursor": "4"})
    assert [one.id for one in bridge.follow("conv_1")] == ["evt_2", "evt_3"]


def test_a_stream_goes_on_from_its_last_id(bridge: Bridge, http: responses.RequestsMock) -> None:
    def text(*events: tuple[str, dict[str, Any]]) -> bytes:
        told = [
            f"{id_}event: x\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"
            for id_, body in events
        ]
        return ("retry: 2000\n\n: keep-alive\n\n" + "".join(told)).encode()

    words = {"payload": {"text": "one\u2028line"}}
    typing = {**event(0), "type": "typing", "sequence": 0}
    first = text(("id: 5\n", event(1, **words)), ("", typing))
    http.get(f"{EVENTS}/stream", body=first + b'id: 6\ndata: {"half')
    http.get(f"{EVENTS}/stream", body=requests.ConnectionError())
    http.get(f"{EVENTS}/stream", body=text(("id: 6\n", event(2))))
    told = bridge.stream()
    found = [next(told) for _ in range(3)]
    assert [(one.type, one.cursor) for one in found] == [
        ("hitlTransferred", "5"),
        ("typing", "5"),
        ("hitlTransferred", "6"),
    ]
    assert found[0].text == "one\u2028line"
    ids = [call.request.headers.get("Last-Event-ID") for call in http.calls]
    assert ids == [None, "5", "5"]


def test_an_address_may_be_given_with_the_apis_path(http: responses.RequestsMock) -> None:
    http.post(CREATE, json={"userId": "user_1"})
    assert Bridge(f"{API}/", "key").create_user("Ana") == "user_1"


def test_a_conflict_says_what_it_is_about(bridge: Bridge, http: responses.RequestsMock) -> None:
    problem = {
        "type": "urn:hitl-bridge:conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "The session has ended.",
        "field": "conversationId",
        "conversationStatus": "stopped",
    }
    http.post(f"{API}/conversations/conv_1/messages", status=409, json=problem)
    with pytest.raises(Conflict) as caught:
        bridge.send_text("conv_1", "Hello?")
    assert caught.value.problem["conversationStatus"] == "stopped"
