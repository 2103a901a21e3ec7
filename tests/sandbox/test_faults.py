"""Each thing that can be made to go wrong."""

import time

import pytest
import requests

from tests.sandbox.conftest import Api, Listener, wait_until


@pytest.mark.parametrize("status", [429, 500, 503, 401])
def test_a_status_is_answered_as_often_as_asked_and_carries_nothing_out(api: Api, status):
    api.account.fault(str(status), method="POST", path="^/contacts$", count=2, seconds=5)
    body = {"external_id": "u1"}
    answers = [api.post("/contacts", body).status_code for _ in range(3)]
    assert answers == [status, status, 200]
    assert api.account.requests()[0]["fault"] == str(status)


def test_a_429_says_when_the_limit_ends(api: Api):
    api.account.fault("429", seconds=5, count=1)
    answer = api.get("/me")
    assert 3 <= int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 6


def test_a_reset_cuts_the_connection_before_anything_happens(api: Api):
    api.account.fault("reset", count=1)
    with pytest.raises(requests.ConnectionError):
        api.post("/contacts", {"external_id": "u1"})
    assert not api.account.contacts()


def test_accepted_then_silence_carries_it_out(api: Api):
    api.account.fault("timeout_after_accept", count=1, seconds=2)
    with pytest.raises(requests.Timeout):
        api.post("/contacts", {"external_id": "u1"}, timeout=0.5)
    assert [c["external_id"] for c in api.account.contacts()] == ["u1"]


def test_accepted_then_reset_carries_it_out(api: Api):
    api.account.fault("timeout_after_accept", count=1, seconds=0)
    with pytest.raises(requests.ConnectionError):
        api.post("/contacts", {"external_id": "u1"})
    assert len(api.account.contacts()) == 1


def test_slow_is_slow_and_right(api: Api):
    api.account.fault("slow", count=1, seconds=0.4)
    began = time.monotonic()
    assert api.get("/me").ok
    assert time.monotonic() - began >= 0.4


def test_a_probability_strikes_the_same_calls_for_the_same_seed(api: Api):
    def pattern() -> list[int]:
        api.account.heal()
        api.account.fault("503", probability=0.5, seed=7)
        return [api.get("/me").status_code for _ in range(12)]

    first = pattern()
    assert first == pattern()
    assert set(first) == {200, 503}


def test_an_unknown_kind_is_refused_by_name(api: Api):
    with pytest.raises(ValueError, match="kind"):
        api.account.fault("earthquake")


@pytest.mark.parametrize(
    ("kind", "deliveries"), [("webhook_lost", 0), ("webhook_doubled", 2), ("webhook_delayed", 1)]
)
def test_webhooks_get_lost_doubled_or_late(api: Api, listener: Listener, kind, deliveries):
    number = api.conversation()
    api.account.update(webhook_url=f"{listener.url}/hook")
    api.account.fault(kind, path="replied", count=1, seconds=0.5)
    began = time.monotonic()
    api.account.act(number, "reply", agent="Rui", text="Hello")
    api.account.act(number, "close", agent="Rui")
    wait_until(lambda: len(listener.posts()) == deliveries + 1)
    topics = [post.json["topic"] for post in listener.posts()]
    assert topics.count("conversation.admin.replied") == deliveries
    if kind == "webhook_delayed":
        assert topics[0] == "conversation.admin.closed"
        assert time.monotonic() - began >= 0.5
    if kind == "webhook_doubled":
        ids = [p.json["id"] for p in listener.posts() if "replied" in p.json["topic"]]
        assert ids[0] == ids[1]


def test_webhooks_can_arrive_in_any_order(api: Api, listener: Listener):
    number = api.conversation()
    api.account.update(webhook_url=f"{listener.url}/hook")
    api.account.fault("webhook_shuffled", seed=3, seconds=0.8)
    for index in range(8):
        api.account.act(number, "reply", agent="Rui", text=str(index))
    wait_until(lambda: len(listener.posts()) == 8)
    bodies = [
        post.json["data"]["item"]["conversation_parts"]["conversation_parts"][0]["body"]
        for post in listener.posts()
    ]
    assert sorted(bodies) == [f"<p>{index}</p>" for index in range(8)]
    assert bodies != sorted(bodies)
