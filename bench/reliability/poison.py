"""A message that kills whoever carries it out."""

from __future__ import annotations

import threading
import time

from bench.chaos.evidence import query
from bench.chaos.processes import python
from bench.chaos.stack import Stack
from bench.reliability import POISON
from bench.reliability.client import Bot, declare
from bench.reliability.desk import FastDesk
from bench.reliability.table import Report
from bench.reliability.waiting import until

SESSIONS, ROUNDS = 20, 15
TRIES = 3
WITHIN = 240.0  # seconds


def run(stack: Stack, report: Report, seed: int) -> None:
    """One poisonous message among the traffic of other sessions."""
    del seed
    desk = FastDesk()
    bot = Bot(stack.web_url, "poisoned", desk)
    declare(stack, [bot])
    bot.start(SESSIONS)
    workers = [part for name, part in stack.parts.items() if name.startswith("worker")]
    ordinary = [part.command for part in workers]
    for part in workers:
        part.command = python(
            "-m", "celery", "-A", "bench.reliability.poisoned", "worker", "-n", f"{part.name}@%h"
        )
        part.stop(20)
        part.start()
    stopping = threading.Event()
    deaths: list[float] = []

    def supervise() -> None:
        while not stopping.wait(0.1):
            for part in workers:
                if not part.runs:
                    deaths.append(time.time())
                    part.start()

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    try:
        _measure(stack, bot, report, deaths)
    finally:
        stopping.set()
        supervisor.join()
        for part, command in zip(workers, ordinary, strict=True):
            part.command = command
            part.stop(20)
            part.start()
        desk.stop()


def _measure(stack: Stack, bot: Bot, report: Report, deaths: list[float]) -> None:
    first, *others = bot.conversations
    bot.say(first, POISON)
    bot.say(first, "behind it")
    said: dict[str, float] = {}
    for turn in range(ROUNDS):
        for number, conversation in enumerate(others):
            text = f"other {turn} {number}"
            bot.say(conversation, text)
            said[text] = time.time()
        time.sleep(2)
    parked = until(lambda: _parked(stack), WITHIN)
    until(lambda: "behind it" in bot.desk.seen and set(said) <= set(bot.desk.seen), 120)
    missing = set(said) - set(bot.desk.seen)
    arrived = {text: at for text, at in bot.desk.seen.items() if text in said}
    in_all = max(at - said[text] for text, at in arrived.items())
    since_a_kill = max(
        at - max([said[text], *(death for death in deaths if death < at)])
        for text, at in arrived.items()
    )
    report.add(
        "a message that kills its worker",
        f"parked after {TRIES} tries",
        f"{parked or 'not parked'}; {len(deaths)} workers died",
        met=parked == f"{TRIES} tries" and len(deaths) == TRIES,
    )
    report.add(
        "what stands behind it, and the other sessions",
        "all delivered, once; none parked",
        f"{len(missing)} missing, {len(bot.desk.twice)} twice, "
        f"{'delivered' if 'behind it' in bot.desk.seen else 'NOT delivered'} behind it",
        met=not missing and not bot.desk.twice and "behind it" in bot.desk.seen,
    )
    report.add(
        "who was carried out beside it",
        "goes on within 30 s of the kill, as after any kill",
        f"slowest {since_a_kill:.1f} s; caught by two kills, {in_all:.1f} s in all",
        met=since_a_kill <= 30,
    )


def _parked(stack: Stack) -> str:
    found = query(stack, "select crash_count from conversations_delivery where state = 'dead'")
    if len(found) > 1:
        return f"{len(found)} deliveries parked"
    return f"{found[0][0]} tries" if found else ""
