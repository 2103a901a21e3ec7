"""Whole sessions through the engine: one chat, two sessions, and what comes late."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import responses
from django.utils import timezone

from conversations.engine import lanes, worker
from conversations.flows import messages, receipts, sessions
from conversations.models import Contact, Conversation, Delivery, Event, StopReason
from hitl_bridge import connect
from hitl_bridge.models import Installation, OAuthToken
from providers.types import WebhookRequest
from tests import factories
from tests.providers.livechat.conftest import BY_OAUTH, BY_PAT, SETTINGS
from tests.providers.livechat.double import RUI, LiveChatDouble

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Iterator[LiveChatDouble]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield LiveChatDouble(mocked, timezone.now)  # type: ignore[arg-type]  # a clock as well


@pytest.fixture(params=[BY_OAUTH, BY_PAT], ids=["oauth", "token"])
def installation(desk: LiveChatDouble, request: pytest.FixtureRequest) -> Installation:
    made = factories.installation(
        factories.bot(connector="feed"),
        provider="livechat",
        settings=SETTINGS,
        credentials=request.param,
    )
    connect.check(made)
    connect.register(made)
    return made


@pytest.fixture
def session(installation: Installation) -> Conversation:
    begun = factories.conversation(installation, title="Broken lamp")
    work()
    begun.refresh_from_db()
    return begun


def work() -> None:
    for _ in range(20):
        for lane in lanes.due(limit=50):
            worker.run_lane(lane)


def deliver(installation: Installation, desk: LiveChatDouble, *bodies: bytes) -> None:
    """LiveChat sends webhooks to where they are registered, with the secret of then."""
    for raw in bodies:
        body = json.loads(raw)
        for registered in desk.webhooks:
            if registered["action"] == body["action"]:
                assert registered["url"] == installation.webhook_url
                told = body | {"secret_key": registered["secret_key"]}
                request = WebhookRequest(
                    "POST", registered["url"], {}, json.dumps(told).encode(), timezone.now()
                )
                receipts.receive(Installation.objects.get(pk=installation.pk), request)
    work()


def told(conversation: Conversation) -> list[str]:
    return list(
        Event.objects.filter(conversation=conversation)
        .order_by("sequence")
        .values_list("type", flat=True)
    )


def test_a_session_from_handoff_to_goodbye(
    session: Conversation, installation: Installation, desk: LiveChatDouble
) -> None:
    assert session.remote_id in desk.tickets()
    bodies = desk.agent_works(session.remote_id)
    deliver(installation, desk, *bodies[:3], *bodies[:3])
    text = messages.NewMessage("text", {"text": "Thanks, Rui"}, session.user_id)
    desk.thread(session.remote_id)["active"] = True
    messages.send_message(session.bot, session.id, text)
    work()
    assert desk.shown(session.remote_id)[-1] == "Thanks, Rui"
    desk.end(session.remote_id)
    deliver(installation, desk, bodies[3])
    assert told(session) == ["hitlQueued", "hitlAssigned", "messageCreated", "hitlStopped"]
    assigned = Event.objects.get(conversation=session, type="hitlAssigned")
    assert assigned.data["agent"]["name"] == "Rui"
    assert "Angry customer!" not in json.dumps(list(session.events.values_list("data", flat=True)))


def test_the_next_session_uses_the_same_chat_and_customer(
    session: Conversation, installation: Installation, desk: LiveChatDouble
) -> None:
    sessions.stop_hitl(session.bot, session.id, StopReason.BOT_STOPPED)
    work()
    assert desk.closed(session.remote_id)
    [customer] = desk.customers
    own_close = desk.webhook("chat_deactivated", session.remote_id, user_id=customer)
    second = factories.conversation(installation, user=session.user)
    work()
    second.refresh_from_db()
    deliver(installation, desk, own_close)
    assert (second.remote_id, len(desk.customers)) == (session.remote_id, 1)
    assert told(second) == ["hitlQueued"], "our own close of the first is not the second's end"
    # The webhook of these words is lost; another one makes the bridge look.
    desk.event(second.remote_id, RUI["id"], "Still there?")
    left = desk.webhook("user_removed_from_chat", second.remote_id, user_id="maya@acme.test")
    deliver(installation, desk, left)
    assert told(second) == ["hitlQueued", "hitlAssigned", "messageCreated"]


def test_secrets_are_encrypted_where_they_lie(
    session: Conversation, installation: Installation, desk: LiveChatDouble
) -> None:
    kept = Contact.objects.get(user=session.user, installation=installation)
    assert kept.data["customer"]["token"] in desk.tokens
    progress = json.dumps(list(Delivery.objects.values_list("progress", flat=True)))
    for secret in (kept.data["customer"]["token"], installation.state["webhook_secret"]):
        assert secret not in progress
    if installation.credentials.get("refresh_token"):
        assert OAuthToken.objects.get().access_token == "fra:fresh"


def test_unregistering_leaves_nothing_at_livechat(
    installation: Installation, desk: LiveChatDouble
) -> None:
    connect.unregister(installation)
    assert desk.webhooks == []
    assert installation.state == {}
