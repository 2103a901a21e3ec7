"""What the imitated Intercom sends, how it signs it, and when it gives up."""

import hashlib
import hmac
from typing import Any

import pytest

from sandbox.control import file
from sandbox.vendors.intercom.signature import hub_signature
from tests.sandbox.conftest import Api, Listener, wait_until
from tests.sandbox_fixture import SandboxServer

PING = (
    '{"type":"notification_event","app_id":"abc123de","id":"notif_test_0001","topic":"ping",'
    '"data":{"type":"notification_event_data","item":{"type":"ping"}}}'
)
VECTORS = [
    (PING, "sha1=63d8cf9cdde9323fa896ad0f18d5877af53ebd37"),
    ('{"body":"<p>Olá 👋</p>"}', "sha1=3dec4f6ad855bcf541cf3406bf90a9b8fa1962b7"),
]


@pytest.fixture
def ticket(api: Api, listener: Listener) -> str:
    number = api.conversation()
    api.account.update(webhook_url=f"{listener.url}/hook")
    return number


def parts(listener: Listener) -> list[tuple[str, dict[str, Any]]]:
    return [
        (post.json["topic"], part)
        for post in listener.posts()
        for part in post.json["data"]["item"]["conversation_parts"]["conversation_parts"]
    ]


@pytest.mark.parametrize(("body", "signature"), VECTORS)
def test_it_signs_as_intercom_does(body, signature):
    assert hub_signature("s3cr3t-test-only", body.encode()) == signature


def test_saving_an_address_knocks_with_head(ticket, listener: Listener):
    assert [r.method for r in listener.received] == ["HEAD"]


def test_every_webhook_is_signed_over_its_bytes(api: Api, ticket, listener: Listener):
    api.account.act(ticket, "reply", agent="Rui", text="Olá 👋")
    post = wait_until(listener.posts)[0]
    secret = api.account.credentials["client_secret"].encode()
    expected = "sha1=" + hmac.new(secret, post.body, hashlib.sha1).hexdigest()
    assert post.headers["X-Hub-Signature"] == expected
    assert post.json["app_id"] == api.account.credentials["app_id"]


def test_each_action_has_its_topic_and_part(api: Api, ticket, listener: Listener):
    act = api.account.act
    act(ticket, "accept", agent="Rui")
    act(ticket, "reply", agent="Rui", text="Hi", files=[file("a.pdf", b"%PDF-")])
    act(ticket, "note", agent="Maya", text="psst")
    act(ticket, "assign_team", agent="Rui", to="Billing")
    act(ticket, "close", agent="Rui", text="Bye")
    act(ticket, "reopen", agent="Rui")
    act(ticket, "customer_reply", text="Thanks")
    wait_until(lambda: len(listener.posts()) == 7)
    seen = parts(listener)
    assert [(topic.removeprefix("conversation."), part["part_type"]) for topic, part in seen] == [
        ("admin.assigned", "assignment"),
        ("admin.replied", "comment"),
        ("admin.noted", "note"),
        ("admin.assigned", "assignment"),
        ("admin.closed", "close"),
        ("admin.opened", "open"),
        ("user.replied", "comment"),
    ]
    assert seen[0][1]["assigned_to"] == {"type": "admin", "id": "814860"}
    assert seen[1][1]["attachments"][0]["name"] == "a.pdf"
    assert seen[3][1]["assigned_to"] == {"type": "team", "id": "814866"}
    assert seen[4][1]["body"] == "<p>Bye</p>"


@pytest.mark.parametrize("kind", ["assignment", "close", "open"])
def test_a_reply_can_ride_on_another_part(api: Api, ticket, listener: Listener, kind):
    api.account.act(ticket, "reply", agent="Rui", text="Hi", **{"as": kind})
    topic, part = wait_until(lambda: parts(listener))[0]
    assert (topic, part["part_type"]) == ("conversation.admin.replied", kind)
    assert part["body"] == "<p>Hi</p>"


def test_a_bots_reply_comes_under_two_topics(api: Api, ticket, listener: Listener):
    api.account.act(ticket, "bot_reply", text="I am Fin")
    wait_until(lambda: len(listener.posts()) == 2)
    assert {topic for topic, _ in parts(listener)} == {
        "conversation.admin.replied",
        "conversation.operator.replied",
    }
    assert {part["author"]["type"] for _, part in parts(listener)} == {"bot"}


def test_an_inline_image_is_lost_from_plain_text_bodies_only(api: Api, ticket, listener: Listener):
    picture = file("p.png", b"\x89PNG", inline=True)
    api.account.act(ticket, "reply", agent="Rui", text="See", files=[picture])
    api.account.update(settings={"app_version": "2.15"})
    api.account.act(ticket, "reply", agent="Rui", text="See", files=[picture])
    wait_until(lambda: len(listener.posts()) == 2)
    (_, html), (_, plain) = parts(listener)
    assert "<img src=" in html["body"]
    assert plain["body"] == 'See\n\n[Image "p.png"]'


def test_it_retries_once_and_counts(api: Api, ticket, listener: Listener):
    listener.answer = lambda request: (500, {})
    api.account.act(ticket, "close", agent="Rui")
    lost = wait_until(lambda: [w for w in api.account.webhooks() if w["state"] == "lost"])
    assert [post.json["delivery_attempts"] for post in listener.posts()] == [1, 2]
    first, second = (post.json["first_sent_at"] for post in listener.posts())
    assert first == second
    assert lost[0]["status"] == 500


def test_410_ends_the_subscription(api: Api, ticket, listener: Listener):
    listener.answer = lambda request: (410, {})
    api.account.act(ticket, "close", agent="Rui")
    wait_until(lambda: api.account.data()["webhook_state"] == "disabled")
    api.account.act(ticket, "reopen", agent="Rui")
    assert len(api.account.webhooks()) == 1


def test_a_webhook_can_be_sent_again_or_made_up(api: Api, ticket, listener: Listener):
    api.account.act(ticket, "close", agent="Rui")
    wait_until(listener.posts)
    api.account.replay(api.account.webhooks()[0]["id"])
    wait_until(lambda: len(listener.posts()) == 2)
    api.account.send_webhook("made up", {"topic": "made up"})
    api.account.ping()
    wait_until(lambda: len(listener.posts()) == 4)
    first, second, third, fourth = (post.json for post in listener.posts())
    assert first["id"] == second["id"]
    assert third["topic"] == "made up"
    assert fourth["data"]["item"] == {"type": "ping"}


def test_only_subscribed_topics_are_sent(api: Api, ticket, listener: Listener):
    api.account.update(settings={"topics": ["conversation.admin.closed"]})
    api.account.act(ticket, "note", agent="Rui", text="x")
    api.account.act(ticket, "close", agent="Rui")
    wait_until(listener.posts)
    assert [w["topic"] for w in api.account.webhooks()] == ["conversation.admin.closed"]


def test_kill_9_loses_no_webhook(tmp_path, listener: Listener):
    server = SandboxServer(tmp_path)
    server.start()
    account = server.control.account("support", settings={"retry_delays": [1, 1, 1]})
    listener.answer = lambda request: (503, {})
    account.update(webhook_url=f"{listener.url}/hook")
    for index in range(5):
        account.send_webhook("test", {"n": index})
    server.kill()
    listener.answer = lambda request: (200, {})
    server.start()
    account = server.control.account("support")
    wait_until(lambda: all(w["state"] == "delivered" for w in account.webhooks()))
    assert {post.json["n"] for post in listener.posts()} == set(range(5))
    server.stop()
