"""What the bridge itself says at the end: its database, its feeds, its logs."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import requests

from bench.chaos.stack import Stack
from bench.chaos.supervisor import Killed
from bench.chaos.watch import marks
from bench.chaos.world import Tenant

MESSAGES = """
    SELECT message.conversation_id, message.author, message.status, message.payload,
           coalesce(delivery.repeated_in_doubt, false)
    FROM conversations_message AS message
    LEFT JOIN conversations_delivery AS delivery ON delivery.message_id = message.id
    ORDER BY message.conversation_id, message.sequence
"""
TOLD_IN_DOUBT = """
    SELECT event.data -> 'payload'
    FROM conversations_delivery AS delivery
    JOIN conversations_event AS event ON event.pk_number = delivery.event_id
    WHERE delivery.repeated_in_doubt
"""
CRASHED = """
    SELECT started_at, finished_at FROM conversations_attempt WHERE outcome = 'crashed'
"""
DELIVERIES = "SELECT kind, state, count(*) FROM conversations_delivery GROUP BY kind, state"
OUTCOMES = "SELECT outcome, count(*) FROM conversations_attempt GROUP BY outcome"
LEASE_SECONDS = 20.0  # conversations.engine.lanes.LEASE; a test compares them
DATABASE_ERRORS = ("OperationalError", "InterfaceError", "AdminShutdown", "PoolTimeout")


@dataclass(frozen=True)
class Resumed:
    """How long work lay after a kill."""

    seconds: float  # since the kill of whoever had it last
    in_all: float  # since it was cut off first
    target: str  # who was killed then


@dataclass
class Evidence:
    """Read once, when all is over."""

    # talk -> numbers in the order of the conversation
    stored: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    fed: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    doubtful: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)  # of messages
    deliveries: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)  # of attempts
    resumed: list[Resumed] = field(default_factory=list)
    locked: int = 0  # "database is locked"
    database_errors: int = 0  # lines of logs
    feed_faults: list[str] = field(default_factory=list)


def gather(stack: Stack, tenants: list[Tenant], killed: Sequence[Killed]) -> Evidence:
    """Ask the database, the feeds and the logs."""
    found = Evidence()
    stored: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    doubtful: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    for _, _, status, payload, in_doubt in query(stack, MESSAGES):
        for talk, side, number in marks(_text(payload)):
            stored[talk, side].append(number)
            found.statuses[status] += 1
            if in_doubt and side == "u":
                doubtful[talk, side].add(number)
    for (payload,) in query(stack, TOLD_IN_DOUBT):
        for talk, side, number in marks(_text(payload)):
            doubtful[talk, side].add(number)
    found.stored, found.doubtful = dict(stored), dict(doubtful)
    found.deliveries.update({(kind, state): n for kind, state, n in query(stack, DELIVERIES)})
    found.outcomes.update(dict(query(stack, OUTCOMES)))
    crashed = [(_seconds(start), _seconds(end)) for start, end in query(stack, CRASHED)]
    # Embedded, the web process is the worker.
    works = "web" if stack.embedded else "worker"
    found.resumed = resumptions(crashed, killed, works)
    _read_feeds(stack, tenants, found)
    for name in stack.parts:
        if name not in ("sandbox", "postgres", "redis"):
            lines = stack.log_of(name).splitlines()
            found.locked += sum("database is locked" in line for line in lines)
            found.database_errors += sum(
                any(error in line for error in DATABASE_ERRORS) for line in lines
            )
    return found


def query(stack: Stack, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a question to the bridge's database."""
    if stack.embedded:
        database = sqlite3.connect(f"file:{stack.database_file}?mode=ro", uri=True, timeout=20)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()
    with psycopg.connect(stack.postgres_url, connect_timeout=5) as connection:
        return connection.execute(sql.encode()).fetchall()


def resumptions(
    crashed: Sequence[tuple[float, float]], killed: Sequence[Killed], works: str
) -> list[Resumed]:
    """How long work lay after a kill, of each attempt that was cut off by one.

    An attempt that a worker found to have been cut off tells when it began and when somebody went
    on with it; the kill is the first one in between of a process that `works`. Another one so
    much later that the lease was over by then may have hit whoever had just taken it over.
    """
    found = []
    for start, end in crashed:
        between = [kill for kill in killed if start <= kill.at <= end]
        kills = [kill for kill in between if kill.target.startswith(works)]
        if not kills:
            continue
        first = last = kills[0]
        for kill in kills[1:]:
            if kill.at - last.at >= LEASE_SECONDS:
                last = kill
        found.append(Resumed(end - last.at, end - first.at, last.target))
    return found


def _text(payload: Any) -> str:
    """Of a column with a message's payload, which may be empty."""
    found = json.loads(payload) if isinstance(payload, str) else payload
    return str((found or {}).get("text", ""))


def _seconds(moment: datetime | str) -> float:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _read_feeds(stack: Stack, tenants: list[Tenant], found: Evidence) -> None:
    """Every bot's feed from its beginning: each event once, each conversation's in order."""
    fed: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for tenant in tenants:
        last: defaultdict[str, int] = defaultdict(int)
        after, ids = "0", set()
        while True:
            answer = requests.get(
                f"{stack.feed_url}/api/v1/events",
                params={"after": after, "limit": "100"},
                headers={"Authorization": f"Bearer {tenant.key}"},
                timeout=30,
            )
            answer.raise_for_status()
            page = answer.json()
            for event in page["items"]:
                conversation = event["data"]["conversationId"]
                if event["id"] in ids or event["sequence"] != last[conversation] + 1:
                    found.feed_faults.append(f"{tenant.slug}: {event['id']} twice or out of order")
                ids.add(event["id"])
                last[conversation] = event["sequence"]
                text = (event["data"].get("payload") or {}).get("text", "")
                for talk, side, number in marks(text):
                    fed[talk, side].append(number)
            if not page["items"]:
                break
            after = page["nextCursor"]
    found.fed = dict(fed)
