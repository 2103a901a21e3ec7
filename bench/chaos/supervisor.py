"""kill -9 by plan, and starting again whatever is gone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from bench.chaos.plan import Kill
from bench.chaos.processes import Part
from bench.chaos.stack import WORKERS


@dataclass(frozen=True)
class Killed:
    """A kill as it happened."""

    at: float  # time.time()
    target: str


class Supervisor:
    """Kills as the run goes on, at least `gap` seconds apart; restarts after each one's pause."""

    def __init__(
        self, parts: dict[str, Part], kills: list[Kill], progress: Callable[[], float], gap: float
    ) -> None:
        self.killed: list[Killed] = []
        self.ended: Counter[str] = Counter()  # parts that ended by themselves
        self._parts, self._kills, self._progress = parts, list(kills), progress
        self._gap = gap
        self._due: dict[str, float] = {}  # part -> when to start it again (monotonic)
        self._held: set[str] = set()  # parts that stay away until `release`
        self._next_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def done(self) -> bool:
        """Whether all kills are over and everything runs again."""
        return not self._kills and not self._due and not self._held

    @property
    def left(self) -> int:
        """Kills to come."""
        return len(self._kills)

    @property
    def counts(self) -> Counter[str]:
        """Kills by part."""
        return Counter(kill.target for kill in self.killed)

    def start(self) -> None:
        """Watch over the parts from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Start nothing any more: the run is over."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def hold(self, name: str) -> None:
        """Kill a part and keep it away."""
        self._held.add(name)
        self._kill(name)

    def release(self, name: str) -> None:
        """Let it come back."""
        self._parts[name].start()
        self._held.discard(name)

    def _run(self) -> None:
        while not self._stopping.wait(0.05):
            now = time.monotonic()
            for name in [name for name, at in self._due.items() if at <= now]:
                self._parts[name].start()
                del self._due[name]
            self._note_the_dead(now)
            if self._kills and now >= self._next_at and self._progress() >= self._kills[0].at:
                self._kill_next(now)

    def _kill_next(self, now: float) -> None:
        kill = self._kills[0]
        part = self._parts[kill.target]
        if kill.target in self._due or not part.runs or not part.alive():
            return  # it has not come back from the last one yet
        if kill.target in WORKERS and not all(self._parts[name].alive() for name in WORKERS):
            return  # what a killed worker leaves behind, another one resumes
        self._kills.pop(0)
        self._kill(kill.target)
        self._due[kill.target] = now + kill.pause
        self._next_at = now + self._gap

    def _kill(self, name: str) -> None:
        self.killed.append(Killed(time.time(), name))
        self._parts[name].kill()

    def _note_the_dead(self, now: float) -> None:
        for name, part in self._parts.items():
            if not part.runs and name not in self._due and name not in self._held:
                self.ended[name] += 1
                self._due[name] = now + 1
