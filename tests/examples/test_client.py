"""The Python client against a running bridge: all that is said is as docs/openapi.yaml has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

from hitl_bridge_client import Bridge, Conflict, Event, NotFound, Unauthorized
from tests.clients.test_contract import SCHEMA
from tests.examples.product import Agent, Product


@pytest.fixture
def bridge(product: Product) -> Bridge:
    """A client whose every exchange is held to the description."""
    found = Bridge(product.url, product.environment["BOT_KEY"])
    problems = Config(extra_media_type_deserializers={"application/problem+json": json.loads})
    described = OpenAPI.from_dict({**SCHEMA, "servers": [{"url": product.url}]}, config=problems)

    def check(answer: requests.Response, **_: Any) -> None:
        request = RequestsOpenAPIRequest(answer.request)
        described.validate_request(request)
        if not answer.headers["Content-Type"].startswith("text/event-stream"):
            described.validate_response(request, RequestsOpenAPIResponse(answer))

    found._transport.http.hooks["response"].append(check)
    return found


def told(events: Iterator[Event], conversation: str, count: int) -> list[Event]:
    found: list[Event] = []
    while len(found) < count:
        event = next(events)
        if event.conversation_id == conversation and event.sequence:
            found.append(event)
    return found


def test_a_whole_session_is_as_described(bridge: Bridge, agent: Agent) -> None:
    user = bridge.create_user("Ana", external_id="client-1", tags={"plan": "pro"})
    assert bridge.create_user("Ana Silva", external_id="client-1") == user
    assert bridge.user(user)["tags"] == {"plan": "pro"}
    assert bridge.availability()["installation"] == "yours"
    about: dict[str, Any] = {"bot_conversation_id": "client-chat", "tags": {"test": "client"}}
    started = bridge.start_hitl(user, title="Order", wait=20, **about)
    chat = started["conversationId"]
    assert started["status"] == "queued"
    assert bridge.start_hitl(user, **about)["conversationId"] == chat
    agent.accept()
    first = bridge.send_text(chat, "Hello?", user_id=user, idempotency_key=f"{chat}-1")
    assert bridge.send_text(chat, "Hello?", user_id=user, idempotency_key=f"{chat}-1") == first
    bridge.typing(chat)
    bridge.mark_read(chat)
    agent.reads("Hello?")
    agent.reply("Olá")

    kinds = ["hitlQueued", "hitlAssigned", "messageCreated"]
    streamed = told(bridge.stream(), chat, 3)
    assert [event.type for event in streamed] == kinds
    assert streamed[-1].text == "Olá"
    polled = told(bridge.events(), chat, 3)
    assert [(one.id, one.sequence) for one in polled] == [(o.id, o.sequence) for o in streamed]

    said = [message["payload"]["text"] for message in bridge.messages(chat, limit=1)]
    assert said == ["Hello?", "Olá"]
    assert [one["conversationId"] for one in bridge.conversations(tags={"test": "client"})] == [
        chat
    ]
    bridge.stop_hitl(chat, "userEnded")
    (last,) = told(bridge.stream(streamed[-1].cursor), chat, 1)
    assert (last.type, last.data["reason"]) == ("hitlStopped", "userEnded")
    assert bridge.conversation(chat)["status"] == "stopped"
    with pytest.raises(Conflict) as caught:
        bridge.send_text(chat, "Too late")
    assert caught.value.field == "conversationId"


def test_what_is_refused_is_as_described(bridge: Bridge, product: Product) -> None:
    with pytest.raises(NotFound):
        bridge.conversation("conv_1")
    with pytest.raises(Unauthorized):
        next(Bridge(product.url, "wrong").events())
