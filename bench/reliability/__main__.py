"""`python -m bench.reliability [name ...]`: fairness, tokens, floods, poison; all if none is named.

Starts the production stack on loopback (as bench.chaos does), measures, prints one table, and
ends with 1 where a demand was missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from bench.chaos.processes import NotStarted
from bench.chaos.stack import Stack
from bench.reliability import fairness, floods, poison, tokens
from bench.reliability.table import Report

CHECKS: dict[str, Callable[[Stack, Report, int], None]] = {
    "floods": floods.run,
    "poison": poison.run,
    "tokens": tokens.run,
    "fairness": fairness.run,
}


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.reliability", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(CHECKS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0, help="The first of a few in a row.")
    options = parser.parse_args()
    unknown = set(options.names) - set(CHECKS)
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}: choose from {', '.join(CHECKS)}")
    report, missed = Report(), []
    for name in options.names or CHECKS:
        missed += _run(name, report, options.seed, options.port)
    print(f"\n{report}\n")
    for line in missed:
        print(line, file=sys.stderr)
    return 0 if report.met and not missed else 1


def _run(name: str, report: Report, seed: int, port: int) -> list[str]:
    began = time.monotonic()
    stack = Stack(embedded=False, port=port)
    problems: list[str] = []
    try:
        stack.start()
        CHECKS[name](stack, report, seed)
    except (NotStarted, RuntimeError) as error:
        problems.append(f"{name}: {error}")
    finally:
        problems += [f"{name}: {part} is still running" for part in stack.stop()]
        stack.clean_up()
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return problems


if __name__ == "__main__":
    sys.exit(main())
