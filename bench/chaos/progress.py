"""What is going on, on a terminal; nothing but the beginning of each stage elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.status import Status


class Progress:
    """A line that changes, where somebody is looking."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._status: Status | None = None
        if console.is_terminal:
            self._status = console.status("")
            self._status.start()

    def say(self, text: str) -> None:
        """The next stage."""
        passed = time.monotonic() - self._began
        self._console.print(f"[{passed:5.0f} s] {text}", markup=False, highlight=False)

    def show(self, run: Any) -> None:
        """How far the run is."""
        if self._status:
            self._status.update(
                f"{run.driver.attempted} of {run.options.messages} messages said, "
                f"{run.driver.underway} under way, {len(run.supervisor.killed)} kills"
            )

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._status:
            self._status.stop()
