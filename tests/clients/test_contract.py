"""The Python client does what docs/openapi.yaml says: what is added there must be added here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
import yaml
from django.conf import settings
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from requests import PreparedRequest

from hitl_bridge_client import Bridge, Event, errors, types
from hitl_bridge_client.events import event_of

URL = "https://bridge.example.com"
SCHEMA: dict[str, Any] = yaml.safe_load((Path(settings.BASE_DIR) / "docs/openapi.yaml").read_text())
CHECKER = OpenAPI.from_dict({**SCHEMA, "servers": [{"url": URL}]})
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
}
TEXT = {"text": "Hello"}

# Each operation with all that it takes. The stream is told apart below: it has no JSON answer.
CALLS: dict[str, Callable[[Bridge], Any]] = {
    "createUser": lambda bridge: bridge.create_user(
        "Ana",
        email="ana@example.com",
        phone="+351 210 000 000",
        picture_url="https://example.com/ana.png",
        external_id="customer-42",
        tags={"plan": "pro"},
        installation="support",
    ),
    "startHitl": lambda bridge: bridge.start_hitl(
        "user_1",
        title="Refund",
        description="Wants money back",
        message_history=[{"source": {"type": "user"}, "type": "text", "payload": TEXT}],
        hitl_session={"team": "1"},
        bot_conversation_id="chat-7",
        tags={"order": "1001"},
        options={"assignmentTimeout": 600},
        installation="support",
        wait=10,
    ),
    "sendMessage": lambda bridge: bridge.send(
        "conv_1", "text", TEXT, user_id="user_1", additional_data="x"
    ),
    "typing": lambda bridge: bridge.typing("conv_1"),
    "markRead": lambda bridge: bridge.mark_read("conv_1", "msg_1"),
    "stopHitl": lambda bridge: bridge.stop_hitl("conv_1", "userEnded"),
    "getAvailability": lambda bridge: bridge.availability("support"),
    "getUser": lambda bridge: bridge.user("user_1"),
    "getConversation": lambda bridge: bridge.conversation("conv_1"),
    "listConversations": lambda bridge: list(
        bridge.conversations(
            status="queued", user_id="user_1", bot_conversation_id="chat-7", tags={"order": "1001"}
        )
    ),
    "listMessages": lambda bridge: list(bridge.messages("conv_1")),
    "listEvents": lambda bridge: bridge.read_events("17", wait=5),
    "streamEvents": lambda bridge: next(bridge.stream("17")),
}
TYPES: dict[str, type[Any]] = {
    name: getattr(types, name)
    for name in (
        "SessionStarted",
        "MessageAccepted",
        "Availability",
        "User",
        "Agent",
        "Message",
        "ConversationSummary",
        "Conversation",
    )
}


def answer_of(operation: dict[str, Any]) -> tuple[int, str, str]:
    """(status, content type, body): the operation's own example of a good answer."""
    (status, answer) = next(iter(operation["responses"].items()))
    ((content_type, content),) = answer["content"].items()
    value = next(iter(content["examples"].values()))["value"]
    return int(status), content_type, value if isinstance(value, str) else json.dumps(value)


def test_every_operation_has_a_method() -> None:
    assert set(CALLS) == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_call_is_as_described_and_its_answer_is_understood(name: str) -> None:
    path, method, operation = OPERATIONS[name]
    sent: list[PreparedRequest] = []

    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        sent.append(request)
        status, content_type, body = answer_of(operation)
        return status, {"Content-Type": content_type}, body

    with responses.RequestsMock() as mock:
        mock.add_callback(method.upper(), matching(path), callback=answer, content_type=None)
        CALLS[name](Bridge(URL, "key"))
    assert len(sent) == 1
    CHECKER.validate_request(RequestsOpenAPIRequest(sent[0]))
    assert given(sent[0]) == wanted(operation), "the client lacks what the API takes"


def matching(path: str) -> Any:
    for name, value in (("conversationId", "conv_1"), ("userId", "user_1")):
        path = path.replace(f"{{{name}}}", value)
    return URL + path


def given(request: PreparedRequest) -> set[str]:
    """The names of all that the client sent."""
    headers = {"Idempotency-Key", "Prefer", "Last-Event-ID"} & set(request.headers)
    body = json.loads(request.body) if request.body else {}
    query = {
        "tags" if key.startswith("tag.") else key
        for key in parse_qs(urlsplit(str(request.url)).query)
    }
    return {*headers, *body, *query}


def wanted(operation: dict[str, Any]) -> set[str]:
    """The names of all that the API takes, but for the places of pages, which the client knows."""
    found = {one["name"] for one in operation.get("parameters", ()) if one["in"] != "path"}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return (found - {"cursor"} | members(body.get("schema", {}))) - known_by_header(operation)


def known_by_header(operation: dict[str, Any]) -> set[str]:
    return {"after"} if operation["operationId"] == "streamEvents" else set()


def members(schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        schema = component(schema["$ref"].rpartition("/")[2])
    if "oneOf" in schema:
        return members(schema["oneOf"][0])  # messages differ in their payload only
    return set(schema.get("properties", ()))


def component(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["components"]["schemas"][name]
    return found


@pytest.mark.parametrize("name", TYPES)
def test_a_type_has_the_members_that_are_described(name: str) -> None:
    described, ours = component(name), TYPES[name]
    assert set(get_type_hints(ours)) == set(described["properties"])
    assert set(ours.__required_keys__) == set(described["required"])


def test_every_kind_of_problem_has_an_error() -> None:
    described = {
        example["value"]["type"]: example["value"]
        for _, _, operation in OPERATIONS.values()
        for status, answer in operation["responses"].items()
        if int(status) >= 400
        for example in answer["content"]["application/problem+json"]["examples"].values()
    }
    assert described
    for problem in described.values():
        error = errors.api_error(problem["status"], problem)
        assert type(error) is not errors.ApiError, problem["type"]
        assert error.detail == problem["detail"]


def test_every_event_is_understood() -> None:
    told = SCHEMA["webhooks"]["event"]["post"]["requestBody"]["content"]["application/json"]
    kinds = component("Event")["discriminator"]["mapping"]
    for example in told["examples"].values():
        event = event_of(example["value"])
        assert isinstance(event, Event)
        assert event.conversation_id == example["value"]["data"]["conversationId"]
    assert {example["value"]["type"] for example in told["examples"].values()} == set(kinds)
