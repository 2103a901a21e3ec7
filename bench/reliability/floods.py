"""Equal calls in parallel, webhooks five times each: one effect."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import requests

from bench.chaos.evidence import query
from bench.chaos.stack import Stack
from bench.reliability.client import Bot, declare
from bench.reliability.desk import FastDesk, signed
from bench.reliability.fairness import unfinished
from bench.reliability.table import Report
from bench.reliability.waiting import until

EQUAL, PARALLEL = 100, 24
TICKETS, EVENTS, TIMES = 20, 1000, 5


def run(stack: Stack, report: Report, seed: int) -> None:
    """Both floods, on one tenant."""
    desk = FastDesk()
    bot = Bot(stack.web_url, "flooded", desk)
    declare(stack, [bot])
    _starts(bot, report)
    bot.start(TICKETS)
    _webhooks(stack, bot, report, seed)
    desk.stop()


def _starts(bot: Bot, report: Report) -> None:
    user = bot.must("/actions/createUser", {"name": "Bo"})["userId"]
    key = {"Idempotency-Key": "the-same-for-all"}
    for how, body, headers in (
        ("Idempotency-Key", {"userId": user, "title": "one"}, key),
        ("botConversationId", {"userId": user, "botConversationId": "chat-1"}, {}),
    ):
        before = len(bot.desk.tickets)

        def start(_: int, body: dict[str, str] = body, headers: dict[str, str] = headers) -> str:
            return str(bot.must("/actions/startHitl", body, **headers)["conversationId"])

        with ThreadPoolExecutor(PARALLEL) as pool:
            answers = set(pool.map(start, range(EQUAL)))

        def tickets_made(before: int = before) -> int:
            return len(bot.desk.tickets) - before

        made = until(tickets_made, 60) or 0
        report.add(
            f"{EQUAL} equal startHitl at once, by {how}",
            "one ticket, equal answers",
            f"{made} ticket, {len(answers)} answer",
            met=(made, len(answers)) == (1, 1),
        )
    other = bot.post("/actions/startHitl", {"userId": user, "title": "two"}, **key)
    report.add(
        "the same key with another body", "409", other.status_code, met=other.status_code == 409
    )


def _webhooks(stack: Stack, bot: Bot, report: Report, seed: int) -> None:
    tickets = [id_ for id_, ticket in bot.desk.tickets.items() if bot.slug in ticket.words]
    recorded = [
        bot.desk.agent_says(tickets[number % len(tickets)], f"event {number}")
        for number in range(EVENTS)
    ]
    sent = recorded * TIMES
    random.Random(seed).shuffle(sent)

    def post(body: bytes) -> int:
        return requests.post(
            bot.webhook_url, data=body, headers=signed(body), timeout=60
        ).status_code

    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(post, sent))
    until(lambda: not unfinished(stack), 300)
    told = query(
        stack,
        "select e.conversation_id, e.sequence, e.data->'payload'->>'text'"  # noqa: S608 - ours
        " from conversations_event e join hitl_bridge_tenant t on t.id = e.tenant_id"
        f" where e.type = 'messageCreated' and t.slug = '{bot.slug}' order by 1, 2",
    )
    numbers = [(row[0], int(str(row[2]).removeprefix("event "))) for row in told]
    in_order = all(a[0] != b[0] or a[1] < b[1] for a, b in pairwise(numbers))
    each = sorted(number for _, number in numbers) == list(range(EVENTS))
    report.add(
        f"{EVENTS} webhooks {TIMES} times each, shuffled, {PARALLEL} at once",
        "each told once, in the help desk's order; all answered 200",
        f"{len(numbers)} told, {'in' if in_order else 'OUT OF'} order, "
        f"{sum(status == 200 for status in answers)} of {len(answers)} answered 200",
        met=each and in_order and set(answers) == {200},
    )
