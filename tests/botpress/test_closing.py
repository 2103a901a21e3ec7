"""Which session a closeRemoteTicket ends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import responses
from django.db import transaction
from django.utils import timezone

from conversations.flows import ending
from conversations.flows.botpress import asking, closing
from conversations.flows.locking import locked
from conversations.models import BotpressClose, BotpressSession, Conversation, StopReason
from hitl_bridge.models import Bot, Installation
from tests.botpress.conftest import Drain, Hub, botpress_id, connection, conversation_of, is_open

SECOND = timedelta(seconds=1)
NO_TIME = "conv_not-a-ulid"


def answered(conversation: str, ago: timedelta) -> datetime:
    """As if the handoff had been answered that long ago."""
    at = timezone.now() - ago
    BotpressSession.objects.filter(pk=conversation).update(answered_at=at)
    return at


def later(by: timedelta = closing.PATIENCE) -> None:
    """As if that long had passed since the closes came; the worker looks at them."""
    now = timezone.now()
    for close in BotpressClose.objects.exclude(due_at=None):
        close.due_at = min(now, (close.due_at or now) - by)
        close.deadline -= by
        close.save()
    asking.run_due()


def end_by_agent(conversation: str, ago: timedelta = SECOND) -> None:
    with transaction.atomic():
        ending.end(locked(conversation), StopReason.AGENT_CLOSED, ticket_is_closed=True)
    Conversation.objects.filter(pk=conversation).update(stopped_at=timezone.now() - ago)


def state() -> str:
    return BotpressClose.objects.get().state


@pytest.fixture
def two(hub: Hub) -> tuple[str, str]:
    """Two handoffs at the same time."""
    return hub.start()[0], hub.start()[0]


def test_an_id_s_time_is_read() -> None:
    now = datetime.fromisoformat("2026-11-21T09:00:00.123+00:00")
    assert closing.minted_at(botpress_id(at=now)) == now


@pytest.mark.parametrize("id_", ["", NO_TIME, "conv_01K9", "conv_" + "U" * 26, "conv_" + "Z" * 26])
def test_an_id_without_a_time_is_no_error(id_: str) -> None:
    assert closing.minted_at(id_) is None


@pytest.mark.parametrize(
    "id_",
    [NO_TIME, botpress_id(at=datetime.fromisoformat("2030-01-01T00:00Z"))],
    ids=["without a time", "from another time"],
)
def test_the_only_open_session_is_ended(hub: Hub, id_: str) -> None:
    conversation, _ = hub.start()
    hub.close(id_)
    assert conversation_of(conversation).stop_reason == "botStopped"


def test_the_ticket_is_closed_and_botpress_is_not_told_of_its_own_stop(
    hub: Hub, drain: Drain
) -> None:
    conversation, user = hub.start()
    hub.say(conversation, user)
    drain()
    hub.close(botpress_id())
    drain()
    assert hub.sent == []
    assert conversation_of(conversation).deliveries.get(kind="close").state == "done"


def test_an_old_id_does_not_end_a_younger_session(hub: Hub) -> None:
    conversation, _ = hub.start()
    hub.close(botpress_id(at=timezone.now() - timedelta(hours=1)))
    later()
    assert is_open(conversation)
    assert state() == "unresolved"


def test_the_notice_says_whose_close_it_is(hub: Hub, two: tuple[str, str]) -> None:
    hub.bot_says(two[1])
    hub.close(NO_TIME)
    assert [is_open(id_) for id_ in two] == [True, False]


def test_the_close_may_overtake_the_notice(hub: Hub, two: tuple[str, str]) -> None:
    hub.close(botpress_id())
    assert all(is_open(id_) for id_ in two)
    hub.bot_says(two[0])
    assert [is_open(id_) for id_ in two] == [False, True]


@pytest.mark.parametrize(
    "text", ["The user has ended the session", "(the user has ended the session.)"]
)
def test_the_notice_is_known_without_its_brackets(
    hub: Hub, two: tuple[str, str], text: str
) -> None:
    hub.bot_says(two[0], text)
    hub.close(NO_TIME)
    assert [is_open(id_) for id_ in two] == [False, True]


def test_the_notice_s_text_is_configurable(hub: Hub, two: tuple[str, str]) -> None:
    Installation.objects.update(options={"botpressEndingNotice": "Kunde ist weg."})
    hub.bot_says(two[0])  # just a text now
    hub.bot_says(two[1], "Kunde ist weg.")
    hub.close(NO_TIME)
    assert [is_open(id_) for id_ in two] == [True, False]


def test_a_user_who_says_the_same_words_ends_nothing(hub: Hub, two: tuple[str, str]) -> None:
    user = BotpressSession.objects.get(pk=two[0]).user_id
    assert user
    hub.say(two[0], user, "The user has ended the session.")
    hub.close(NO_TIME)
    assert all(is_open(id_) for id_ in two)


def test_a_notice_of_long_ago_is_no_evidence(hub: Hub, two: tuple[str, str]) -> None:
    hub.bot_says(two[0])
    BotpressSession.objects.filter(pk=two[0]).update(
        ending_notice_at=timezone.now() - timedelta(minutes=5)
    )
    hub.close(NO_TIME)
    assert all(is_open(id_) for id_ in two)


@pytest.mark.parametrize("mine", [0, 1])
def test_the_time_in_the_id_tells_two_sessions_apart(
    hub: Hub, two: tuple[str, str], mine: int
) -> None:
    times = [answered(two[0], timedelta(minutes=5)), answered(two[1], timedelta(minutes=2))]
    hub.close(botpress_id(at=times[mine] + SECOND))
    assert [is_open(id_) for id_ in two] == [mine != 0, mine != 1]


def test_of_two_at_once_the_time_does_not_guess(hub: Hub, two: tuple[str, str]) -> None:
    """Both ids may have been minted after both answers."""
    hub.close(botpress_id())
    later()
    assert all(is_open(id_) for id_ in two)
    assert state() == "unresolved"


def test_after_one_is_told_apart_the_other_is_by_elimination(
    hub: Hub, two: tuple[str, str]
) -> None:
    hub.bot_says(two[1])
    hub.close(botpress_id())
    assert is_open(two[0])
    hub.close(botpress_id())
    assert not is_open(two[0])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_that_end_at_once_both_end_in_whatever_order(
    hub: Hub, two: tuple[str, str], order: tuple[int, int]
) -> None:
    ids = [botpress_id(), botpress_id()]
    for number in order:
        hub.bot_says(two[number])
    for number in reversed(order):
        hub.close(ids[number])
    assert not any(is_open(id_) for id_ in two)
    assert set(BotpressClose.objects.values_list("state", flat=True)) == {"resolved"}


def test_two_closes_ahead_of_both_notices_end_both(hub: Hub, two: tuple[str, str]) -> None:
    hub.close(botpress_id())
    hub.close(botpress_id())
    for id_ in two:
        hub.bot_says(id_)
    assert not any(is_open(id_) for id_ in two)


def test_a_repeated_close_ends_nobody_else(hub: Hub) -> None:
    first, _ = hub.start()
    id_ = botpress_id()
    hub.close(id_)
    second, _ = hub.start()
    hub.close(id_)
    assert [is_open(first), is_open(second)] == [False, True]


def test_the_close_of_a_session_that_has_just_ended_ends_nobody_else(
    hub: Hub, two: tuple[str, str]
) -> None:
    """The user typed /end while the agent closed."""
    end_by_agent(two[0])
    hub.close(NO_TIME)
    hub.close(botpress_id())
    later()
    assert is_open(two[1])


def test_the_time_tells_that_the_session_has_ended_long_ago(hub: Hub, two: tuple[str, str]) -> None:
    at = answered(two[0], timedelta(hours=2))
    end_by_agent(two[0], ago=timedelta(hours=1))
    hub.close(botpress_id(at=at + SECOND))
    assert is_open(two[1])
    assert state() == "resolved"


def test_what_nobody_can_tell_apart_is_left_to_the_idle_timer(
    hub: Hub, two: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    hub.close(NO_TIME)
    later(by=SECOND)
    assert state() == "pending"
    later()
    assert state() == "unresolved"
    assert all(conversation_of(id_).idle_deadline for id_ in two)
    assert "botpress_close_unresolved" in caplog.text


def test_a_close_on_an_idle_connection_is_fine(hub: Hub) -> None:
    hub.close(botpress_id())
    later()
    assert state() == "unresolved"


def test_other_connections_are_not_touched(hub: Hub) -> None:
    other = Hub(connection())
    conversation, _ = other.start()
    hub.close(botpress_id())
    assert is_open(conversation)


@pytest.mark.parametrize("id_", [None, "", 7, "x" * 201])
def test_a_close_without_an_id_is_400(hub: Hub, id_: object) -> None:
    answer = hub.post("closeRemoteTicket", {"payload": {"botpressConversationId": id_}})
    assert answer.status_code == 400


def test_our_own_integration_names_its_conversation(hub: Hub, two: tuple[str, str]) -> None:
    payload = {"botpressConversationId": NO_TIME, "remoteConversationId": two[1]}
    hub.ok("closeRemoteTicket", payload=payload)
    assert [is_open(id_) for id_ in two] == [True, False]


def test_a_link_that_is_known_decides(hub: Hub, two: tuple[str, str]) -> None:
    linked = hub.create_conversation(botpressConversationId="conv_linked")
    hub.close("conv_linked")
    assert [is_open(id_) for id_ in (*two, linked)] == [True, True, False]


class TestAskingBotpress:
    URL = "https://api.botpress.cloud/v1/chat/conversations/"

    @pytest.fixture(autouse=True)
    def _token(self, installation: Installation) -> None:
        bot = Bot.objects.get()
        bot.botpress_token, bot.botpress_bot_id = "bp_pat_1", "b0t"
        bot.save()

    @pytest.mark.parametrize("tag", ["externalId", "plus/hitl-api:externalId"])
    def test_its_tag_names_our_conversation(
        self, hub: Hub, two: tuple[str, str], webhooks: responses.RequestsMock, tag: str
    ) -> None:
        id_ = botpress_id()
        body = {"conversation": {"id": id_, "tags": {"upstream": "x", tag: two[1]}}}
        webhooks.get(self.URL + id_, json=body)
        hub.close(id_)
        assert all(is_open(each) for each in two)  # nobody is asked within the request
        asking.run_due()
        assert [is_open(each) for each in two] == [True, False]
        request = webhooks.calls[-1].request
        assert request.headers["Authorization"] == "Bearer bp_pat_1"
        assert request.headers["x-bot-id"] == "b0t"

    @pytest.mark.parametrize("status", [401, 404, 500])
    def test_without_an_answer_the_other_ways_are_gone(
        self, hub: Hub, webhooks: responses.RequestsMock, status: int
    ) -> None:
        conversation, _ = hub.start()
        webhooks.get(self.URL + "conv_1", status=status)
        hub.close("conv_1")
        asking.run_due()
        assert not is_open(conversation)

    @pytest.mark.parametrize("body", ["[]", "nothing", '{"conversation": {"tags": [1]}}', "{}"])
    def test_an_odd_answer_is_no_answer(
        self, hub: Hub, two: tuple[str, str], webhooks: responses.RequestsMock, body: str
    ) -> None:
        webhooks.get(self.URL + "conv_1", body=body)
        hub.close("conv_1")
        for _ in range(4):
            later(by=5 * SECOND)
        assert all(is_open(each) for each in two)
        assert state() == "unresolved"
        assert len(webhooks.calls) == asking.MAX_QUESTIONS

    def test_an_id_can_not_lead_elsewhere(self, hub: Hub, webhooks: responses.RequestsMock) -> None:
        webhooks.get(self.URL + "..%2F..%2Fadmin%3Fx", json={})
        hub.close("../../admin?x")
        asking.run_due()
        assert len(webhooks.calls) == 1

    def test_another_bot_s_conversation_is_not_ended(
        self, hub: Hub, webhooks: responses.RequestsMock
    ) -> None:
        theirs, _ = Hub(connection()).start()
        webhooks.get(self.URL + "conv_1", json={"conversation": {"tags": {"externalId": theirs}}})
        hub.close("conv_1")
        later()
        assert is_open(theirs)
