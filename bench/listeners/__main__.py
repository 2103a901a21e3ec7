"""`python -m bench.listeners`: what a thousand idle listeners cost one process on loopback.

Rounds of webhooks without and with listeners take turns, so that whatever else the machine does
falls on both. Ends by itself; exit code 1 if a limit was missed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections import Counter

from bench.listeners.intake import Measured, measure
from bench.listeners.listening import Crowd
from bench.listeners.stack import World, memory, world

MOST_MEMORY = 300.0  # MB
LEAST_RATE = 0.85  # of the webhooks that are taken in without listeners


def main() -> int:
    """Measure, print a table, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.listeners", description=__doc__)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--bots", type=int, default=100, help="that they belong to")
    parser.add_argument("--seconds", type=float, default=8, help="of one round")
    parser.add_argument("--rounds", type=int, default=3, help="without and with, each")
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with world(given.bots) as (where, pid):
        measure(where, 3)  # the first webhooks warm everything up
        empty = memory(pid)
        without: list[Measured] = []
        with_them: list[Measured] = []
        most = 0.0
        lost: Counter[str] = Counter()
        for _ in range(given.rounds):
            without.append(measure(where, given.seconds))
            crowd = _crowd(where, given.listeners)
            with_them.append(measure(where, given.seconds))
            most = max(most, memory(pid))
            lost += crowd.lost
            crowd.stop()
            time.sleep(2)
    return _report(given.listeners, (empty, most), without, with_them, lost)


def _crowd(where: World, count: int) -> Crowd:
    crowd = Crowd(where, count)
    crowd.start()
    time.sleep(2)
    return crowd


def _report(
    listeners: int,
    resident: tuple[float, float],
    without: list[Measured],
    with_them: list[Measured],
    lost: Counter[str],
) -> int:
    print(f"| | without listeners | with {listeners} idle ones | ratio |\n|---|---|---|---|")
    print(f"| resident memory | {resident[0]:.0f} MB | {resident[1]:.0f} MB | |")
    ratios = {}
    for name, unit, title in (
        ("rate", "/s", "webhooks taken in"),
        ("median", " ms", "median answer"),
        ("p95", " ms", "95th percentile"),
    ):
        before = statistics.median(getattr(one, name) for one in without)
        after = statistics.median(getattr(one, name) for one in with_them)
        ratios[name] = after / before
        print(f"| {title} | {before:.1f}{unit} | {after:.1f}{unit} | {ratios[name]:.2f} |")
    problems = [
        *(f"{count} listeners were let go ({why})" for why, count in lost.items()),
        *([f"more than {MOST_MEMORY:.0f} MB"] if resident[1] >= MOST_MEMORY else []),
        *(["webhooks suffer"] if ratios["rate"] < LEAST_RATE else []),
    ]
    print("good" if not problems else "not good: " + "; ".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
