"""A run from beginning to end: build, drive, kill, drain, check."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from bench.chaos import check, evidence, plan, world
from bench.chaos.bot import RecordingBot
from bench.chaos.check import Direction
from bench.chaos.driver import Driver
from bench.chaos.evidence import Evidence
from bench.chaos.plan import Options
from bench.chaos.progress import Progress
from bench.chaos.report import SIDES, Report, counted
from bench.chaos.stack import Stack
from bench.chaos.supervisor import Supervisor
from bench.chaos.watch import Watch
from bench.chaos.world import Tenant

DRAINED_WITHIN = 120.0  # seconds after the last kill
RESUMED_WITHIN = 30.0
# A small run is for machines that have other work as well, such as those of CI.
RESUMED_WITHIN_SMALL = 60.0
PATIENCE = 60.0  # more than demanded, to tell what is late from what is lost


@dataclass
class Run:
    """Everything of a run that is alive, and what it has measured."""

    options: Options
    stack: Stack
    bot: RecordingBot
    tenants: list[Tenant]
    watch: Watch
    driver: Driver
    supervisor: Supervisor
    progress: Progress
    drained_after: float | None = None  # seconds since the last kill and the last word
    talked_for: float = 0.0

    def go(self) -> None:
        """Say everything, kill what is to be killed, wait until all has arrived."""
        began = time.monotonic()
        self.driver.talk()
        until = began + self.options.longest
        while self.driver.working and time.monotonic() < until:
            self.progress.show(self)
            time.sleep(0.2)
        self.driver.stop()
        self.talked_for = time.monotonic() - began
        while not self.supervisor.done and time.monotonic() < until + 60:
            self.progress.show(self)
            time.sleep(0.1)
        self.drain()

    def drain(self) -> None:
        """Wait until all that was acknowledged has arrived, or it is much too late."""
        ends = [kill.at for kill in self.supervisor.killed] + list(self.driver.sent_at.values())
        last = max(ends, default=time.time())
        while time.time() < last + DRAINED_WITHIN + PATIENCE:
            if not self.driver.underway:
                arrived = max(self.watch.arrived.values(), default=last)
                self.drained_after = max(0.0, arrived - last)
                return
            self.progress.show(self)
            time.sleep(0.2)


def prepare(options: Options, progress: Progress, stack: Stack) -> Run:
    """Start everything and connect all tenants. Raises NotStarted."""
    made = plan.make(options)
    progress.say("starting PostgreSQL, Redis, the sandbox and the bridge")
    stack.start()
    bot = RecordingBot(stack.ports["bot"], options.seed, options.faults / 2)
    progress.say(f"connecting {options.tenants} tenants")
    tenants = world.build(stack, made, bot)
    watch = Watch(stack.sandbox_file, bot)
    driver = Driver(made, tenants, stack.web_url, stack.sandbox_url, watch)
    gap = 2.0 if options.small else 8.0
    supervisor = Supervisor(stack.parts, made.kills, lambda: driver.progress, gap)
    watch.start()
    return Run(options, stack, bot, tenants, watch, driver, supervisor, progress)


def open_talks(run: Run, within: float = 150) -> None:
    """Open every session; small runs do it before anything goes wrong.

    A doubtful opening at Zoho takes a minute to be settled, which a small run does not have.
    """
    small = run.options.small
    if not small:
        world.spoil(run.tenants, run.options)
    run.supervisor.start()
    run.progress.say(f"opening {run.options.conversations} conversations")
    run.driver.open_all()
    until = time.monotonic() + within
    while small and time.monotonic() < until and run.driver.opened < run.options.conversations:
        time.sleep(0.1)
    if small:
        world.spoil(run.tenants, run.options)


def finish(run: Run) -> Report:
    """Look at all ends and judge."""
    run.progress.say("comparing both ends")
    run.supervisor.stop()
    run.watch.stop()
    found = evidence.gather(run.stack, run.tenants, run.supervisor.killed)
    options = run.options
    report = Report(
        f"{options.scenario}: {options.messages} messages, {options.conversations} conversations, "
        f"{options.tenants} tenants, {len(run.supervisor.killed)} kills, "
        f"{options.faults:.0%} faults, seed {options.seed}"
    )
    report.verdicts = check.by_provider(directions(run, found))
    for verdict in report.verdicts.values():
        report.faults += verdict.faults
    _facts(run, report, found)
    _demands(run, report, found)
    return report


def directions(run: Run, found: Evidence) -> Iterator[tuple[str, Direction]]:
    """Each talk's two directions, and the agent's words once more in the feed and the database."""
    for line in run.driver.lines:
        number, provider = line.talk.index, line.tenant.provider
        seen = run.watch.talks[number]
        by_botpress = line.tenant.connector == "botpress"
        for side, kind, observed in (
            ("u", "u", seen.by_desk),
            ("a", "bp" if by_botpress else "a", seen.by_bot),
        ):
            # A callback carries the event's id: nothing excuses a second one.
            excused = kind != "a"
            doubtful = found.doubtful.get((number, side), set()) if excused else set()
            said, taken = line.attempted[side], line.acknowledged[side]
            yield (
                f"talk {number} ({provider}) {SIDES[kind]}",
                Direction(provider, kind, said, taken, observed, doubtful),
            )
        said, taken = line.attempted["a"], line.acknowledged["a"]
        fed = found.fed.get((number, "a"), [])
        yield f"talk {number} in the feed", Direction("all", "feed", said, taken, fed)
        for side in ("u", "a"):
            stored = found.stored.get((number, side), [])
            yield (
                f"talk {number} ({side}) in the database",
                Direction("all", "db", line.attempted[side], line.acknowledged[side], stored),
            )


def _facts(run: Run, report: Report, found: Evidence) -> None:
    report.fact("Kills", counted(run.supervisor.counts))
    report.fact("Faults of help desks", counted(world.struck(run.tenants)))
    report.fact("Faults of bots", counted(run.bot.failed))
    ids = [call.event for call in run.bot.calls if call.event]
    report.fact("Callbacks posted again, same id", len(ids) - len(set(ids)))
    statuses = Counter(
        "without answer" if answer.status == 0 else f"{answer.status // 100}xx"
        for answer in run.driver.answers
    )
    report.fact("API calls", f"{counted(statuses)}; {run.driver.repeats} repeated")
    report.fact("Attempts by outcome", counted(found.outcomes))
    report.fact("Log lines with database errors", found.database_errors)
    rate = run.driver.attempted / max(1.0, run.talked_for)
    report.fact("Driven for", f"{run.talked_for:.0f} s, {rate:.1f} messages/s")
    if run.supervisor.ended:
        report.fact("Ended by themselves", counted(run.supervisor.ended))


def _demands(run: Run, report: Report, found: Evidence) -> None:
    def total(what: str) -> int:
        return sum(getattr(verdict, what) for verdict in report.verdicts.values())

    options = run.options
    if options.scenario != "broker-down":  # which talks for a time
        report.demand("Not attempted", options.messages - run.driver.attempted, most=0)
    for what, name in (
        ("lost", "Lost"),
        ("unordered", "Out of order"),
        ("doubled", "Doubled, not shown as doubtful"),
        ("strange", "Never said"),
    ):
        report.demand(name, total(what), most=0)
    sequences = _sequence_faults(run)
    report.faults += sequences + found.feed_faults
    report.faults += [line.refused for line in run.driver.lines if line.refused]
    report.demand("Faults in event sequences", len(sequences) + len(found.feed_faults), most=0)
    report.demand("Calls refused", sum(bool(line.refused) for line in run.driver.lines), most=0)
    report.demand("Callbacks with a bad signature", run.bot.bad_signatures, most=0)
    dead = sum(count for (_, state), count in found.deliveries.items() if state == "dead")
    report.demand("Dead letters", dead, most=0)
    if options.kills:
        report.demand("Kills left out", run.supervisor.left, most=0)
        never = DRAINED_WITHIN + PATIENCE
        drained = never if run.drained_after is None else run.drained_after
        name = "Drained after the last kill and the last word"
        report.demand(name, drained, most=DRAINED_WITHIN, unit=" s")
        after = [each.seconds for each in found.resumed]
        longest = max(after, default=0.0)
        name = f"Longest until cut-off work was resumed ({len(after)} times)"
        most = RESUMED_WITHIN_SMALL if options.small else RESUMED_WITHIN
        report.demand(name, longest, most=most, unit=" s")
        twice = [each.in_all for each in found.resumed if each.in_all > each.seconds]
        if twice:
            report.fact("Cut off twice", f"{len(twice)}; lay {max(twice):.1f} s in all at most")
    if run.stack.embedded:
        report.demand('"database is locked"', found.locked, most=0)


def _sequence_faults(run: Run) -> list[str]:
    """What is wrong with the numbers of each conversation's events, as they first arrived."""
    arrived: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for call in run.bot.calls:
        if call.event:  # Botpress is told no numbers
            arrived[call.conversation].setdefault(call.event, call.sequence)
    return [
        f"{conversation}: event {fault}"
        for conversation, events in arrived.items()
        for fault in check.gaps(events.values())
    ]
