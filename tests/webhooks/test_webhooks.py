"""Intercom's webhooks stand for all: what is tested here is the same for every help desk."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import close_old_connections
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries

from conversations import webhooks
from conversations.api.bodies import TooLarge, read_body
from conversations.engine import lanes, worker
from conversations.flows import receipts
from conversations.models import (
    Conversation,
    ConversationStatus,
    Delivery,
    DeliveryState,
    Event,
    Lane,
    Message,
    Receipt,
    UnmatchedEvent,
    User,
)
from hitl_bridge.models import App, Installation, InstallationStatus
from providers.intercom import Intercom
from providers.types import WebhookRequest
from tests import factories

SECRET = "s3cr3t-test-only"
# From Intercom's own secret and body, as its documentation has them computed.
VECTOR = (
    b'{"type":"notification_event","app_id":"abc123de","id":"notif_test_0001","topic":"ping",'
    b'"data":{"type":"notification_event_data","item":{"type":"ping"}}}'
)
VECTOR_SIGNATURE = "sha1=63d8cf9cdde9323fa896ad0f18d5877af53ebd37"
TABLES = (Receipt, Message, Event, Delivery, UnmatchedEvent, User, Conversation)


def sign(body: bytes) -> str:
    return "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()


def reply(part: str = "4576", text: str = "Hi Ana", **more: Any) -> bytes:
    """An agent's reply to ticket 2150."""
    author = {"type": "admin", "id": "814860", "name": "Rui", "email": "rui@acme.test"}
    shown = {
        "type": "conversation_part", "id": part, "part_type": "comment", "body": f"<p>{text}</p>",
        "created_at": 1790000001, "assigned_to": None, "author": author, "attachments": [],
    }  # fmt: skip
    parts = {"type": "conversation_part.list", "total_count": 1, "conversation_parts": [shown]}
    item = {"type": "conversation", "id": "2150", "state": "open", "conversation_parts": parts}
    envelope = {
        "type": "notification_event", "app_id": "abc123de", "id": f"notif_{part}",
        "topic": "conversation.admin.replied", "created_at": 1790000001,
        "data": {"type": "notification_event_data", "item": item}, **more,
    }  # fmt: skip
    return json.dumps(envelope).encode()


def post(address: str, body: bytes, signature: str | None = None, client: Any = None) -> Any:
    headers = {"X-Hub-Signature": sign(body) if signature is None else signature}
    return (client or Client()).post(
        address, body, "application/json", secure=True, headers=headers
    )


def rows() -> dict[str, int]:
    return {table.__name__: table.objects.count() for table in TABLES}


def new_session(**installation: Any) -> Conversation:
    """A session whose ticket is 2150."""
    bot = factories.bot(connector="feed", callback_url="")
    desk = factories.installation(bot, account_id="abc123de", **installation)
    conversation = factories.conversation(desk)
    Conversation.objects.update(remote_id="2150", status=ConversationStatus.QUEUED)
    # As if the ticket had been opened.
    Delivery.objects.update(state=DeliveryState.DONE)
    Lane.objects.update(due_at=None)
    conversation.refresh_from_db()
    return conversation


def address_of(conversation: Conversation) -> str:
    desk = conversation.installation
    return f"/webhooks/{desk.provider}/{desk.webhook_token}"


def work() -> None:
    """Let workers take in what was put off until the help desk could be asked."""
    for _ in range(20):
        due = lanes.due(limit=20)
        if not due:
            return
        for lane in due:
            worker.run_lane(lane)
    raise AssertionError("the lanes never run dry")


@pytest.fixture(autouse=True)
def _nothing_else_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked, the help desk tells nothing beyond its webhooks."""
    monkeypatch.setattr(Intercom, "catch_up", lambda self, ticket, since: [])


@pytest.fixture
def session(db: None) -> Conversation:
    return new_session()


@pytest.fixture
def address(session: Conversation) -> str:
    return address_of(session)


def test_an_agents_reply_is_taken_in(session: Conversation, address: str) -> None:
    answer = post(address, reply())
    assert (answer.status_code, answer.content) == (200, b"")
    work()
    assert Message.objects.get().payload == {"text": "Hi Ana"}
    assert [event.type for event in Event.objects.all()] == ["hitlAssigned", "messageCreated"]
    assert Receipt.objects.get().state == "applied"


def test_the_vendors_own_vector_passes(address: str) -> None:
    assert post(address, VECTOR, VECTOR_SIGNATURE).status_code == 200


@pytest.mark.parametrize(
    "signature",
    ["", "sha1=", "sha1=" + "0" * 40, sign(b"another body"), "sha256=" + "0" * 64, "é", "sha1"],
)
def test_a_wrong_signature_changes_nothing(address: str, signature: str) -> None:
    before = rows()
    assert post(address, reply(), signature).status_code == 401
    assert rows() == before


def test_without_a_signature_nothing_changes(address: str) -> None:
    before = rows()
    answer = Client().post(address, reply(), "application/json", secure=True)
    assert answer.status_code == 401
    assert rows() == before


def test_another_installations_signature_is_wrong(session: Conversation) -> None:
    other = factories.installation(session.bot, credentials={"client_secret": "another"})
    before = rows()
    assert post(f"/webhooks/intercom/{other.webhook_token}", reply()).status_code == 401
    assert rows() == before


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/intercom/unknown", "/webhooks/nobody/{token}", "/webhooks/intercom/app/{token}",
        "/webhooks/intercom/{token}/", "/webhooks/intercom/%00", "/webhooks/intercom/{token}%0A",
        "/webhooks/intercom/é", "/webhooks/intercom/" + "x" * 5000,
    ],
)  # fmt: skip
def test_unknown_addresses_are_not_there(session: Conversation, path: str) -> None:
    before = rows()
    address = path.format(token=session.installation.webhook_token)
    assert post(address, reply()).status_code == 404
    assert rows() == before


@pytest.mark.parametrize("token", ["known", "unknown"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_vendors_may_look_whether_somebody_is_there(
    address: str, token: str, method: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        path = address if token == "known" else "/webhooks/intercom/unknown"
        answer = getattr(Client(), method)(path, secure=True)
    assert (answer.status_code, answer.content) == (200, b"")


def test_other_methods_are_refused(address: str) -> None:
    assert Client().put(address, b"{}", secure=True).status_code == 405


def test_no_cross_site_token_is_asked_for(address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert post(address, reply(), client=client).status_code == 200


def test_an_unknown_token_costs_one_look(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        post("/webhooks/intercom/unknown", reply())


def test_large_bodies_are_refused_before_anything_else(
    address: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert post(address, b"x" * (1024 * 1024 + 1)).status_code == 413


def test_a_large_body_is_not_even_read() -> None:
    class Unread:
        def read(self, *_args: int) -> bytes:
            raise AssertionError

    request = RequestFactory().post("/x", b"", "application/json")
    request.META["CONTENT_LENGTH"] = str(50 * 1024 * 1024)
    request.environ["wsgi.input"] = Unread()
    with pytest.raises(TooLarge):
        read_body(request)


def test_bodies_in_chunks_are_read_and_bounded() -> None:
    for size, fits in ((1024 * 1024, True), (1024 * 1024 + 1, False)):
        request = RequestFactory().post("/x", b"", "application/json")
        request.META.pop("CONTENT_LENGTH", None)
        request.META["wsgi.input_terminated"] = True
        request.META["wsgi.input"] = io.BytesIO(b"x" * size)
        if fits:
            assert len(read_body(request)) == size
        else:
            with pytest.raises(TooLarge):
                read_body(request)


def test_what_is_signed_but_not_json_is_kept_and_leads_nowhere(address: str) -> None:
    for body in (b"nonsense", b"\x00\xff", b"[" * 50, b""):
        assert post(address, body).status_code == 200
    assert {receipt.state for receipt in Receipt.objects.all()} == {"failed"}


def test_a_ticket_that_is_not_ours_is_dropped(address: str) -> None:
    before = rows()
    body = reply().replace(b'"2150"', b'"9999"')
    assert post(address, body).status_code == 200
    assert rows() == {**before, "Receipt": before["Receipt"] + 1}


def test_an_event_without_a_ticket_finds_no_session_that_has_none_yet(
    session: Conversation,
) -> None:
    Conversation.objects.update(remote_id="", status=ConversationStatus.OPENING)
    post(address_of(session), reply().replace(b'"2150"', b'""'))
    assert not Message.objects.exists()


def test_a_disabled_installation_takes_nothing_in(session: Conversation, address: str) -> None:
    Installation.objects.update(status=InstallationStatus.DISABLED)
    assert post(address, reply()).status_code == 200
    assert not Message.objects.exists()


def test_a_repeat_is_answered_and_dropped(address: str) -> None:
    for _ in range(3):
        assert post(address, reply()).status_code == 200
    work()
    assert (Receipt.objects.count(), Message.objects.count()) == (1, 1)


def test_one_reply_under_two_notifications_is_one_message(address: str) -> None:
    post(address, reply(id="notif_1"))
    post(address, reply(id="notif_2"))
    work()
    assert (Receipt.objects.count(), Message.objects.count()) == (2, 1)


def test_what_can_not_be_applied_now_is_answered_and_applied_later(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(receipts, "_route", fail)
        assert post(address, reply()).status_code == 200
    work()
    assert not Message.objects.exists()
    Receipt.objects.update(retry_at="2026-01-01T00:00:00Z")
    receipts.apply_waiting()
    work()
    assert Message.objects.count() == 1


def test_the_request_is_handed_on_as_the_vendor_signed_it(
    session: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[WebhookRequest] = []
    monkeypatch.setattr(receipts, "receive", lambda owner, request: seen.append(request))
    post(address_of(session) + "?a=b%20c", b"raw \xff")
    request = seen[0]
    assert request.url == f"{session.installation.webhook_url}?a=b%20c"
    assert (request.method, request.body) == ("POST", b"raw \xff")
    assert request.headers["x-hub-signature"] == sign(b"raw \xff")


def test_an_apps_webhook_goes_to_the_account_that_it_names(db: None) -> None:
    session = new_session(credentials={})
    app = App.objects.create(
        tenant=session.tenant,
        slug="shared",
        provider="intercom",
        credentials={"client_secret": SECRET},
    )
    Installation.objects.update(app=app)
    address = f"/webhooks/intercom/app/{app.webhook_token}"
    assert post(address, reply(app_id="another")).status_code == 200
    work()
    assert not Message.objects.exists()
    assert post(address, reply(id="notif_2")).status_code == 200
    work()
    assert Message.objects.count() == 1
    assert post(f"/webhooks/intercom/{app.webhook_token}", reply()).status_code == 404
    before = rows()
    assert post(address, reply("5"), "sha1=" + "0" * 40).status_code == 401
    assert rows() == before


def in_own_thread(do: Callable[[], Any]) -> Any:
    try:
        return do()
    finally:
        close_old_connections()


@pytest.mark.django_db(transaction=True)
def test_each_webhook_sent_five_times_at_once_takes_effect_once() -> None:
    session = new_session()
    address = address_of(session)
    before = threading.active_count()
    bodies = [reply(str(number), f"message {number}") for number in range(1, 7)] * 5
    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(in_own_thread, partial(post, address, body)) for body in bodies]
        assert {task.result().status_code for task in tasks} == {200}
    work()
    assert [(r.state, r.error) for r in Receipt.objects.all()] == [("applied", "")] * 6
    assert Message.objects.count() == Event.objects.filter(type="messageCreated").count() == 6
    assert Event.objects.filter(type="hitlAssigned").count() == 1
    sequences = sorted(Event.objects.values_list("sequence", flat=True))
    assert sequences == list(range(1, 8))
    assert threading.active_count() - before < 10  # none of the 30 left a thread of its own behind


def test_the_view_needs_no_session_nor_user(address: str, session: Conversation) -> None:
    request = RequestFactory().post(
        address, reply(), "application/json", headers={"X-Hub-Signature": sign(reply())}
    )
    token = session.installation.webhook_token
    assert webhooks.to_installation(request, "intercom", token).status_code == 200
