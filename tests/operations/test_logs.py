"""Every line says what it is about, by ids, and none what was said."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses
import structlog
from django.test import Client

from conversations.engine import lanes, worker
from conversations.models import Conversation
from hitl_bridge.models import Installation
from providers.types import AgentMessage, Content
from tests import factories, fake_desk
from tests.engine.conftest import callbacks, desk, installation  # noqa: F401  # fixtures
from tests.fake_desk import RUI

pytestmark = pytest.mark.django_db(transaction=True)
HUSH = "hush-7f3a"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What would be written to the log, line by line."""
    root = logging.getLogger()
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(root.handlers[0].formatter)
    root.addHandler(handler)
    structlog.contextvars.clear_contextvars()

    def read() -> list[dict[str, Any]]:
        assert HUSH not in written.getvalue()
        return [json.loads(line) for line in written.getvalue().splitlines()]

    yield read
    root.removeHandler(handler)


@pytest.fixture
def call(installation: Installation, client: Client) -> Callable[..., Any]:  # noqa: F811
    """The bot's API."""
    _, key = factories.api_key(installation.bot)

    def call(path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        response = client.post(
            f"/api/v1{path}", body, "application/json", secure=True, headers=headers
        )
        assert response.status_code < 300, response.content
        return response.json()

    return call


def finished(lines: Lines, path: str) -> dict[str, Any]:
    """The line of the last request to this path."""
    return [
        line
        for line in lines()
        if line["event"] == "request_finished" and path in line.get("request", "")
    ][-1]


def test_api_lines_name_request_tenant_and_conversation(call, lines: Lines) -> None:
    user = call("/actions/createUser", name=HUSH, email=f"{HUSH}@acme.test")["userId"]
    started = call("/actions/startHitl", userId=user, title=HUSH)["conversationId"]
    line = finished(lines, "startHitl")
    assert line["request_id"]
    assert line["tenant_id"] == Conversation.objects.get().tenant_id
    assert line["conversation_id"] == started
    call(f"/conversations/{started}/messages", type="text", payload={"text": HUSH})
    assert finished(lines, "/messages")["conversation_id"] == started


def test_webhook_lines_name_tenant_and_conversation_and_no_token(
    call,
    lines: Lines,
    client: Client,
    installation: Installation,  # noqa: F811
) -> None:
    user = call("/actions/createUser", name="Ana")["userId"]
    started = call("/actions/startHitl", userId=user)["conversationId"]
    for lane in lanes.due(limit=10):
        worker.run_lane(lane)
    content = Content("text", {"text": HUSH})
    fake_desk.desk.happened.append(
        AgentMessage(remote_id="t1", key="p1", at=fake_desk.NOW, agent=RUI, contents=(content,))
    )
    url = f"/webhooks/fake/{installation.webhook_token}"
    answer = client.post(url, b"p1", "text/plain", secure=True, headers={"X-Secret": "right"})
    assert answer.status_code == 200
    line = finished(lines, "/webhooks/fake/")
    assert line["tenant_id"] == installation.tenant_id
    assert line["installation_id"] == installation.pk
    assert line["conversation_id"] == started
    assert installation.webhook_token not in json.dumps(lines())


def test_worker_lines_name_delivery_tenant_and_conversation(call, lines: Lines) -> None:
    user = call("/actions/createUser", name=HUSH)["userId"]
    started = call("/actions/startHitl", userId=user)["conversationId"]
    call(f"/conversations/{started}/messages", type="text", payload={"text": HUSH})
    for lane in lanes.due(limit=10):
        worker.run_lane(lane)
    talk = Conversation.objects.get()
    done = [line for line in lines() if line["event"] == "delivery_done"]
    assert {line["kind"] for line in done} >= {"open", "message"}
    for line in done:
        assert line["delivery_id"]
        assert line["tenant_id"] == talk.tenant_id
        assert line["conversation_id"] == talk.pk
        assert line["installation_id"] == talk.installation_id


def test_a_failure_s_line_names_them_as_well_and_not_what_the_bot_answered(
    call,
    lines: Lines,
    callbacks: responses.RequestsMock,  # noqa: F811
) -> None:
    callbacks.replace("POST", factories.CALLBACK_URL, status=500, body=HUSH)
    user = call("/actions/createUser", name=HUSH)["userId"]
    call("/actions/startHitl", userId=user)
    for _ in range(2):
        for lane in lanes.due(limit=10):
            worker.run_lane(lane)
    failed = next(line for line in lines() if line["event"] == "delivery_failed")
    assert failed["delivery_id"]
    assert failed["conversation_id"]
    assert failed["status"] == 500


def test_what_was_bound_for_one_lane_is_gone_after_it(call, lines: Lines) -> None:
    user = call("/actions/createUser", name="Ana")["userId"]
    call("/actions/startHitl", userId=user)
    structlog.contextvars.clear_contextvars()
    worker.run_lane(lanes.due(limit=1)[0])
    assert structlog.contextvars.get_contextvars() == {}
