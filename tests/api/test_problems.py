from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from conversations.flows import people
from tests import factories
from tests.api.conftest import Api, new_api

TEXT = {"type": "text", "payload": {"text": "x"}}


def is_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:hitl-bridge:")
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(
    ("header", "enabled"),
    [(None, True), ("Basic eDp5", True), ("Bearer wrong", True), ("Bearer {key}", False)],
)
def test_a_usable_key_is_needed(api: Api, header: str | None, enabled: bool) -> None:
    api.bot.enabled = enabled
    api.bot.save()
    headers = {"Authorization": header.format(key=api.key)} if header else {}
    answer = Client().get("/api/v1/conversations", secure=True, headers=headers)
    is_problem(answer, 401)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_revoked_and_expired_keys_are_refused(api: Api) -> None:
    for field in ("revoked_at", "expires_at"):
        api.key = factories.api_key(api.bot, **{field: timezone.now()})[1]
        is_problem(api.get("/conversations"), 401)


@pytest.mark.parametrize("path", ["/", "/nothing", "/conversations/", "/actions/startHitl/"])
def test_unknown_addresses_are_problems(api: Api, path: str) -> None:
    is_problem(api.get(path), 404)
    is_problem(api.post(path), 404)


def test_docs_without_a_slash_are_still_found(client: Client) -> None:
    assert client.get("/api/docs", secure=True).status_code == 301


@pytest.mark.parametrize("path", ["/actions/startHitl", "/actions/stopHitl"])
def test_wrong_methods_are_problems(api: Api, path: str) -> None:
    is_problem(api.get(path), 405)


@pytest.mark.django_db(transaction=True)
def test_wrong_methods_of_the_feed_are_problems() -> None:
    is_problem(new_api().post("/events"), 405)


def test_other_media_types_are_problems(api: Api) -> None:
    answer = Client().post(
        "/api/v1/actions/createUser", "name=x", "text/plain", secure=True, headers=api.headers()
    )
    is_problem(answer, 415)


def test_whatever_is_accepted_json_is_answered(api: Api) -> None:
    assert api.get("/conversations", Accept="text/html").status_code == 200


def test_large_bodies_are_problems(api: Api) -> None:
    is_problem(api.post("/actions/createUser", b'"' + b"x" * 1024 * 1024 + b'"'), 413)


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"nonsense", b'{"name": NaN}', b'{"name": Infinity}', b"\xff\xfe",
        b'{"a":"\xed\xa0\x80"}', b"[" * 100_000, b'{"a":' * 50_000, b"1" * 10_000,
    ],
)  # fmt: skip
def test_what_is_not_json_is_a_problem(api: Api, body: bytes) -> None:
    is_problem(api.post("/actions/createUser", body), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name": "a\\u0000b"}', "name"),
        (b'{"name": "\\ud800"}', "name"),
        (b'{"name": "x", "tags": {"a\\u0000": "b"}}', "tags"),
        (b'{"name": "x", "tags": {"a": ["\\udfff"]}}', "tags.a.0"),
        (b'{"name": "x", "more": 1e999}', "more"),
        (b"[1]", ""),
        (b'"text"', ""),
        (b"null", ""),
    ],
)
def test_what_no_database_can_store_is_a_problem(api: Api, body: bytes, field: str) -> None:
    assert is_problem(api.post("/actions/createUser", body), 400).get("field", "") == field


def test_deep_nesting_is_a_problem(api: Api) -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    body = {"userId": api.user(), "hitlSession": {"a": deep}}
    is_problem(api.post("/actions/startHitl", body), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": 7}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "x", "email": "no address"}, "email"),
        ({"name": "x", "phone": "1" * 41}, "phone"),
        ({"name": "x", "pictureUrl": "javascript:alert(1)"}, "pictureUrl"),
        ({"name": "x", "pictureUrl": "http://[1"}, "pictureUrl"),
        ({"name": "x", "externalId": ["x"]}, "externalId"),
        ({"name": "x", "tags": []}, "tags"),
        ({"name": "x", "tags": {"": "x"}}, "tags"),
        ({"name": "x", "tags": {"a": 1}}, "tags.a"),
        ({"name": "x", "tags": {"a" * 65: "x"}}, "tags." + "a" * 65),
        ({"name": "x", "tags": {str(n): "x" for n in range(51)}}, "tags"),
    ],
)
def test_a_wrong_user_names_the_field(api: Api, body: Any, field: str) -> None:
    problem = is_problem(api.post("/actions/createUser", body), 400)
    assert problem["field"] == field
    assert problem["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": "x" * 301}, "title"),
        ({"botConversationId": "x" * 201}, "botConversationId"),
        ({"messageHistory": {}}, "messageHistory"),
        ({"messageHistory": ["x"]}, "messageHistory.0"),
        ({"messageHistory": [TEXT]}, "messageHistory.0.source"),
        (
            {"messageHistory": [{"source": {"type": "agent"}, **TEXT}]},
            "messageHistory.0.source.type",
        ),
        (
            {"messageHistory": [{"source": {"type": "bot"}, "type": "image", "payload": {}}]},
            "messageHistory.0.payload.imageUrl",
        ),
        ({"options": {"assignmentTimeout": "soon"}}, "options.assignmentTimeout"),
        ({"options": {"idleTimeout": -1}}, "options.idleTimeout"),
        ({"options": {"idleTimeout": 10**9}}, "options.idleTimeout"),
        ({"hitlSession": {"unheard": 1}}, "hitlSession.unheard"),
        ({"hitlSession": [1]}, "hitlSession"),
    ],
)
def test_a_wrong_session_names_the_field(api: Api, fields: Any, field: str) -> None:
    problem = is_problem(api.post("/actions/startHitl", {"userId": api.user(), **fields}), 400)
    assert problem["field"] == field


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "type"),
        ({"type": "poem"}, "type"),
        ({"type": ["text"]}, "type"),
        ({"type": "text"}, "payload"),
        ({"type": "text", "payload": "Hi"}, "payload"),
        ({"type": "text", "payload": {}}, "payload.text"),
        ({"type": "image", "payload": {"url": "https://x.test/a.png"}}, "payload.imageUrl"),
        ({"type": "image", "payload": {"imageUrl": "a.png"}}, "payload.imageUrl"),
        ({"type": "location", "payload": {"latitude": 91, "longitude": 0}}, "payload.latitude"),
        ({"type": "location", "payload": {"latitude": "1", "longitude": 0}}, "payload.latitude"),
        ({"type": "location", "payload": {"latitude": True, "longitude": 0}}, "payload.latitude"),
        ({"type": "choice", "payload": {"text": "?", "options": [{}]}}, "payload.options.0.label"),
        ({"type": "carousel", "payload": {"items": []}}, "payload.items"),
        ({"type": "carousel", "payload": {"items": [{}]}}, "payload.items.0.title"),
        (
            {"type": "card", "payload": {"title": "x", "actions": [{"action": "run"}]}},
            "payload.actions.0.action",
        ),
        (
            {"type": "bloc", "payload": {"items": [{"type": "card", "payload": {"title": "x"}}]}},
            "payload.items.0.type",
        ),
        (
            {"type": "bloc", "payload": {"items": [{"type": "audio", "payload": {}}]}},
            "payload.items.0.payload.audioUrl",
        ),
        ({"type": "text", "payload": {"text": "x"}, "additionalData": "x" * 501}, "additionalData"),
    ],
)
def test_a_wrong_message_names_the_field(api: Api, message: Any, field: str) -> None:
    answer = api.post(f"/conversations/{api.start()}/messages", message)
    assert is_problem(answer, 400)["field"] == field


def test_a_wrong_reason_names_the_field(api: Api) -> None:
    body = {"conversationId": api.start(), "reason": "boredom"}
    assert is_problem(api.post("/actions/stopHitl", body), 400)["field"] == "reason"


@pytest.mark.parametrize(
    "query",
    [
        "?cursor=%00", "?cursor=***", "?cursor=YQ%3D%3D%3D", "?limit=0", "?limit=101", "?limit=x",
        "?status=lost", "?tag.a=%00", "?tag.%00=a", "?stauts=opening", "?limit=%F0%9F%98%80",
    ],
)  # fmt: skip
def test_wrong_queries_are_problems(api: Api, query: str) -> None:
    is_problem(api.get(f"/conversations{query}"), 400)


@pytest.mark.parametrize("path", ["/conversations/%00", "/users/%ff", "/conversations/é/messages"])
def test_wrong_ids_are_not_there(api: Api, path: str) -> None:
    is_problem(api.get(path), 404)


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("a secret"), 500), (OperationalError("a secret"), 503)]
)
def test_what_goes_wrong_here_is_told_no_one(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_args: Any) -> None:
        raise error

    monkeypatch.setattr(people, "create_user", fail)
    answer = api.post("/actions/createUser", {"name": "x"})
    is_problem(answer, status)
    assert b"secret" not in answer.content
