from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from conversations.flows import people
from conversations.models import Conversation, IdempotentRequest, Message, User
from tests.api.conftest import Api, in_own_thread, new_api


def test_a_repeat_gets_the_first_answer(api: Api) -> None:
    user = api.user()
    body = {"userId": user, "title": "Refund"}
    first = api.post("/actions/startHitl", body, Idempotency_Key="k1")
    again = api.post("/actions/startHitl", body, Idempotency_Key="k1")
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert Conversation.objects.count() == 1


def test_it_is_the_same_request_however_it_is_written(api: Api) -> None:
    api.post("/actions/createUser", b'{"name": "A", "email": "a@b.test"}', Idempotency_Key="k")
    again = api.post("/actions/createUser", b'{"email":"a@b.test","name":"A"}', Idempotency_Key="k")
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("path", ["/actions/createUser", "/actions/startHitl"])
def test_a_key_is_for_one_request(api: Api, path: str) -> None:
    api.post("/actions/createUser", {"name": "A"}, Idempotency_Key="k")
    answer = api.post(path, {"name": "B", "userId": api.user()}, Idempotency_Key="k")
    assert answer.status_code == 409
    assert answer.json()["field"] == "Idempotency-Key"


def test_each_bot_has_keys_of_its_own(api: Api, outsider: Api) -> None:
    for bot in (api, outsider):
        assert "Idempotency-Replayed" not in bot.post(
            "/actions/createUser", {"name": "A"}, Idempotency_Key="k"
        )
    assert User.objects.count() == 2


def test_what_failed_may_be_mended_under_the_same_key(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(people, "create_user", fail)
        assert (
            api.post("/actions/createUser", {"name": "A"}, Idempotency_Key="k").status_code == 500
        )
    assert api.post("/actions/createUser", {}, Idempotency_Key="k").status_code == 400
    assert not IdempotentRequest.objects.exists()
    assert api.post("/actions/createUser", {"name": "A"}, Idempotency_Key="k").status_code == 200


def test_every_post_takes_a_key(api: Api) -> None:
    conversation = api.start()
    for path, body in {
        f"/conversations/{conversation}/messages": {"type": "text", "payload": {"text": "x"}},
        f"/conversations/{conversation}/typing": {},
        "/actions/stopHitl": {"conversationId": conversation},
    }.items():
        first, again = (api.post(path, body, Idempotency_Key=path) for _ in range(2))
        assert first.status_code == again.status_code < 300
        assert first.content == again.content
        assert again["Idempotency-Replayed"] == "true"
    assert Message.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "ümlaut", "a\tb"])
def test_keys_have_a_form(api: Api, key: str) -> None:
    answer = api.post("/actions/createUser", {"name": "A"}, Idempotency_Key=key)
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def in_parallel(count: int, do: Any) -> list[Any]:
    with ThreadPoolExecutor(16) as pool:
        return [task.result() for task in [pool.submit(in_own_thread(do)) for _ in range(count)]]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["Idempotency-Key", "botConversationId"])
def test_a_hundred_equal_starts_make_one_session(by: str) -> None:
    api = new_api()
    body = {"userId": api.user(), "title": "Refund"}
    headers = {}
    if by == "Idempotency-Key":
        headers = {"Idempotency_Key": "k"}
    else:
        body["botConversationId"] = "chat-1"
    answers = in_parallel(100, lambda: api.post("/actions/startHitl", body, **headers))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Conversation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_few_equal_starts_make_one_session() -> None:
    api = new_api()
    body = {"userId": api.user()}
    answers = in_parallel(8, lambda: api.post("/actions/startHitl", body, Idempotency_Key="k"))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Conversation.objects.count() == 1
