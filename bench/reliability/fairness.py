"""One tenant's black hole, and what it costs the others."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

from bench.chaos.evidence import query
from bench.chaos.stack import Stack
from bench.reliability.client import CALLBACK_SECRET, Bot, declare
from bench.reliability.desk import CALLBACKS, FastDesk, signed
from bench.reliability.table import Report, percentile

TENANTS, SESSIONS = 8, 4
BAD_SESSIONS, BAD_MESSAGES = 100, 1000
SECONDS, PER_SECOND = 40.0, 6.0
TURNS = 2
MOST = 1.0  # seconds that the bad tenant may add to the others' 95th percentile


@dataclass
class Scene:
    """Quiet tenants on a fast desk, and one whose desk or bot is a black hole."""

    stack: Stack
    quiet: list[Bot]
    bad: Bot
    desk: FastDesk  # of the quiet ones
    hole: FastDesk
    dice: random.Random
    said: int = 0


def run(stack: Stack, report: Report, seed: int) -> None:
    """Measure both kinds of black hole, in turns with runs without."""
    desk, hole = FastDesk(), FastDesk()
    callback = {
        "connector": "callback",
        "callback_url": f"{hole.url}{CALLBACKS}",
        "callback_secret": CALLBACK_SECRET,
    }
    base = stack.web_url
    quiet = [Bot(base, f"quiet-{number}", desk) for number in range(TENANTS)]
    bad_desk, bad_bot = Bot(base, "bad-desk", hole), Bot(base, "bad-bot", desk, callback)
    declare(stack, [*quiet, bad_desk, bad_bot])
    for bot in quiet:
        bot.start(SESSIONS)
    for bot in (bad_desk, bad_bot):
        bot.start(BAD_SESSIONS)
    dice = random.Random(seed)
    for name, bad, burst in (
        ("help desk", bad_desk, _flood_desk),
        ("bot", bad_bot, _flood_bot),
    ):
        scene = Scene(stack, quiet, bad, desk, hole, dice)
        without, beside = [], []
        for _ in range(TURNS):
            without += _round(scene, None)
            hole.silent = True
            beside += _round(scene, burst)
            hole.silent = False
            _recovered(scene, report, name)
        alone, loaded = percentile(without, 0.95), percentile(beside, 0.95)
        report.add(
            f"a {name} that is a black hole for {BAD_MESSAGES} messages",
            f"adds ≤ {MOST:.0f} s to the others' 95th percentile",
            f"{alone:.2f} s → {loaded:.2f} s (n = {len(without)} + {len(beside)})",
            met=loaded - alone <= MOST,
        )
    desk.stop()
    hole.stop()


def _round(scene: Scene, burst: object) -> list[float]:
    """The quiet tenants' times from the API's answer to the arrival at their help desk."""
    flood = threading.Thread(target=burst, args=(scene,)) if callable(burst) else None
    if flood:
        flood.start()
    accepted: dict[str, float] = {}
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(4) as pool:
        while time.monotonic() < until:
            bot = scene.dice.choice(scene.quiet)
            scene.said += 1
            text = f"{scene.bad.slug} quiet {scene.said}"
            pool.submit(_say, bot, scene.dice.choice(bot.conversations), text, accepted)
            time.sleep(scene.dice.expovariate(PER_SECOND))
    if flood:
        flood.join()
    late = time.monotonic() + 60
    while time.monotonic() < late and any(text not in scene.desk.seen for text in accepted):
        time.sleep(0.1)
    now = time.time()
    return [max(0.0, scene.desk.seen.get(text, now) - at) for text, at in accepted.items()]


def _say(bot: Bot, conversation: str, text: str, accepted: dict[str, float]) -> None:
    bot.say(conversation, text)
    accepted[text] = time.time()


def _flood_desk(scene: Scene) -> None:
    bad = scene.bad

    def say(number: int) -> None:
        bad.say(bad.conversations[number % BAD_SESSIONS], f"into the hole {time.time()} {number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(say, range(BAD_MESSAGES)))


def _flood_bot(scene: Scene) -> None:
    """Its agents speak, and its bot takes nothing."""
    tickets = [id_ for id_, ticket in scene.desk.tickets.items() if scene.bad.slug in ticket.words]

    def webhook(number: int) -> None:
        body = scene.desk.agent_says(tickets[number % len(tickets)], f"hello {number}")
        requests.post(scene.bad.webhook_url, data=body, headers=signed(body), timeout=60)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(webhook, range(BAD_MESSAGES)))


def _recovered(scene: Scene, report: Report, name: str) -> None:
    """The hole answers again: the breaker must notice, and what waited go out."""
    began, left = time.monotonic(), -1
    while time.monotonic() - began < 400:
        left = unfinished(scene.stack)
        if not left:
            break
        time.sleep(1)
    took = time.monotonic() - began
    report.add(
        f"the {name} answers again",
        "everything that waited is delivered within 400 s",
        f"{left} left after {took:.0f} s",
        met=left == 0,
    )


def unfinished(stack: Stack) -> int:
    """Deliveries that wait or are being carried out."""
    return int(
        query(stack, "select count(*) from conversations_delivery where finished_at is null")[0][0]
    )
