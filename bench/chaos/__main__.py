"""`python -m bench.chaos`: see --help, and docs/reliability.md."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from rich.console import Console

from bench.chaos import broker
from bench.chaos.plan import Options
from bench.chaos.processes import NotStarted
from bench.chaos.progress import Progress
from bench.chaos.report import Report
from bench.chaos.run import Run, finish, open_talks, prepare
from bench.chaos.stack import Stack

PROFILES = {
    ("chaos", "full"): {"messages": 10_000, "conversations": 200, "tenants": 20, "kills": 30},
    ("chaos", "quick"): {"messages": 500, "conversations": 20, "tenants": 10, "kills": 7},
    ("broker-down", "full"): {"messages": 6000, "conversations": 100, "tenants": 20, "kills": 0},
    ("broker-down", "quick"): {"messages": 600, "conversations": 20, "tenants": 10, "kills": 0},
    ("sqlite", "full"): {"messages": 10_000, "conversations": 200, "tenants": 20, "kills": 5},
    ("sqlite", "quick"): {"messages": 500, "conversations": 20, "tenants": 10, "kills": 1},
}
LONGEST = {"full": 1800.0, "quick": 240.0}
OUTAGE = {"full": 300.0, "quick": 15.0}


def options() -> Options:
    """From the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--scenario", choices=["chaos", "broker-down", "sqlite"], default="chaos")
    parser.add_argument("--profile", choices=["full", "quick"], default="full")
    parser.add_argument("--seed", type=int, default=1, help="equal seeds make equal plans")
    parser.add_argument("--messages", type=int)
    parser.add_argument("--conversations", type=int)
    parser.add_argument("--tenants", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--faults", type=float, help="share of calls that go wrong: 0.1")
    parser.add_argument("--duration", type=float, help="seconds until no more is said")
    parser.add_argument("--outage", type=float, help="broker-down: seconds without Redis")
    parser.add_argument("--rate", type=float, default=0.0, help="most messages a second")
    parser.add_argument("--port", type=int, default=0, help="first of six ports")
    parser.add_argument("--keep", action="store_true", help="leave databases and logs behind")
    given = parser.parse_args()
    sizes = PROFILES[given.scenario, given.profile]
    chosen = {name: getattr(given, name) or value for name, value in sizes.items()}
    if given.kills is not None:
        chosen["kills"] = given.kills
    usual = 0.0 if given.scenario == "broker-down" else 0.1
    return Options(
        scenario=given.scenario,
        seed=given.seed,
        **chosen,
        faults=usual if given.faults is None else given.faults,
        longest=given.duration or LONGEST[given.profile],
        outage=given.outage or OUTAGE[given.profile],
        rate=given.rate,
        port=given.port,
        keep=given.keep,
    )


def carry_out(wanted: Options, console: Console) -> bool:
    """Do it; whether all demands were met. Leaves no process behind."""
    progress = Progress(console)
    stack = Stack(embedded=wanted.scenario == "sqlite", port=wanted.port)
    run: Run | None = None
    report: Report | None = None
    try:
        run = prepare(wanted, progress, stack)
        open_talks(run)
        progress.say("talking")
        if wanted.scenario == "broker-down":
            report = broker.go(run)
        else:
            run.go()
            report = finish(run)
    finally:
        if run is not None:
            run.supervisor.stop()
            run.driver.stop()
            run.bot.stop()
        remaining = stack.stop()
        progress.stop()
        keep = wanted.keep or report is None or not (report.met and not remaining)
        if keep:
            console.print(f"Databases and logs: {stack.folder}")
        else:
            stack.clean_up()
    report.demand("Processes left behind", len(remaining), most=0)
    report.show(console)
    return report.met


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """0: every demand met; 1: not; 2: it could not be tried."""
    signal.signal(signal.SIGTERM, _interrupted)
    console = Console(width=None if sys.stdout.isatty() else 150)
    try:
        return 0 if carry_out(options(), console) else 1
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; everything was stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
