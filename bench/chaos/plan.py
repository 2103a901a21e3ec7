"""What a run does, all of it drawn from one seed: who talks, how much, who is killed and when."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

# LiveChat twice: by OAuth and by token its customers are kept in different ways.
DESKS = ("intercom", "hubspot", "livechat", "zoho", "livechat_by_token")
# What is killed, and how often in ten. Web and workers die most often in life as well.
MIXTURE = (
    *["worker-1"] * 2,
    *["worker-2"] * 2,
    *["web"] * 2,
    "postgres",
    "postgres",
    "redis",
    "beat",
)


@dataclass(frozen=True)
class Options:
    """How large a run is, and how bad its world."""

    scenario: str
    seed: int
    messages: int
    conversations: int
    tenants: int
    kills: int
    faults: float  # the share of calls to a help desk, and of its webhooks, that go wrong
    longest: float  # seconds until the driver stops, finished or not
    outage: float = 0.0  # seconds without Redis
    rate: float = 0.0  # most messages a second; 0: as fast as they are taken
    port: int = 0  # the first of a few; 0: any that are free
    keep: bool = False  # leave databases and logs behind

    @property
    def small(self) -> bool:
        """Whether the run is over in a minute: then nothing may go wrong that takes longer."""
        return self.messages <= 2000


@dataclass
class Talk:
    """One conversation's share of the messages."""

    index: int
    tenant: int
    by_user: int
    by_agent: int

    def text(self, side: str, number: int) -> str:
        """A text that tells at each end whose it is: side `u` or `a`, number from 1."""
        return f"Message {marker(self.index, side, number)} of {self.by_user}"


def marker(talk: int, side: str, number: int) -> str:
    """The part of a text by which it is known again."""
    return f"m-{talk}-{side}-{number}"


@dataclass(frozen=True)
class Kill:
    """A kill -9 once that share of the messages is under way; started again after `pause` s."""

    at: float
    target: str
    pause: float


@dataclass(frozen=True)
class Plan:
    """Everything that is random in a run, decided beforehand."""

    options: Options
    talks: list[Talk]
    kills: list[Kill]
    desks: list[str] = field(default_factory=list)  # by tenant
    connectors: list[str] = field(default_factory=list)  # by tenant


def make(options: Options) -> Plan:
    """The plan of that seed; equal options make equal plans."""
    dice = random.Random(options.seed)
    desks = [DESKS[number % len(DESKS)] for number in range(options.tenants)]
    rounds = [number // len(DESKS) for number in range(options.tenants)]
    connectors = ["botpress" if number % 2 else "callback" for number in rounds]
    return Plan(options, _talks(options), _kills(options, dice), desks, connectors)


def _talks(options: Options) -> list[Talk]:
    """The messages in equal shares, half of each conversation's from either side."""
    talks = []
    for index in range(options.conversations):
        share, rest = divmod(options.messages, options.conversations)
        own = share + (index < rest)
        talks.append(Talk(index, index % options.tenants, own - own // 2, own // 2))
    return talks


def _kills(options: Options, dice: random.Random) -> list[Kill]:
    """Spread over the run; every kind at least once where there are enough of them."""
    if options.scenario == "broker-down":
        return []
    wanted = ("web",) if options.scenario == "sqlite" else MIXTURE
    targets = (list(wanted) * (options.kills // len(wanted) + 1))[: options.kills]
    if options.kills >= len(set(wanted)):
        once = sorted(set(wanted))
        targets = once + (list(wanted) * options.kills)[: options.kills - len(once)]
    dice.shuffle(targets)
    if options.small:  # what workers leave behind lies still for a while
        targets.sort(key=lambda target: not target.startswith("worker"))
    step = 0.96 / max(1, options.kills)
    return [
        Kill(0.02 + step * (number + dice.random()), target, dice.uniform(0.2, 3.0))
        for number, target in enumerate(targets)
    ]
