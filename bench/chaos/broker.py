"""Redis away for minutes, at load: everything is still taken, nothing is lost, work goes on by
the sweep, and wake-ups begin again by themselves."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import redis

from bench.chaos.report import Report
from bench.chaos.run import Run, finish

BESIDE = 0.2  # of the outage: how long before and after it are looked at, 10 s at least
ACCEPTED = "SELECT first_sent_at, attempts, state FROM sandbox_outgoingwebhook"


@dataclass(frozen=True)
class Phase:
    """A part of the run, by the clock."""

    name: str
    start: float
    end: float

    def has(self, moment: float) -> bool:
        """Whether it lies in this phase."""
        return self.start <= moment < self.end


def go(run: Run) -> Report:
    """Talk; take Redis away; give it back; talk on; drain; compare."""
    beside = max(10.0, run.options.outage * BESIDE)
    run.driver.talk()
    phases = [_phase(run, "before", beside)]
    run.progress.say(f"killing Redis for {run.options.outage:.0f} s")
    run.supervisor.hold("redis")
    phases.append(_phase(run, "without Redis", run.options.outage))
    run.supervisor.release("redis")
    run.progress.say("Redis is back")
    phases.append(_phase(run, "after", beside))
    sent, waiting = _wake_ups(run)
    run.driver.stop()
    run.talked_for = phases[-1].end - phases[0].start
    run.drain()
    report = finish(run)
    for phase in phases:
        _tell(run, report, phase)
    away = phases[1]
    calls = [answer for answer in run.driver.answers if away.has(answer.at)]
    refused = sum(not 200 <= answer.status < 300 for answer in calls)
    report.demand("API calls not accepted without Redis", refused, most=0)
    hooks = _webhooks(run, away)
    report.demand("Webhooks not accepted without Redis", hooks[1] - hooks[0], most=0)
    arrived = sum(away.has(at) for at in run.watch.arrived.values())
    report.require("Work went on without Redis", arrived > 0, f"{arrived} messages arrived")
    taken = f"{sent} sent, {waiting} waiting"
    report.require("Wake-ups are sent and taken again", sent > 0 and waiting < sent, taken)
    drained = run.drained_after is not None
    report.require("Everything arrived in the end", drained, "yes" if drained else "no")
    return report


def _phase(run: Run, name: str, seconds: float) -> Phase:
    start = time.time()
    while time.time() < start + seconds:
        run.progress.show(run)
        time.sleep(0.2)
    return Phase(name, start, time.time())


def _wake_ups(run: Run) -> tuple[int, int]:
    """How many the new Redis was given, and how many lie in it."""
    with redis.Redis(port=run.stack.ports["redis"], socket_timeout=5) as client:
        stats = client.info("commandstats").get("cmdstat_lpush", {})
        return int(stats.get("calls", 0)), int(client.llen("celery"))


def _tell(run: Run, report: Report, phase: Phase) -> None:
    calls = [answer for answer in run.driver.answers if phase.has(answer.at)]
    good = sum(200 <= answer.status < 300 for answer in calls)
    slowest = _percentiles(answer.seconds for answer in calls)
    accepted, hooks = _webhooks(run, phase)
    report.fact(
        f"{phase.name}, {phase.end - phase.start:.0f} s",
        f"API {good} of {len(calls)} accepted, {slowest}; webhooks {accepted} of {hooks} accepted",
    )
    waits = [
        at - sent
        for marker, at in run.watch.arrived.items()
        if (sent := run.driver.sent_at.get(marker)) and phase.has(sent)
    ]
    report.fact(f"{phase.name}: until arrived", f"{_percentiles(waits)}, {len(waits)} messages")


def _webhooks(run: Run, phase: Phase) -> tuple[int, int]:
    """(accepted at the first attempt, all) of those first sent in this phase."""
    database = sqlite3.connect(f"file:{run.stack.sandbox_file}?mode=ro", uri=True, timeout=20)
    try:
        rows = database.execute(ACCEPTED).fetchall()
    finally:
        database.close()
    own = [
        attempts == 1 and state == "delivered"
        for sent, attempts, state in rows
        if sent and phase.has(datetime.fromisoformat(sent).replace(tzinfo=UTC).timestamp())
    ]
    return sum(own), len(own)


def _percentiles(seconds: Iterable[float]) -> str:
    found = sorted(seconds)
    if not found:
        return "nothing"
    half, most = found[len(found) // 2], found[int(len(found) * 0.95)]
    return f"half within {half:.2f} s, 95 % within {most:.2f} s"
