"""Webhooks from the help desk: each effect once, whoever sends it, however often."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import responses
from django.utils import timezone

from conversations.flows import catching_up, inbound, messages, receipts, sessions
from conversations.flows.messages import NewMessage
from conversations.models import (
    Conversation,
    ConversationStatus,
    Delivery,
    Event,
    Message,
    Receipt,
    ReceiptState,
    StopReason,
    UnmatchedEvent,
    User,
)
from hitl_bridge.models import Installation
from providers.errors import BadSignature, Misconfigured, Unavailable
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    Content,
    InboundEvent,
    MessageRedacted,
    TicketClosed,
    TicketTransferred,
    WebhookRequest,
)
from tests import factories, fake_desk
from tests.fake_desk import RUI, Desk

Drain = Callable[..., None]
NAMELESS = Agent("rui")


def message(key: str = "p1", text: str = "Hello", agent: Agent = RUI) -> AgentMessage:
    content = Content("text", {"text": text})
    return AgentMessage(remote_id="t1", key=key, at=fake_desk.NOW, agent=agent, contents=(content,))


def assigned(key: str, agent: Agent, minutes: int = 0) -> AgentAssigned:
    at = fake_desk.NOW + timedelta(minutes=minutes)
    return AgentAssigned(remote_id="t1", key=key, at=at, agent=agent)


def closed(key: str = "c1") -> TicketClosed:
    return TicketClosed(remote_id="t1", key=key, at=fake_desk.NOW, agent=RUI)


def webhook(
    installation: Installation, event: InboundEvent, desk: Desk, *, known: bool = True
) -> None:
    """The help desk tells of the event; `known`: it would tell of it when asked, too."""
    desk.happened.append(event)
    request = WebhookRequest("POST", "", {"x-secret": "right"}, event.key.encode(), timezone.now())
    receipts.receive(installation, request)
    if not known:
        desk.happened.remove(event)


def told(session: Conversation) -> list[str]:
    return list(session.events.order_by("sequence").values_list("type", flat=True))


def test_an_agents_first_message_counts_as_assignment_and_reaches_the_bot_in_order(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    callbacks: responses.RequestsMock,
) -> None:
    webhook(installation, message(), desk)
    drain()
    assert told(session) == ["hitlQueued", "hitlAssigned", "messageCreated"]
    sent = [json.loads(call.request.body) for call in callbacks.calls]  # type: ignore[arg-type]
    assert [body["sequence"] for body in sent] == [1, 2, 3]
    assert sent[2]["data"]["payload"] == {"text": "Hello"}
    assert sent[1]["data"]["agent"]["name"] == "Rui"
    assert sent[1]["data"]["userId"] != session.user_id
    assert sent[1]["data"]["botConversationId"] == "chat-1"


def test_a_webhook_sent_twice_takes_effect_once(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    webhook(installation, message(), desk)
    webhook(installation, message(), desk)
    drain()
    assert Message.objects.count() == 1
    assert Receipt.objects.count() == 1


def test_one_message_told_by_two_webhooks_is_one_message(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    webhook(installation, message(), desk)
    Receipt.objects.update(key="another webhook")
    webhook(installation, message(), desk)
    drain()
    assert Receipt.objects.count() == 2
    assert Message.objects.count() == 1


def test_a_wrong_signature_changes_nothing(
    session: Conversation, installation: Installation, desk: Desk
) -> None:
    before = (Receipt.objects.count(), Event.objects.count(), Message.objects.count())
    desk.happened.append(message())
    request = WebhookRequest("POST", "", {"x-secret": "wrong"}, b"p1", timezone.now())
    with pytest.raises(BadSignature):
        receipts.receive(installation, request)
    assert (Receipt.objects.count(), Event.objects.count(), Message.objects.count()) == before


def test_an_event_for_an_unknown_ticket_is_dropped(
    session: Conversation, installation: Installation, desk: Desk
) -> None:
    stranger = AgentMessage(
        remote_id="t99", key="x", at=fake_desk.NOW, agent=RUI, contents=message().contents
    )
    webhook(installation, stranger, desk)
    assert Receipt.objects.get().state == ReceiptState.IGNORED
    assert Conversation.objects.count() == 1
    assert UnmatchedEvent.objects.count() == 0


def test_a_webhook_that_overtakes_its_tickets_id_waits_for_it(
    installation: Installation, desk: Desk, drain: Drain
) -> None:
    conversation = factories.conversation(installation)
    webhook(installation, message(), desk)
    assert Message.objects.count() == 0
    drain()
    assert told(conversation) == ["hitlQueued", "hitlAssigned", "messageCreated"]


def test_only_a_change_of_agent_is_told_and_never_an_older_one(
    session: Conversation, installation: Installation, desk: Desk
) -> None:
    ada = Agent("ada", "Ada")
    webhook(installation, assigned("a1", RUI, 1), desk)
    webhook(installation, assigned("a2", RUI, 2), desk)
    webhook(installation, assigned("a3", ada, 3), desk)
    webhook(installation, assigned("a0", RUI, 0), desk)
    session.refresh_from_db()
    assert told(session) == ["hitlQueued", "hitlAssigned", "hitlAssigned"]
    assert session.agent
    assert session.agent.name == "Ada"


def test_an_agent_known_by_id_only_is_looked_up_before_the_bot_is_told(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    webhook(installation, assigned("a1", NAMELESS), desk)
    webhook(installation, message("p1", agent=NAMELESS), desk)
    drain()
    assert User.objects.get(kind="agent").name == "Rui"
    assert told(session) == ["hitlQueued", "hitlAssigned", "messageCreated"]


def test_a_transfer_puts_the_session_back_in_the_queue(
    session: Conversation, installation: Installation, desk: Desk
) -> None:
    webhook(installation, assigned("a1", RUI), desk)
    later = fake_desk.NOW + timedelta(minutes=1)
    transfer = TicketTransferred(remote_id="t1", key="x1", at=later, to="Billing")
    webhook(installation, transfer, desk)
    session.refresh_from_db()
    assert session.status == ConversationStatus.QUEUED
    assert told(session)[-1] == "hitlTransferred"


def test_a_closed_ticket_ends_the_session_once_and_is_not_closed_again(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    webhook(installation, closed("c1"), desk)
    webhook(installation, closed("c2"), desk)
    drain()
    session.refresh_from_db()
    assert (session.status, session.stop_reason) == ("stopped", "agentClosed")
    assert told(session) == ["hitlQueued", "hitlStopped"]
    assert desk.closed == set()


def test_what_an_agent_said_before_closing_arrives_though_its_webhook_was_lost(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    desk.happened.append(message("lost", "One more thing"))
    webhook(installation, closed(), desk)
    drain()
    assert told(session) == ["hitlQueued", "hitlAssigned", "messageCreated", "hitlStopped"]


def test_a_message_after_the_end_is_told_as_late(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    webhook(installation, closed(), desk)
    drain()
    webhook(installation, message("late"), desk)
    event = session.events.latest("sequence")
    assert event.type == "messageCreated"
    assert event.data["late"] is True


def test_catching_up_finds_lost_messages_once_and_in_order(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    webhook(installation, message("p1", "one"), desk)
    desk.happened += [message("p2", "two"), message("p3", "three")]
    catching_up.after_down_time()
    webhook(installation, message("p4", "four"), desk)  # must not overtake what was lost
    catching_up.start_due()
    drain()
    texts = [m.payload["text"] for m in session.messages.order_by("sequence")]
    assert texts == ["one", "two", "three", "four"]


def test_messages_whose_webhooks_overtake_each_other_are_told_in_order(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    first, second = message("p1", "one"), message("p2", "two")
    desk.happened += [first, second]
    for event in (second, first):
        request = WebhookRequest(
            "POST", "", {"x-secret": "right"}, event.key.encode(), timezone.now()
        )
        receipts.receive(installation, request)
        drain()
    texts = [m.payload["text"] for m in session.messages.order_by("sequence")]
    assert texts == ["one", "two"]


def test_a_ticket_that_can_not_be_read_at_once_changes_no_order(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> list[InboundEvent]:
        raise Unavailable("try again")

    with monkeypatch.context() as patched:
        patched.setattr(fake_desk.FakeDesk, "catch_up", broken)
        desk.happened.append(message("p1", "one"))  # its webhook is late
        webhook(installation, message("p2", "two"), desk)
        drain()
    assert not session.messages.exists(), "told before it was known what came first"
    drain(timedelta(seconds=5))
    texts = [m.payload["text"] for m in session.messages.order_by("sequence")]
    assert texts == ["one", "two"]


def test_a_ticket_that_can_not_be_read_holds_nothing_back_for_long(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> list[InboundEvent]:
        raise Unavailable("try again")

    monkeypatch.setattr(fake_desk.FakeDesk, "catch_up", broken)
    webhook(installation, message("p1", "one"), desk)
    drain()
    assert not session.messages.exists()
    since = (timezone.now() - timedelta(seconds=30)).isoformat()
    Delivery.objects.update(progress={"read-1": since, "read-2": since})
    for _ in range(2):
        drain(timedelta(seconds=5))
        assert not session.messages.exists(), "told after three or four tries, late as they were"
    drain(timedelta(seconds=5))
    assert session.messages.get().payload == {"text": "one"}


def test_what_waits_behind_goes_ahead_by_its_time_where_the_ticket_can_not_be_read(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> list[InboundEvent]:
        raise Misconfigured("The scope to read is missing.")

    monkeypatch.setattr(fake_desk.FakeDesk, "catch_up", broken)
    for number in (3, 1, 2):
        later = replace(
            message(f"p{number}", str(number)), at=fake_desk.NOW + timedelta(seconds=number)
        )
        webhook(installation, later, desk)
    webhook(installation, replace(closed(), at=fake_desk.NOW + timedelta(minutes=1)), desk)
    drain()
    texts = [m.payload["text"] for m in session.messages.order_by("sequence")]
    assert texts == ["1", "2", "3"]
    assert told(session).count("messageCreated") == 3
    assert told(session)[-1] == "hitlStopped"


def test_a_deleted_message_loses_its_contents_here_too(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    webhook(installation, message("p1", "secret"), desk)
    drain()
    gone = MessageRedacted(remote_id="t1", key="r1", at=fake_desk.NOW, message_key="p1")
    webhook(installation, gone, desk)
    assert session.messages.get().payload == {}
    assert "secret" not in json.dumps([event.data for event in session.events.all()])


def test_an_event_that_breaks_is_kept_and_applied_by_the_sweep(
    session: Conversation,
    installation: Installation,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect of ours")

    with monkeypatch.context() as patch:
        patch.setattr(inbound, "apply", broken)
        webhook(installation, assigned("a1", RUI), desk)
    assert Receipt.objects.get().state == ReceiptState.STORED
    Receipt.objects.update(retry_at=timezone.now())
    receipts.apply_waiting()
    assert Receipt.objects.get().state == ReceiptState.APPLIED
    assert told(session)[-1] == "hitlAssigned"


def test_another_accounts_event_is_ignored_at_a_shared_apps_installation(
    session: Conversation, installation: Installation, desk: Desk
) -> None:
    Installation.objects.update(account_id="acc")
    installation.refresh_from_db()
    foreign = AgentMessage(
        remote_id="t1",
        key="f1",
        at=fake_desk.NOW,
        agent=RUI,
        contents=message().contents,
        account_id="other",
    )
    webhook(installation, foreign, desk)
    assert Message.objects.count() == 0


def test_a_second_session_in_the_same_chat_works_after_the_first(
    session: Conversation, installation: Installation, drain: Drain
) -> None:
    sessions.stop_hitl(session.bot, session.id, StopReason.USER_ENDED)
    drain()
    second = factories.conversation(installation, user=session.user, bot_conversation_id="chat-1")
    drain()
    second.refresh_from_db()
    assert second.id != session.id
    assert second.status == ConversationStatus.QUEUED


def test_starting_the_same_session_again_returns_the_open_one(
    session: Conversation, installation: Installation
) -> None:
    again = factories.conversation(installation, user=session.user, bot_conversation_id="chat-1")
    assert again.id == session.id


def test_what_waits_when_the_agent_closes_does_not_open_the_ticket_again(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    desk.answers = [fake_desk.fails(Unavailable("down"))]
    new = NewMessage("text", {"text": "still there?"}, session.user_id)
    messages.send_message(session.bot, session.id, new)
    drain()
    webhook(installation, closed(), desk)
    drain()
    drain(later=timedelta(hours=1))
    assert desk.tickets["t1"] == []
    assert told(session) == ["hitlQueued", "messageStatus", "hitlStopped"]


def test_assignments_of_the_same_second_are_told_once_each(
    session: Conversation, installation: Installation, desk: Desk, drain: Drain
) -> None:
    ada = Agent("ada", "Ada")
    desk.happened += [assigned("a1", RUI), assigned("a2", ada)]
    for key in ("p1", "p2", "p3"):
        webhook(installation, message(key, agent=ada), desk)
        drain()
    assert told(session).count("hitlAssigned") == 2
