"""A help desk, a bot and workers that die, for the stateful test: what each of them has seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from conversations.engine import lanes, worker
from conversations.flows import catching_up, delays, operators, receipts, timers
from conversations.models import Delivery, DeliveryState, Event, Lane, Message
from hitl_bridge.models import Installation
from providers.base import Journal
from providers.errors import Gone, OutcomeUnknown, Permanent, RateLimited, Unavailable
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    Content,
    InboundEvent,
    OpenedTicket,
    OpenRequest,
    Ticket,
    TicketClosed,
    TicketTransferred,
    WebhookRequest,
)
from tests import fake_desk
from tests.travel import PassTime

AGENTS = (Agent("rui", "Rui"), Agent("maya", "Maya"), Agent("ada"))
# Where no statement can be between: a savepoint that fails to end is no end of anything.
UNBREAKABLE = ("SAVEPOINT", "RELEASE", "ROLLBACK")


class Killed(BaseException):
    """kill -9 of the worker: nothing of ours may catch it."""


@dataclass
class World:
    """What the vendor has and what the bot has been told, beside the bridge's own rows."""

    desk: fake_desk.Desk = field(default_factory=fake_desk.Desk)
    made_for: dict[str, str] = field(default_factory=dict)  # conversation id -> ticket
    closed_by_agent: set[str] = field(default_factory=set)
    undelivered: list[InboundEvent] = field(default_factory=list)  # webhooks that may still come
    unreadable: bool = False
    heard: list[dict[str, Any]] = field(default_factory=list)  # callbacks, with their repeats
    # What the bot does to the next callbacks: its answer's status, and whether it took it in.
    bot_answers: list[tuple[int, bool]] = field(default_factory=list)
    clock: int = 0

    def now(self) -> Any:
        """The vendor's time: each happening has its own."""
        self.clock += 1
        return fake_desk.NOW + timedelta(seconds=self.clock)

    # --- the vendor ---

    def agent_does(self, event: InboundEvent) -> None:
        self.desk.happened.append(event)
        self.undelivered.append(event)

    def agent_says(self, ticket: str, agent: Agent) -> None:
        number = len(self.desk.happened)
        words = (Content("text", {"text": f"agent {number}"}),)
        at, key = self.now(), f"p{number}"
        self.agent_does(AgentMessage(remote_id=ticket, key=key, at=at, agent=agent, contents=words))

    def agent_takes(self, ticket: str, agent: Agent) -> None:
        key = f"a{len(self.desk.happened)}"
        self.agent_does(AgentAssigned(remote_id=ticket, key=key, at=self.now(), agent=agent))

    def agent_passes_on(self, ticket: str) -> None:
        key = f"x{len(self.desk.happened)}"
        self.agent_does(TicketTransferred(remote_id=ticket, key=key, at=self.now(), to="Billing"))

    def agent_closes(self, ticket: str, agent: Agent) -> None:
        self.closed_by_agent.add(ticket)
        key = f"c{len(self.desk.happened)}"
        self.agent_does(TicketClosed(remote_id=ticket, key=key, at=self.now(), agent=agent))

    def is_open(self, ticket: str) -> bool:
        return ticket not in self.closed_by_agent and ticket not in self.desk.closed

    def agents_words(self, ticket: str) -> list[str]:
        return [
            str(event.contents[0].payload["text"])
            for event in self.desk.happened
            if isinstance(event, AgentMessage) and event.remote_id == ticket
        ]

    def send_webhook(self, event: InboundEvent) -> None:
        request = WebhookRequest(
            "POST", "", {"x-secret": "right"}, event.key.encode(), timezone.now()
        )
        receipts.receive(Installation.objects.select_related("bot", "app").get(), request)

    # --- the bot ---

    def callback(self, request: Any) -> tuple[int, dict[str, str], str]:
        """Answer for the bot, as `responses` wants it."""
        status, taken = self.bot_answers.pop(0) if self.bot_answers else (204, True)
        if status and taken:
            self.heard.append(json.loads(request.body))
        if not status:
            if taken:
                self.heard.append(json.loads(request.body))
            raise Killed
        return status, {}, ""

    def heard_once(self, conversation: str) -> list[dict[str, Any]]:
        """The conversation's events without repeats, in the order of first arrival."""
        found: dict[str, dict[str, Any]] = {}
        for event in self.heard:
            if event["data"]["conversationId"] == conversation:
                found.setdefault(event["id"], event)
        return list(found.values())


world = World()


class WorldDesk(fake_desk.FakeDesk):
    """The adapter to the world's help desk; it finds a ticket by the session it was made for."""

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        def create() -> str:
            return str(world.desk.write(effect))

        def effect() -> str:
            id_ = f"t{len(world.desk.tickets) + 1}"
            world.desk.tickets[id_] = []
            world.made_for[request.conversation_id] = id_
            return id_

        id_ = journal.once("ticket", create, lambda _: world.made_for.get(request.conversation_id))
        journal.once("note", lambda: bool(world.desk.write(lambda: True)), lambda _: True)
        return OpenedTicket(id_)

    def catch_up(self, ticket: Ticket, since: Any) -> list[InboundEvent]:
        if world.unreadable:
            raise Unavailable("It can't be read now.")
        return super().catch_up(ticket, since)

    def agent(self, agent_id: str) -> Agent | None:
        if world.unreadable:
            raise Unavailable("It can't be read now.")
        return Agent(agent_id, agent_id.title())


FAULTS: dict[str, Callable[[], BaseException]] = {
    "unknown": lambda: OutcomeUnknown("time-out"),
    "killed": Killed,
    "unavailable": lambda: Unavailable("down"),
    "slow": lambda: RateLimited("slow down", retry_after=5),
    "refused": lambda: Permanent("no"),
    "gone": lambda: Gone("gone"),
}
IN_DOUBT = ("unknown", "killed")


def trouble(kind: str, *, carried_out: bool) -> Callable[[], None]:
    """What happens to the vendor's next write."""
    return fake_desk.fails(FAULTS[kind](), carried_out=carried_out and kind in IN_DOUBT)


@contextmanager
def dying_at(statement: int | None, *, after: bool) -> Iterator[None]:
    """Kill the worker at its n-th SQL statement: before it, or after it and ahead of the next."""
    seen = 0

    def wrapper(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        nonlocal seen
        if sql.startswith(UNBREAKABLE):
            return execute(sql, params, many, context)
        seen += 1
        if seen == statement and not after:
            raise Killed
        result = execute(sql, params, many, context)
        if seen == statement:
            raise Killed
        return result

    with connection.execute_wrapper(wrapper):
        yield


def work(turns: int = 60) -> bool:
    """Let a worker do what is due, once each; False: it was killed."""
    try:
        catching_up.start_due()
        timers.run_due()
        delays.tell_due()
        receipts.apply_waiting()
        for _ in range(turns):
            due = lanes.due(limit=20)
            if not due:
                break
            for lane in due:
                worker.run_lane(lane)
    except Killed:
        return False
    return True


def drain(pass_time: PassTime, within: timedelta = timedelta(days=2)) -> None:
    """Let everything become well, and all that waits be done."""
    world.unreadable = False
    world.bot_answers.clear()
    world.desk.answers.clear()
    step, passed = timedelta(seconds=5), timedelta(0)
    while passed < within:
        assert work()
        if not lanes_with_work():
            return
        pass_time(step)
        passed, step = passed + step, min(step * 2, timedelta(hours=2))
    raise AssertionError("something never ends")


def lanes_with_work() -> bool:
    return bool(Lane.objects.filter(due_at__isnull=False).exists())


def parked_events(conversation: str, *, for_good: bool = False) -> dict[int, Event]:
    """By sequence: those that killed their worker thrice; unless for good, also those that an
    operator had told after all."""
    given_up = Q(state__in=(DeliveryState.DEAD, DeliveryState.DROPPED))
    wanted = given_up if for_good else given_up | Q(payload__has_key=operators.RETRIED)
    found = Delivery.objects.filter(wanted, conversation_id=conversation, kind="event")
    events = [delivery.event for delivery in found.select_related("event")]
    return {event.sequence: event for event in events if event}


def text_of(data: Mapping[str, Any]) -> str:
    """The words of an event's data, if it has any."""
    return str(data.get("payload", {}).get("text", ""))


def parked_words(conversation: str, *, for_good: bool = False) -> set[str]:
    """The agents' words in those."""
    parked = parked_events(conversation, for_good=for_good)
    return {text_of(event.data) for event in parked.values()}


def was_told_of(message: Message) -> bool:
    """Whether the bot has been told what became of it."""
    told = Event.objects.filter(conversation=message.conversation, type="messageStatus")
    return any(event.data.get("messageId") == message.id for event in told)
