"""One bot's chat, whatever happens in whatever order: the promises of docs/architecture.md hold.

HYPOTHESIS_PROFILE=long looks at many more and longer stories (about half an hour).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import providers
from conversations.flows import catching_up, messages, operators, sessions
from conversations.flows.messages import NewMessage
from conversations.flows.problems import Conflict
from conversations.models import (
    UNFINISHED,
    Conversation,
    ConversationStatus,
    Delivery,
    DeliveryState,
    Lane,
    Message,
    MessageStatus,
    StopReason,
)
from tests import factories, fake_desk
from tests.engine import world as worlds
from tests.engine.world import AGENTS, World
from tests.travel import stopped_clock

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
STORIES = settings(
    max_examples=500 if LONG else 30,
    stateful_step_count=50 if LONG else 25,
    derandomize=not LONG,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
AGENT = st.sampled_from(AGENTS)
FAULTS = st.tuples(
    # Often what leaves doubt, seldom what ends the session.
    st.sampled_from([*["unknown", "killed"] * 4, *["unavailable", "slow"] * 2, "refused", "gone"]),
    st.booleans(),
)
BOT_FAULTS = st.tuples(st.sampled_from([0, 204, 429, 500]), st.booleans())
LATER = st.sampled_from([0, 0, 2, 26, 26, 300, 7200])  # seconds
SELDOM = st.integers(0, 4).map(lambda number: number == 3)


class Story(RuleBasedStateMachine):
    """Each example is rolled back at its end; workers are rows and function calls."""

    def __init__(self) -> None:
        super().__init__()
        self.world = worlds.world = World()
        fake_desk.desk = self.world.desk
        self.stack = ExitStack()
        self.pass_time = self.stack.enter_context(stopped_clock())
        self.stack.enter_context(transaction.atomic())
        self.said: dict[str, list[str]] = {}  # conversation -> accepted texts
        self.numbers = iter(range(1, 10_000))
        # Tickets whose agents' words may be told out of order: they could not be read up on.
        self.excused: set[str] = set()
        # Sessions in which a dead letter was sent after what came behind it.
        self.excused_sends: set[str] = set()

    def teardown(self) -> None:
        try:
            if self.said:
                worlds.drain(self.pass_time)
                # The regular look at sessions in which nothing happens finds the rest.
                self.pass_time(timedelta(minutes=15))
                worlds.drain(self.pass_time)
                self.everything_has_arrived()
        finally:
            transaction.set_rollback(True)
            self.stack.close()

    # --- what the bot does ---

    @initialize(idle=SELDOM, opened=st.sampled_from([True, True, False]))
    def begin(self, idle: bool, opened: bool) -> None:
        credentials = {"client_secret": "x"}
        options = {"idleTimeout": 3600, "assignmentTimeout": 1800} if idle else {}
        self.desk = factories.installation(
            provider="fake", credentials=credentials, options=options
        )
        self.user = factories.user(self.desk.bot)
        self.start()
        if opened:
            worlds.work()

    @property
    def current(self) -> Conversation:
        return Conversation.objects.get(pk=list(self.said)[-1])

    @property
    def ticket(self) -> str:
        """The vendor's ticket of the current session; empty while there is none."""
        return self.world.made_for.get(self.current.id, "")

    @rule()
    def start(self) -> None:
        wanted = sessions.SessionStart(user=self.user, bot_conversation_id="chat-1")
        conversation = sessions.start_hitl(self.desk.bot, wanted)
        self.said.setdefault(conversation.id, [])

    @rule(count=st.integers(1, 3), vendor=st.lists(FAULTS, max_size=2), now=st.booleans())
    def say(self, count: int, vendor: list[tuple[str, bool]], now: bool) -> None:
        for _ in range(count):
            text = f"user {next(self.numbers)}"
            new = NewMessage("text", {"text": text}, self.user.id)
            try:
                messages.send_message(self.desk.bot, self.current.id, new)
            except Conflict:
                assert not self.current.is_open
                return
            self.said[self.current.id].append(text)
        if now:
            self.work_in_trouble(vendor, [], 0)

    @rule(really=SELDOM)
    def stop(self, really: bool) -> None:
        if really:
            sessions.stop_hitl(self.desk.bot, self.current.id, StopReason.USER_ENDED)

    # --- what agents do ---

    @precondition(lambda self: self.ticket and self.world.is_open(self.ticket))
    @rule(agent=AGENT, what=st.sampled_from(["says", "says", "takes", "passes_on", "closes"]))
    def agent(self, agent: Any, what: str) -> None:
        arguments = () if what == "passes_on" else (agent,)
        getattr(self.world, f"agent_{what}")(self.ticket, *arguments)

    @precondition(lambda self: self.ticket and self.world.is_open(self.ticket))
    @rule(agent=AGENT, bot=st.lists(BOT_FAULTS, max_size=2), later=LATER)
    def agent_says_and_it_is_told(
        self, agent: Any, bot: list[tuple[int, bool]], later: int
    ) -> None:
        self.world.agent_says(self.ticket, agent)
        self.webhook(which=-1, repeat=True)
        self.work_in_trouble([], bot, later)

    # --- what webhooks do ---

    @precondition(lambda self: self.world.undelivered)
    @rule(which=st.integers(0, 3), repeat=st.booleans())
    def webhook(self, which: int, repeat: bool) -> None:
        waiting = self.world.undelivered
        event = waiting[which % len(waiting)]
        if not repeat:
            waiting.remove(event)
        self.world.send_webhook(event)

    @precondition(lambda self: self.world.undelivered)
    @rule(which=st.integers(0, 3))
    def webhook_is_lost(self, which: int) -> None:
        self.world.undelivered.pop(which % len(self.world.undelivered))

    @rule()
    def catch_up(self) -> None:
        catching_up.after_down_time()

    # --- what workers do, and what happens meanwhile ---

    @rule(
        vendor=st.lists(FAULTS, max_size=3),
        bot=st.lists(BOT_FAULTS, max_size=2),
        later=LATER,
    )
    def work_in_trouble(
        self, vendor: list[tuple[str, bool]], bot: list[tuple[int, bool]], later: int
    ) -> None:
        for kind, carried_out in vendor:
            self.world.desk.answers.append(worlds.trouble(kind, carried_out=carried_out))
        self.world.bot_answers += [(status, taken or status == 204) for status, taken in bot]
        self.pass_time(timedelta(seconds=later))
        worlds.work()

    @rule(statement=st.integers(1, 60), after=st.booleans(), later=LATER)
    def work_and_die(self, statement: int, after: bool, later: int) -> None:
        self.pass_time(timedelta(seconds=later))
        with worlds.dying_at(statement, after=after):
            worlds.work()

    @rule(statement=st.integers(1, 15), after=st.booleans(), later=LATER)
    def work_and_die_early(self, statement: int, after: bool, later: int) -> None:
        self.work_and_die(statement, after, later)

    @rule(later=LATER)
    def work(self, later: int) -> None:
        self.pass_time(timedelta(seconds=later))
        worlds.work()

    @rule(really=SELDOM)
    def vendor_can_not_be_read(self, really: bool) -> None:
        self.world.unreadable = really and not self.world.unreadable

    # --- what operators do ---

    @rule(drop=st.booleans())
    def operator_decides(self, drop: bool) -> None:
        dead = Delivery.objects.filter(state=DeliveryState.DEAD).order_by("id").first()
        if dead is None:
            return
        try:
            if drop:
                operators.drop(dead.pk, "not needed", "test")
            else:
                operators.retry(dead.pk, "test")
                self.excused_sends.add(dead.conversation_id)
        except Conflict:
            return

    @invariant()
    def what_could_not_be_read_up_on_is_excused(self) -> None:
        self.desk.refresh_from_db()
        now, held = timezone.now(), self.desk.hold_until
        if self.world.unreadable or (held and held > now):
            now_or_later = Q(finished_at=None) | Q(finished_at__gte=now)
            asked = Delivery.objects.filter(now_or_later, kind__in=("receive", "catch_up"))
            self.excused.update(asked.values_list("conversation__remote_id", flat=True))

    # --- what is always true ---

    @invariant()
    def what_the_desk_has_was_said_once_and_in_order(self) -> None:
        for conversation, ticket in self.world.made_for.items():
            said, there = self.said[conversation], self.world.desk.tickets[ticket]
            assert len(set(there)) == len(there), f"doubled: {there}"
            assert set(there) <= set(said)
            if conversation not in self.excused_sends:
                assert there == [text for text in said if text in there]

    @invariant()
    def no_session_has_two_tickets(self) -> None:
        assert len(set(self.world.made_for.values())) == len(self.world.desk.tickets)

    @invariant()
    def what_the_bot_heard_has_no_gap_and_is_in_order(self) -> None:
        for conversation in self.said:
            parked = worlds.parked_events(conversation)
            heard = [event["sequence"] for event in self.world.heard_once(conversation)]
            told = [number for number in heard if number not in parked]
            first_to_last = range(1, max(told, default=0) + 1)
            assert told == [number for number in first_to_last if number not in parked]

    @invariant()
    def rows_are_consistent(self) -> None:
        for conversation in Conversation.objects.all():
            events = list(conversation.events.order_by("sequence"))
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            ends = [event for event in events if event.type in ("hitlStopped", "hitlFailed")]
            assert len(ends) == (not conversation.is_open)
            assert bool(conversation.stop_reason) == (not conversation.is_open)

    # --- what is true once everything is well ---

    def everything_has_arrived(self) -> None:
        assert not Delivery.objects.filter(state__in=UNFINISHED).exists()
        assert not Lane.objects.exclude(due_at=None, lease_owner="").exists()
        for conversation in Conversation.objects.all():
            self.users_words_arrived(conversation)
            self.agents_words_arrived(conversation)
            self.it_ended_on_both_sides(conversation)

    def users_words_arrived(self, conversation: Conversation) -> None:
        there = self.world.desk.tickets.get(conversation.remote_id, [])
        for message in Message.objects.filter(conversation=conversation, author="user"):
            text = message.payload["text"]
            if message.status == MessageStatus.SENT:
                assert text in there, f"lost: {text}"
            else:
                assert message.status in (MessageStatus.FAILED, MessageStatus.DROPPED)
                assert worlds.was_told_of(message), f"{message.status}, untold: {text}"

    def agents_words_arrived(self, conversation: Conversation) -> None:
        told = [
            worlds.text_of(event["data"])
            for event in self.world.heard_once(conversation.id)
            if event["type"] == "messageCreated"
        ]
        assert len(set(told)) == len(told), f"told twice: {told}"
        if not conversation.remote_id:
            return
        words = self.world.agents_words(conversation.remote_id)
        assert set(told) <= set(words)
        if conversation.remote_id not in self.excused:
            late = worlds.parked_words(conversation.id)
            in_time = [word for word in told if word not in late]
            assert in_time == [word for word in words if word in in_time]
        known = conversation.is_open or (
            # Read up on before the end, if that could be done then.
            conversation.stop_reason == StopReason.AGENT_CLOSED
            and conversation.remote_id not in self.excused
        )
        lost = set(words) - set(told) - worlds.parked_words(conversation.id, for_good=True)
        assert not (known and lost), f"lost: {lost}"

    def it_ended_on_both_sides(self, conversation: Conversation) -> None:
        if conversation.is_open or not conversation.remote_id:
            return
        closes = conversation.deliveries.filter(kind="close")
        given_up = closes.filter(state__in=(DeliveryState.DEAD, DeliveryState.DROPPED))
        by_failure = conversation.stop_reason == StopReason.FAILED
        assert not self.world.is_open(conversation.remote_id) or given_up.exists() or by_failure
        heard = [event["type"] for event in self.world.heard_once(conversation.id)]
        wanted = "hitlFailed" if conversation.status == ConversationStatus.FAILED else "hitlStopped"
        parked = worlds.parked_events(conversation.id, for_good=True).values()
        assert wanted in [*heard, *(event.type for event in parked)]


def _answer(request: Any) -> tuple[int, dict[str, str], str]:
    """By the bot of the present example."""
    return worlds.world.callback(request)


@pytest.fixture
def a_world(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    registry = {**providers.PROVIDERS, "fake": "tests.engine.world:WorldDesk"}
    monkeypatch.setattr(providers, "PROVIDERS", registry)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback(responses.POST, factories.CALLBACK_URL, callback=_answer)
        yield


def test_whatever_happens_nothing_is_lost_doubled_or_reordered(a_world: None) -> None:
    run_state_machine_as_test(Story, settings=STORIES)
