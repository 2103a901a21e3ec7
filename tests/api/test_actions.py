import threading
import time
from typing import Any

import pytest
from django.test import override_settings

from conversations.api import waiting
from conversations.engine import lanes, worker
from conversations.models import Conversation, Delivery, DeliveryKind, Message, User
from tests import factories
from tests.api.conftest import Api, in_own_thread, new_api


def test_a_user_is_created(api: Api) -> None:
    id_ = api.user(email="ana@example.com", phone="+351 210 000 000", tags={"plan": "pro"})
    user = User.objects.get(pk=id_)
    assert (user.bot, user.name, user.email, user.phone) == (
        api.bot, "Ana", "ana@example.com", "+351210000000",
    )  # fmt: skip
    assert [(tag.name, tag.value) for tag in user.tags.all()] == [("plan", "pro")]


def test_an_external_id_names_one_user(api: Api) -> None:
    first = api.user(externalId="42")
    assert api.user(externalId="42", name="Ana Silva") == first
    assert User.objects.get(pk=first).name == "Ana Silva"


def test_what_is_optional_may_be_null_or_empty(api: Api) -> None:
    api.user(email=None, phone="", pictureUrl=None, externalId="", tags=None, installation=None)
    api.start(title=None, messageHistory=None, hitlSession=None, options=None, tags=None)


def test_a_session_starts_and_its_ticket_is_queued(api: Api) -> None:
    history = [
        {"source": {"type": "user", "userId": "u1"}, "type": "text", "payload": {"text": "Hi"}},
        {"source": {"type": "bot"}, "type": "card", "payload": {"title": "T", "actions": []}},
    ]
    answer = api.post(
        "/actions/startHitl",
        {
            "userId": api.user(),
            "title": "Refund",
            "messageHistory": history,
            "botConversationId": "chat-1",
            "tags": {"order": "1"},
            "options": {"assignmentTimeout": 60},
        },
    )
    assert answer.status_code == 200
    assert answer.json()["status"] == "opening"
    conversation = Conversation.objects.get(pk=answer.json()["conversationId"])
    assert conversation.transcript == history
    assert conversation.options["assignmentTimeout"] == 60
    assert conversation.assignment_deadline is not None
    assert Delivery.objects.get(conversation=conversation).kind == DeliveryKind.OPEN


def test_an_open_session_of_the_same_chat_is_answered(api: Api) -> None:
    first = api.start(botConversationId="chat-1")
    assert api.start(botConversationId="chat-1") == first
    api.post("/actions/stopHitl", {"conversationId": first})
    assert api.start(botConversationId="chat-1") != first


def test_the_installation_must_be_named_where_there_are_several(api: Api) -> None:
    other = factories.installation(api.bot, provider="fake")
    answer = api.post("/actions/startHitl", {"userId": api.user()})
    assert (answer.status_code, answer.json()["field"]) == (400, "installation")
    for name in (other.slug, other.id):
        id_ = api.start(installation=name)
        assert Conversation.objects.get(pk=id_).installation == other


def test_a_bot_without_an_installation_is_told_so(api: Api) -> None:
    user = api.user()
    api.desk.delete()
    answer = api.post("/actions/startHitl", {"userId": user})
    assert (answer.status_code, answer.json()["field"]) == (409, "installation")


def test_messages_are_numbered(api: Api) -> None:
    user = api.user()
    conversation = api.start(userId=user)
    first = api.say(conversation, userId=user, additionalData="opaque")
    assert first.status_code == 202
    message = Message.objects.get(pk=first.json()["messageId"])
    assert first.json() == {"messageId": message.id, "sequence": 1, "status": "pending"}
    assert (message.author, message.user_id, message.additional_data) == ("user", user, "opaque")
    assert api.say(conversation).json()["sequence"] == 2
    assert Message.objects.get(sequence=2).author == "bot"


def test_an_ended_session_takes_no_messages(api: Api) -> None:
    conversation = api.start()
    stop = {"conversationId": conversation, "reason": "userEnded"}
    assert api.post("/actions/stopHitl", stop).json() == {}
    assert api.post("/actions/stopHitl", stop).status_code == 200
    assert Conversation.objects.get().stop_reason == "userEnded"
    answer = api.say(conversation)
    assert answer.status_code == 409
    assert answer.json()["conversationStatus"] == "stopped"
    assert api.post(f"/conversations/{conversation}/typing").status_code == 409


def test_a_stop_without_a_reason_is_the_bots(api: Api) -> None:
    api.post("/actions/stopHitl", {"conversationId": api.start()})
    assert Conversation.objects.get().stop_reason == "botStopped"


def test_typing_is_accepted(api: Api) -> None:
    conversation = api.start()
    assert api.post(f"/conversations/{conversation}/typing").status_code == 202
    assert api.post(f"/conversations/{conversation}/typing", b"").status_code == 202


@pytest.mark.parametrize(
    ("scopes", "allowed"), [(["actions"], "post"), (["read"], "get"), (["events"], "feed")]
)
@pytest.mark.django_db(transaction=True)
def test_scopes_are_checked(scopes: list[str], allowed: str) -> None:
    api = new_api()
    conversation = api.start()
    api.key = factories.api_key(api.bot, scopes=scopes)[1]
    path = f"/conversations/{conversation}/messages"
    answers = {
        "post": api.say(conversation),
        "get": api.get(path),
        "feed": api.get("/events"),
    }
    needed = {"post": "actions", "get": "read", "feed": "events"}
    for name, answer in answers.items():
        if name == allowed:
            assert answer.status_code < 300
        else:
            assert answer.status_code == 403
            assert answer.json()["scope"] == needed[name]


def test_waiting_answers_once_the_ticket_exists(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = new_api()
    body = {"userId": api.user()}

    def work() -> None:
        for _ in range(100):
            for lane in lanes.due(limit=10):
                worker.run_lane(lane)
                return
            time.sleep(0.05)

    thread = threading.Thread(target=in_own_thread(work))
    thread.start()
    answer = api.post("/actions/startHitl", body, Prefer="wait=10", Idempotency_Key="k")
    thread.join()
    assert answer.json()["status"] == "queued"
    assert answer["Preference-Applied"] == "wait=10"
    repeated = api.post("/actions/startHitl", body, Prefer="wait=10", Idempotency_Key="k")
    assert repeated.content == answer.content


def test_waiting_has_an_end(transactional_db: None) -> None:
    api = new_api()
    body = {"userId": api.user()}
    begun = time.monotonic()
    answer = api.post("/actions/startHitl", body, Prefer="respond-async, wait=1")
    assert answer.json()["status"] == "opening"
    assert 0.9 < time.monotonic() - begun < 5


@pytest.mark.parametrize("prefer", ["wait=abc", "wait", "wait=-1", "handling=lenient", "await=5"])
def test_preferences_that_mean_nothing_are_ignored(api: Api, prefer: str) -> None:
    answer = api.post("/actions/startHitl", {"userId": api.user()}, Prefer=prefer)
    assert answer.status_code == 200
    assert "Preference-Applied" not in answer


def test_who_finds_no_place_to_wait_is_answered_at_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = waiting.Slots(1)
    full._free.acquire()
    monkeypatch.setattr(waiting, "ticket_slots", full)
    answer = api.post("/actions/startHitl", {"userId": api.user()}, Prefer="wait=20")
    assert answer.json()["status"] == "opening"
    assert "Preference-Applied" not in answer


@override_settings(API_RATE="3/min")
def test_too_many_calls_are_turned_away(api: Api) -> None:
    answers = [api.get("/conversations") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1]["Retry-After"]) >= 1
    assert answers[-1]["Content-Type"] == "application/problem+json"


CALLS: list[tuple[str, str, Any]] = [
    ("get", "/conversations/{conversation}", None),
    ("get", "/conversations/{conversation}/messages", None),
    ("get", "/users/{user}", None),
    ("get", "/availability?installation={desk}", None),
    ("post", "/conversations/{conversation}/messages", {"type": "text", "payload": {"text": "x"}}),
    ("post", "/conversations/{conversation}/typing", {}),
    ("post", "/actions/stopHitl", {"conversationId": "{conversation}"}),
    ("post", "/actions/startHitl", {"userId": "{user}"}),
    ("post", "/actions/createUser", {"name": "x", "installation": "{desk}"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("whose", ["another's", "nobody's"])
def test_what_is_not_the_bots_own_is_not_there(
    api: Api, outsider: Api, method: str, path: str, body: Any, whose: str
) -> None:
    user = api.user()
    ids = {"conversation": api.start(userId=user), "user": user, "desk": api.desk.id}
    if whose == "nobody's":
        ids = {name: id_[:-3] + "000" for name, id_ in ids.items()}
    before = (Message.objects.count(), Delivery.objects.count(), User.objects.count())
    filled = {key: value.format(**ids) if isinstance(value, str) else value
              for key, value in (body or {}).items()}  # fmt: skip
    call = outsider.get(path.format(**ids)) if method == "get" else outsider.post(
        path.format(**ids), filled
    )  # fmt: skip
    assert call.status_code == 404
    assert "Ana" not in call.content.decode()
    assert before == (Message.objects.count(), Delivery.objects.count(), User.objects.count())
    assert Conversation.objects.get().is_open


def test_another_bots_user_can_not_be_spoken_for(api: Api, outsider: Api) -> None:
    answer = api.say(api.start(), userId=outsider.user())
    assert (answer.status_code, answer.json()["field"]) == (404, "userId")


def test_lists_hold_the_bots_own_only(api: Api, outsider: Api) -> None:
    user = outsider.user()
    outsider.start(userId=user, tags={"a": "b"}, botConversationId="chat")
    for query in ("", "?tag.a=b", f"?userId={user}", "?botConversationId=chat", "?status=opening"):
        assert api.get(f"/conversations{query}").json()["items"] == []
