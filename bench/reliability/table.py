"""What was demanded, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One demand. `measured` is for people, `met` for the exit code."""

    promise: str
    demanded: str
    measured: str
    met: bool


@dataclass
class Report:
    """All rows of a run."""

    rows: list[Row] = field(default_factory=list)

    def add(self, promise: str, demanded: str, measured: object, *, met: bool) -> None:
        """Add a row."""
        self.rows.append(Row(promise, demanded, str(measured), met))

    @property
    def met(self) -> bool:
        """Whether nothing was missed."""
        return all(row.met for row in self.rows)

    def __str__(self) -> str:
        head = Row("promise", "demanded", "measured", met=True)
        rows = [head, *self.rows]
        widths = [
            max(len(getattr(row, name)) for row in rows)
            for name in ("promise", "demanded", "measured")
        ]
        lines = []
        for row in rows:
            cells = (row.promise, row.demanded, row.measured)
            text = " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            verdict = "met" if row is head else ("yes" if row.met else "NO")
            lines.append(f"| {text} | {verdict:3} |")
            if row is head:
                lines.append("|" + "|".join("-" * (width + 2) for width in [*widths, 3]) + "|")
        return "\n".join(lines)


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
