"""The five calls over HTTP, with what axios and the Hub make of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from psycopg.errors import AdminShutdown, DeadlockDetected

from conversations.flows.botpress import speaking
from conversations.models import BotpressConnection, Conversation, Message, User
from hitl_bridge.models import Bot, Installation
from tests import factories
from tests.botpress.conftest import Hub, botpress_id, invented_email

CALLS = (
    "ping",
    "createRemoteUser",
    "createRemoteConversation",
    "botSendsMessage",
    "closeRemoteTicket",
)


def test_ping_is_answered_and_noted(hub: Hub) -> None:
    hub.ok("ping")
    assert BotpressConnection.objects.get().pinged_at


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b"[]"])
def test_ping_takes_any_body(hub: Hub, body: bytes) -> None:
    assert hub.post("ping", body).status_code == 200


@pytest.mark.parametrize("call", CALLS)
def test_a_base_address_that_ends_in_a_slash_works(hub: Hub, call: str) -> None:
    hub.base = f"/botpress/{hub.installation.bot_token}/"
    assert hub.post(call, {}).status_code in (200, 400)  # and not 301 or 404


@pytest.mark.parametrize("path", ["", "/", "/ping/", "/nothing", "//ping"])
def test_it_never_redirects(hub: Hub, path: str) -> None:
    address = f"/botpress/{hub.installation.bot_token}{path}"
    for method in ("get", "post"):
        assert getattr(Client(), method)(address, secure=True).status_code in (200, 404, 405)


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", "x"])
def test_the_content_type_is_ignored(hub: Hub, type_: str) -> None:
    body = b'{"type":"createRemoteUser","payload":{"name":"Ana"}}'
    assert hub.post("createRemoteUser", body, type_).status_code == 200


def test_calls_need_no_csrf_token_and_ignore_basic_auth(hub: Hub) -> None:
    answer = Client(enforce_csrf_checks=True).post(
        f"/botpress/{hub.installation.bot_token}/ping",
        data=b"{}",
        content_type="application/json",
        secure=True,
        headers={"Authorization": "Basic dTpw"},
    )
    assert answer.status_code == 200


def test_get_is_refused(hub: Hub) -> None:
    answer = Client().get(f"/botpress/{hub.installation.bot_token}/ping", secure=True)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize("token", ["x", "a" * 43, "..", "%00", "a" * 300])
def test_an_unknown_token_is_404(hub: Hub, token: str) -> None:
    hub.base = f"/botpress/{token}"
    assert hub.post("createRemoteUser", {"payload": {"name": "Ana"}}).status_code == 404
    assert not User.objects.exists()


def test_an_unknown_call_is_404(hub: Hub) -> None:
    assert hub.post("createUser", {}).status_code == 404


@pytest.mark.parametrize("change", [{"connector": "callback"}, {"enabled": False}])
def test_a_bot_that_is_not_botpress_or_switched_off_is_404(
    hub: Hub, change: dict[str, Any]
) -> None:
    Bot.objects.update(**change)
    assert hub.post("ping", {}).status_code == 404


def test_the_help_desks_token_is_not_botpress_s(hub: Hub) -> None:
    hub.base = f"/botpress/{hub.installation.webhook_token}"
    assert hub.post("ping", {}).status_code == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"", b'{"a":NaN}', b"[" * 100_000])
def test_malformed_json_is_400_with_a_sentence(hub: Hub, body: bytes) -> None:
    answer = hub.post("createRemoteUser", body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert "JSON" in answer.json()["detail"]


@pytest.mark.parametrize("call", CALLS[1:])
def test_a_missing_payload_is_400_naming_it(hub: Hub, call: str) -> None:
    answer = hub.post(call, {"type": call})
    assert (answer.status_code, answer.json()["field"]) == (400, "payload")


def test_a_body_that_is_too_large_is_413(hub: Hub) -> None:
    assert hub.post("createRemoteUser", b" " * (1024 * 1024 + 1)).status_code == 413


def test_ids_are_strings_of_at_most_36_characters(hub: Hub) -> None:
    conversation, user = hub.start()
    assert isinstance(conversation, str)
    assert len(conversation) <= 36
    assert len(user) <= 36


def test_extra_keys_and_odd_characters_do_no_harm(hub: Hub) -> None:
    conversation = hub.create_conversation(
        title="T" * 5000, description="a\x00b\ud800", priority=3, tags=["x"], hitlSession=None
    )
    stored = Conversation.objects.get(pk=conversation)
    assert (len(stored.title), stored.description) == (300, "ab?")


def test_the_installation_s_own_bot_is_used_where_tenants_have_several(hub: Hub) -> None:
    other = factories.installation()
    user = User.objects.get(pk=hub.create_user())
    assert (user.bot_id, user.tenant_id) == (hub.installation.bot_id, hub.installation.tenant_id)
    assert not User.objects.filter(tenant=other.tenant).exists()


def test_another_tenant_s_conversation_is_unknown(hub: Hub) -> None:
    other = factories.conversation(factories.installation(provider="fake"))
    body = {"remoteConversationId": other.id, "remoteUserId": "BOT", "payload": {"text": "x"}}
    assert hub.post("botSendsMessage", body).status_code == 404
    assert not Message.objects.exists()


def test_what_the_published_source_sends_is_taken_to_the_letter(hub: Hub) -> None:
    user = hub.ok(
        "createRemoteUser",
        payload={
            "role": "end-user",
            "name": "Unknown User",
            "email": invented_email("user_01K9ZXJ2V6T3M8Q4B5C7D0E1F2"),
            "pictureUrl": "https://cdn.example.com/a.png",
        },
    )["id"]
    conversation = hub.create_conversation(title="Refund", description="Order 7")
    hub.say(conversation, user, "hi")
    hub.close(botpress_id())
    stored = Conversation.objects.get(pk=conversation)
    assert (stored.user_id, stored.title, stored.stop_reason) == (user, "Refund", "botStopped")


def test_it_refuses_a_new_session_while_the_installation_is_disabled(hub: Hub) -> None:
    Installation.objects.update(status="disabled")
    answer = hub.post("createRemoteConversation", {"payload": {"title": "x"}})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("cause", "times"),
    [(DeadlockDetected(), 3), (AdminShutdown(), 1)],
    ids=["undone by the database", "perhaps stored"],
)
def test_a_call_is_begun_anew_only_where_the_database_has_undone_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, cause: Exception, times: int
) -> None:
    conversation, user = hub.start()
    calls: list[object] = []

    def fail(*given: object) -> None:
        calls.append(given)
        raise OperationalError from cause

    monkeypatch.setattr(speaking, "take", fail)
    body = {"remoteConversationId": conversation, "remoteUserId": user, "payload": {"text": "Hi"}}
    assert hub.post("botSendsMessage", body).status_code == 503
    assert len(calls) == times
