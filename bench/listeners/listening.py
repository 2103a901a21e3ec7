"""Listeners that wait and hear nothing: half by long poll, half by stream."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.listeners.stack import World


@dataclass
class Crowd:
    """So many listeners in a thread of their own, until `stop`."""

    world: World
    count: int
    here: int = 0  # that are connected
    lost: Counter[str] = field(default_factory=Counter)  # why others are not any more
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Have them come, a hundred at a time."""
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._come(), self._loop).result(timeout=120)

    def stop(self) -> None:
        """Have them hang up."""
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(timeout=60)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _come(self) -> None:
        for number in range(self.count):
            key = self.world.keys[number % len(self.world.keys)]
            hold = self._poll if number % 2 else self._stream
            self._tasks.append(asyncio.create_task(self._listen(hold, key)))
            if number % 100 == 99:
                await asyncio.sleep(0.5)
        for _ in range(600):
            if self.here >= self.count:
                self.lost.clear()
                return
            await asyncio.sleep(0.1)
        why = self.lost.most_common(3)
        raise RuntimeError(f"only {self.here} of {self.count} listeners are there: {why}")

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, hold: Callable[[str], Awaitable[None]], key: str) -> None:
        """As clients do: who is let go comes back."""
        while True:
            try:
                await hold(key)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.lost[f"{type(error).__name__} {error}"[:80]] += 1
            await asyncio.sleep(1)

    async def _stream(self, key: str) -> None:
        reader, writer = await self._asked("/api/v1/events/stream", key)
        try:
            await _accepted(reader)
            self.here += 1
            try:
                while await reader.read(4096):
                    pass
            finally:
                self.here -= 1
            raise ConnectionError("the stream ended")
        finally:
            writer.close()

    async def _poll(self, key: str) -> None:
        reader, writer = await self._asked("/api/v1/events?wait=50", key)
        self.here += 1
        try:
            await _accepted(reader)
            await reader.read()
        finally:
            self.here -= 1
            writer.close()

    async def _asked(
        self, path: str, key: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.world.port)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        await writer.drain()
        return reader, writer


async def _accepted(reader: asyncio.StreamReader) -> None:
    """Read the answer's head. Raises ConnectionError if it is no 200."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(b"\r\n")[0].decode()
    if " 200 " not in status:
        raise ConnectionError(status)
