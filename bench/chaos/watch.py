"""Looking on: what has reached the help desks and the bots, as it happens.

The sandbox is never killed and keeps what it saw in its own SQLite file, in the order in which it
was said; the bots' calls are in this process.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.chaos.bot import RecordingBot

MARKER = re.compile(r"\bm-(\d+)-([ua])-(\d+)\b")
PARTS = """
    SELECT part.id, part.author_kind, part.text
    FROM sandbox_part AS part WHERE part.id > ? ORDER BY part.id
"""
SIDES = {"contact": "u", "agent": "a"}


@dataclass
class Seen:
    """The numbers of one talk's messages in the order in which they were seen, with repeats."""

    by_desk: list[int] = field(default_factory=list)  # the user's messages, at the help desk
    written: list[int] = field(default_factory=list)  # the agent's, as they stand in the ticket
    by_bot: list[int] = field(default_factory=list)  # the agent's, by callbacks, re-posts left out


class Watch:
    """Polls until `stop`; all counts may lag by `EVERY` seconds."""

    EVERY = 0.2

    def __init__(self, sandbox_file: Path, bot: RecordingBot) -> None:
        self.talks: defaultdict[int, Seen] = defaultdict(Seen)
        self.arrived: dict[str, float] = {}  # marker -> time.time() when it was first seen
        self.errors = 0
        self._file, self._bot = sandbox_file, bot
        self._last_part = self._last_call = 0
        self._events: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """One last look, and no more."""
        self._stopping.set()
        self._thread.join(timeout=30)
        self.look()

    def look(self) -> None:
        """Take in what is new at both ends."""
        self._look_at_desks()
        self._look_at_bots()

    def _run(self) -> None:
        while not self._stopping.wait(self.EVERY):
            try:
                self.look()
            except sqlite3.Error:
                self.errors += 1

    def _look_at_desks(self) -> None:
        database = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=5)
        try:
            rows = database.execute(PARTS, [self._last_part]).fetchall()
        finally:
            database.close()
        for part, kind, text in rows:
            self._last_part = part
            for talk, side, number in marks(text):
                if SIDES.get(kind) != side:
                    continue
                seen = self.talks[talk]
                (seen.by_desk if side == "u" else seen.written).append(number)
                if side == "u":
                    self.arrived.setdefault(f"m-{talk}-u-{number}", time.time())

    def _look_at_bots(self) -> None:
        calls = self._bot.calls[self._last_call :]
        self._last_call += len(calls)
        for call in calls:
            if call.event in self._events:
                continue
            if call.event:  # Botpress is told none: there a repeat is a second message
                self._events.add(call.event)
            for talk, side, number in marks(call.text):
                if side == "a":
                    self.talks[talk].by_bot.append(number)
                    self.arrived.setdefault(f"m-{talk}-a-{number}", call.at)


def marks(text: str) -> Iterator[tuple[int, str, int]]:
    """(talk, side, number) of each marked message in a text."""
    for talk, side, number in MARKER.findall(text):
        yield int(talk), side, int(number)
