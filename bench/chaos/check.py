"""The checker: what was attempted, acknowledged and observed, compared. It knows no process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Direction:
    """One talk's messages in one direction, by number from 1."""

    provider: str
    side: str  # see `report.SIDES`
    attempted: int  # the numbers up to this one were sent, in order
    acknowledged: Collection[int]  # of those, taken
    observed: Sequence[int]  # as they arrived, with repeats
    doubtful: Collection[int] = ()  # shown by the bridge as perhaps sent twice


@dataclass
class Verdict:
    """What was found; texts name each fault."""

    attempted: int = 0
    acknowledged: int = 0
    observed: int = 0
    lost: int = 0
    unordered: int = 0
    doubled: int = 0
    doubtful: int = 0
    strange: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every demand is met."""
        return not (self.lost or self.unordered or self.doubled or self.strange)

    def add(self, other: Verdict) -> None:
        """Count another one in."""
        for (
            name
        ) in "attempted acknowledged observed lost unordered doubled doubtful strange".split():
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults += other.faults


def judge(direction: Direction, name: str) -> Verdict:
    """Compare one direction of one talk; `name` stands in the faults' texts.

    Lost: acknowledged and never seen. Out of order: first seen after a later one. Doubled: seen
    again, unless the bridge says itself that it may be. Strange: seen and never said.
    """
    times = Counter(direction.observed)
    verdict = Verdict(
        attempted=direction.attempted,
        acknowledged=len(direction.acknowledged),
        observed=len(times),
        doubtful=len(set(direction.doubtful)),
    )
    said = range(1, direction.attempted + 1)
    lost = sorted(set(direction.acknowledged) - set(times))
    late = out_of_order(direction.observed)
    doubled = [
        number for number, count in times.items() if count > 1 and number not in direction.doubtful
    ]
    strange = [number for number in times if number not in said]
    for what, numbers in (
        ("lost", lost),
        ("unordered", late),
        ("doubled", doubled),
        ("strange", strange),
    ):
        setattr(verdict, what, len(numbers))
        verdict.faults += [f"{name}: message {number} {what}" for number in numbers]
    return verdict


def out_of_order(observed: Iterable[int]) -> list[int]:
    """The numbers that were first seen after a higher one."""
    highest, late = 0, []
    seen: set[int] = set()
    for number in observed:
        if number in seen:
            continue
        seen.add(number)
        if number < highest:
            late.append(number)
        highest = max(highest, number)
    return late


def gaps(sequences: Iterable[int]) -> list[str]:
    """What is wrong with a conversation's event sequence, in the order of first arrival."""
    found = list(sequences)
    wrong = [f"{late} came late" for late in out_of_order(found)]
    missing = sorted(set(range(1, max(found, default=0) + 1)) - set(found))
    return wrong + [f"{number} is missing" for number in missing]


def by_provider(directions: Iterable[tuple[str, Direction]]) -> dict[tuple[str, str], Verdict]:
    """Verdicts by provider and side."""
    found: dict[tuple[str, str], Verdict] = {}
    for name, direction in directions:
        key = (direction.provider, direction.side)
        found.setdefault(key, Verdict()).add(judge(direction, name))
    return found
