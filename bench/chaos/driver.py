"""Customers and agents: they say everything in order, and repeat what was not acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import requests

from bench.chaos.callers import Call, Caller, bot_of
from bench.chaos.plan import Plan, Talk, marker
from bench.chaos.watch import Watch
from bench.chaos.world import Tenant
from sandbox.control import AccountControl, Control

CUSTOMERS, AGENTS = 12, 6  # threads
WINDOW = 6  # messages of one tenant that may be under way in one direction
REPEAT = 0.3  # seconds before a careful bot repeats a call
AGENT = "Rui"


@dataclass
class Line:
    """How far one talk has come."""

    talk: Talk
    tenant: Tenant
    user: str = ""
    conversation: str = ""
    ticket: str = ""
    accepted: bool = False
    attempted: dict[str, int] = field(default_factory=lambda: {"u": 0, "a": 0})
    acknowledged: dict[str, set[int]] = field(default_factory=lambda: {"u": set(), "a": set()})
    refused: str = ""  # why the bridge takes no more of it: a fault in itself


@dataclass(frozen=True)
class Answer:
    """What a call to the API came to; status 0: none."""

    at: float  # time.time()
    status: int
    seconds: float


class Driver:
    """Says everything that the plan has. `stop` ends it early."""

    def __init__(
        self,
        plan: Plan,
        tenants: list[Tenant],
        web_url: str,
        sandbox_url: str,
        watch: Watch,
    ) -> None:
        self.lines = [Line(talk, tenants[talk.tenant]) for talk in plan.talks]
        self.answers: list[Answer] = []
        self.sent_at: dict[str, float] = {}  # marker -> time.time() of its acknowledgement
        self.repeats = 0
        self._total = plan.options.messages
        self._rate = plan.options.rate
        self._web, self._sandbox = web_url, sandbox_url
        self._watch = watch
        self._by_tenant: dict[int, list[Line]] = {}
        for line in self.lines:
            self._by_tenant.setdefault(line.tenant.index, []).append(line)
        self._pace = threading.Lock()
        self._next_at = 0.0
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    # --- from outside ------------------------------------------------------------------------

    @property
    def attempted(self) -> int:
        """Messages under way or there."""
        return sum(sum(line.attempted.values()) for line in self.lines)

    @property
    def opened(self) -> int:
        """Talks that have a ticket."""
        return sum(bool(line.ticket) for line in self.lines)

    @property
    def progress(self) -> float:
        """The share of all messages that was attempted."""
        return self.attempted / self._total

    @property
    def working(self) -> bool:
        """Whether there is anything left to say."""
        return any(thread.is_alive() for thread in self._threads)

    @property
    def underway(self) -> int:
        """Acknowledged messages that have not been seen at the other end yet."""
        return sum(self._waiting(line, side) for line in self.lines for side in ("u", "a"))

    def open_all(self) -> None:
        """Start every session; returns when all have been accepted by the bridge."""
        threading.Thread(target=self._learn_tickets, daemon=True).start()
        self._run(CUSTOMERS, self._open)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def talk(self) -> None:
        """Let everybody say what they have to."""
        self._run(CUSTOMERS, self._customer_says)
        self._run(AGENTS, self._agent_says)

    def stop(self) -> None:
        """Say no more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=60)

    # --- threads -----------------------------------------------------------------------------

    def _run(self, count: int, step: Callable[[Line, Caller], bool | None]) -> None:
        """`step` each of a thread's lines in turn: True: done something; None: line is finished."""

        def work(own: list[Line]) -> None:
            caller = Caller(self._web, Control(self._sandbox))
            while own and not self._stopping.is_set():
                results = [(line, step(line, caller)) for line in own]
                own = [line for line, result in results if result is not None]
                if not any(result for _, result in results):
                    time.sleep(0.02)

        for number in range(count):
            own = self.lines[number::count]
            thread = threading.Thread(target=work, args=[own], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _learn_tickets(self) -> None:
        """Ask for the tickets' ids until all are there."""
        caller = Caller(self._web, Control(self._sandbox))
        while self.opened < len(self.lines) and not self._stopping.is_set():
            for line in self.lines:
                if line.conversation and not line.ticket:
                    line.ticket = caller.ticket_of(line.conversation, line.tenant.key)
            time.sleep(0.5)

    # --- customers ---------------------------------------------------------------------------

    def _open(self, line: Line, caller: Caller) -> bool | None:
        bot, name = bot_of(line.tenant), f"chaos-{line.talk.index}"
        line.user = self._post(line, caller, bot.create_user(name)) or ""
        if line.user:
            line.conversation = self._post(line, caller, bot.start(name, line.user)) or ""
        return None

    def _customer_says(self, line: Line, caller: Caller) -> bool | None:
        number = line.attempted["u"] + 1
        if number > line.talk.by_user or line.refused:
            return None
        if not self._may(line, "u"):
            return False
        name, text = f"chaos-{line.talk.index}", line.talk.text("u", number)
        call = bot_of(line.tenant).say(name, line.user, line.conversation, text)
        line.attempted["u"] = number
        if self._post(line, caller, call) is None:
            return None if call.repeated else True
        line.acknowledged["u"].add(number)
        self.sent_at[marker(line.talk.index, "u", number)] = time.time()
        return True

    def _post(self, line: Line, caller: Caller, call: Call) -> str | None:
        """The id in the answer, after as many repeats as it takes; None: refused, or stopped, or
        not answered and not repeated."""
        while not self._stopping.is_set():
            began = time.monotonic()
            answer = caller.post(call)
            status = answer.status_code if answer is not None else 0
            self.answers.append(Answer(time.time(), status, time.monotonic() - began))
            if answer is not None and answer.ok:
                return str(answer.json().get(call.wanted, ""))
            if answer is not None and status < 500 and status != 429:
                line.refused = f"{call.path}: {status} {answer.text[:200]}"
                return None
            time.sleep(REPEAT)
            if not call.repeated:
                return None
            self.repeats += 1
        return None

    # --- agents ------------------------------------------------------------------------------

    def _agent_says(self, line: Line, caller: Caller) -> bool | None:
        number = line.attempted["a"] + 1
        if number > line.talk.by_agent or line.refused:
            return None
        if not line.ticket:
            return False
        account = caller.account(line.tenant)
        # At once: Zoho's chats ring for five minutes and are missed then.
        if not line.accepted and not _accept(account, line.ticket):
            return False
        line.accepted = True
        if not self._may(line, "a"):
            return False
        line.attempted["a"] = number
        if not self._type(account, line, number):
            return None
        line.acknowledged["a"].add(number)
        self.sent_at[marker(line.talk.index, "a", number)] = time.time()
        return True

    def _type(self, account: AccountControl, line: Line, number: int) -> bool:
        """Whether it stands in the ticket now; False: stopped before.

        The sandbox is never killed, but it may be slow: look before it is typed again.
        """
        while not self._stopping.is_set():
            try:
                account.act(line.ticket, "reply", agent=AGENT, text=line.talk.text("a", number))
            except requests.RequestException:
                time.sleep(2)
                if number in self._watch.talks[line.talk.index].written:
                    return True
            else:
                return True
        return False

    # --- pace --------------------------------------------------------------------------------

    def _may(self, line: Line, side: str) -> bool:
        """Whether to say something now: nobody talks into a wall, and no faster than wanted."""
        waiting = sum(self._waiting(each, side) for each in self._by_tenant[line.tenant.index])
        if waiting >= WINDOW:
            return False
        if not self._rate:
            return True
        with self._pace:
            now = time.monotonic()
            if now < self._next_at:
                return False
            self._next_at = max(self._next_at + 1 / self._rate, now - 1)
        return True

    def _waiting(self, line: Line, side: str) -> int:
        seen = self._watch.talks[line.talk.index]
        arrived = seen.by_desk if side == "u" else seen.by_bot
        return len(line.acknowledged[side] - set(arrived))


def _accept(account: AccountControl, ticket: str) -> bool:
    """Whether the agent has the ticket now; the sandbox may be slow."""
    try:
        account.act(ticket, "accept", agent=AGENT)
    except requests.RequestException:
        return False
    return True
