"""One table, and whether every demand is met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from bench.chaos.check import Verdict

SIDES = {
    "u": "to the help desk",
    "a": "to the bot",
    "bp": "to Botpress",
    "feed": "in the feed",
    "db": "in the database",
}
COLUMNS = "attempted acknowledged observed lost unordered doubled doubtful".split()
TITLES = ("Attempted", "Acked", "Observed", "Lost", "Out of order", "Doubled", "Shown doubtful")


@dataclass
class Demand:
    """Something that must hold."""

    what: str
    wanted: str
    measured: str
    met: bool


@dataclass
class Report:
    """All that is printed at the end."""

    title: str
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool:
        """Whether every demand is."""
        return all(demand.met for demand in self.demands)

    def demand(self, what: str, measured: float, *, most: float, unit: str = "") -> None:
        """A number that must not be exceeded."""
        shown = f"{measured:.1f}" if unit else f"{measured:g}"
        wanted = f"at most {most:g}{unit}" if most else "0"
        self.demands.append(Demand(what, wanted, shown + unit, measured <= most))

    def require(self, what: str, met: bool, measured: str) -> None:
        """Something that must be so."""
        self.demands.append(Demand(what, "yes", measured, met))

    def fact(self, what: str, value: object) -> None:
        """Something to know."""
        self.facts.append((what, str(value)))

    def show(self, console: Console) -> None:
        """Print it."""
        table = Table(title=self.title, title_justify="left")
        table.add_column("Help desk")
        table.add_column("Direction")
        for title in TITLES:
            table.add_column(title, justify="right")
        for (provider, side), verdict in sorted(self.verdicts.items(), key=_order):
            numbers = [str(getattr(verdict, column)) for column in COLUMNS]
            table.add_row(provider, SIDES[side], *numbers)
        table.add_section()
        for what, value in self.facts:
            table.add_row(what, value)
        table.add_section()
        for demand in self.demands:
            mark = "met" if demand.met else "MISSED"
            table.add_row(demand.what, f"{demand.measured} (wanted: {demand.wanted})", mark)
        console.print(table)
        for line in self.faults[:40]:
            console.print(f"  {line}", markup=False, highlight=False)
        if len(self.faults) > 40:
            console.print(f"  and {len(self.faults) - 40} more")


def _order(item: tuple[tuple[str, str], Verdict]) -> tuple[int, str]:
    provider, side = item[0]
    return list(SIDES).index(side), provider


def counted(counts: Counter[str] | Iterable[tuple[str, int]]) -> str:
    """`4 web, 3 redis`."""
    pairs = counts.items() if isinstance(counts, Counter) else counts
    return ", ".join(f"{count} {name}" for name, count in sorted(pairs) if count) or "none"
