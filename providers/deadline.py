"""Connections whose answer must be whole by a time, however it trickles in.

A socket's time-out is of one read: a peer that sends a byte now and then would keep a worker for
as long as it likes, in the headers as in the body.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def ends_at(until: float) -> Iterator[None]:
    """Answers that are asked for in here are over by then, of `time.monotonic`."""
    token = _until.set(until)
    try:
        yield
    finally:
        _until.reset(token)


class _Timed(io.RawIOBase):
    """A socket's bytes, until the time is over. Raises TimeoutError then."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._raw, self._sock, self._until = raw, sock, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer whose status line, headers and body are read in time."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        until = _until.get()
        if until is not None:
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, until))


class _Http(HTTPConnection):
    response_class = _Response


class _Https(HTTPSConnection):
    response_class = _Response


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


POOLS = {"http": _HttpPool, "https": _HttpsPool}
