from typing import Any

import pytest

from conversations.engine import lanes, worker
from conversations.models import Conversation
from providers.errors import Unavailable
from providers.types import Availability
from tests import fake_desk
from tests.api.conftest import Api


def test_a_conversation_shows_where_it_stands(api: Api) -> None:
    history = [{"source": {"type": "bot"}, "type": "text", "payload": {"text": "Hi"}}]
    user = api.user()
    id_ = api.start(userId=user, title="Refund", messageHistory=history, tags={"a": "b"})
    for lane in lanes.due(limit=10):
        worker.run_lane(lane)
    body = api.get(f"/conversations/{id_}").json()
    assert body["conversationId"] == id_
    assert (body["status"], body["userId"], body["title"]) == ("queued", user, "Refund")
    assert (body["tags"], body["history"]) == ({"a": "b"}, history)
    assert (body["installation"], body["ticketId"]) == (api.desk.slug, "t1")
    assert body["agent"] is None
    assert body["queuedAt"].endswith("Z")
    assert "stopReason" not in body


def test_no_cache_keeps_what_was_read(api: Api) -> None:
    for path in ("/conversations", f"/conversations/{api.start()}", "/events", "/conversations/x"):
        assert api.get(path).headers["Cache-Control"] == "no-store"


def test_conversations_come_in_pages(api: Api) -> None:
    user = api.user()
    started = [api.start(userId=user) for _ in range(5)]
    newest_first = sorted(started, reverse=True)
    found: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        page = api.get(f"/conversations?limit=2&cursor={cursor}").json()
        found += [item["conversationId"] for item in page["items"]]
        cursor, pages = page["nextCursor"], pages + 1
    assert (found, pages) == (newest_first, 3)


def test_conversations_are_found_by_what_they_have(api: Api) -> None:
    user = api.user()
    one = api.start(userId=user, tags={"a": "1", "b": "2"}, botConversationId="chat-1")
    two = api.start(tags={"a": "1"})
    api.post("/actions/stopHitl", {"conversationId": two})
    for query, expected in {
        "tag.a=1": {one, two},
        "tag.a=1&tag.b=2": {one},
        "tag.a=2": set(),
        "status=opening": {one},
        "status=stopped&tag.a=1": {two},
        "botConversationId=chat-1": {one},
        f"userId={user}": {one},
    }.items():
        items = api.get(f"/conversations?{query}").json()["items"]
        assert {item["conversationId"] for item in items} == expected, query


def test_messages_come_in_order_and_in_pages(api: Api) -> None:
    id_ = api.start()
    for number in range(5):
        api.say(id_, f"message {number}")
    first = api.get(f"/conversations/{id_}/messages?limit=3").json()
    rest = api.get(f"/conversations/{id_}/messages?cursor={first['nextCursor']}").json()
    items = [*first["items"], *rest["items"]]
    assert [item["payload"]["text"] for item in items] == [f"message {n}" for n in range(5)]
    assert [item["sequence"] for item in items] == [1, 2, 3, 4, 5]
    assert rest["nextCursor"] is None
    assert items[0]["author"] == "bot"
    assert items[0]["userId"] is None


def test_a_message_cursor_is_a_number(api: Api) -> None:
    cursor = "Y29udg"  # "conv"
    answer = api.get(f"/conversations/{api.start()}/messages?cursor={cursor}")
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")


def test_a_user_is_shown(api: Api) -> None:
    id_ = api.user(externalId="42", tags={"plan": "pro"})
    body = api.get(f"/users/{id_}").json()
    assert body.pop("createdAt").endswith("Z")
    assert body == {
        "userId": id_, "kind": "user", "name": "Ana", "externalId": "42", "tags": {"plan": "pro"},
    }  # fmt: skip


def test_availability_is_asked_for_at_most_every_few_seconds(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def available(self: Any, session: Any) -> Availability:
        asked.append(session)
        return Availability("online", "3 agents")

    monkeypatch.setattr(fake_desk.FakeDesk, "availability", available)
    for _ in range(3):
        assert api.get("/availability").json() == {
            "status": "online", "detail": "3 agents", "installation": api.desk.slug,
        }  # fmt: skip
    assert len(asked) == 1


def test_availability_is_unknown_where_it_can_not_be_asked(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(self: Any, session: Any) -> Availability:
        raise Unavailable

    monkeypatch.setattr(fake_desk.FakeDesk, "availability", down)
    assert api.get("/availability").json()["status"] == "unknown"


def test_availability_of_a_paused_installation_is_unknown(api: Api) -> None:
    api.desk.status = "paused"
    api.desk.save()
    assert api.get("/availability").json()["status"] == "unknown"


def test_a_failed_session_says_why(api: Api) -> None:
    id_ = api.start()
    Conversation.objects.update(status="failed", stop_reason="failed", failure="No inbox.")
    body = api.get(f"/conversations/{id_}").json()
    assert body["status"] == body["stopReason"] == "failed"
    assert body["failure"] == "No inbox."
