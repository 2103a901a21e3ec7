"""Servers on this machine that count who connects, and answer as badly as they can."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator

Answer = Callable[[socket.socket], None]
PAUSE = 0.05


class Listener:
    """Counts connections; `answer` is what it does with each after the request's first bytes."""

    def __init__(self, answer: Answer, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family)
        self.port: int = self._socket.getsockname()[1]
        self.reached = 0
        self._answer = answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.reached += 1
            threading.Thread(target=self._speak, args=(peer,), daemon=True).start()

    def _speak(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            peer.settimeout(5)
            peer.recv(65536)
            self._answer(peer)

    def close(self) -> None:
        """Take no more."""
        # A thread waits in accept: closing alone would not wake it.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextlib.contextmanager
def listening(answer: Answer, host: str = "127.0.0.1") -> Iterator[Listener]:
    found = Listener(answer, host)
    try:
        yield found
    finally:
        found.close()


def plain(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def redirect(location: str) -> Answer:
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    return lambda peer: peer.sendall(head.encode())


def _drip(start: bytes, piece: bytes) -> Answer:
    def answer(peer: socket.socket) -> None:
        peer.sendall(start)
        while True:
            peer.sendall(piece)
            time.sleep(PAUSE)

    return answer


def endless(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        peer.sendall(b"x" * 65536)


def bomb(peer: socket.socket) -> None:
    """A gzip that unfolds to a thousand times its size."""
    zeros = b"\0" * (1 << 20)
    body = b"".join(gzip.compress(zeros) for _ in range(64))
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n")
    peer.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)


SLOW: dict[str, Answer] = {
    "headers, byte by byte": _drip(b"HTTP/1.1 200 OK\r\n", b"X"),
    "a body, byte by byte": _drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "chunks, one by one": _drip(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
    "interim answers without end": _drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing at all": lambda peer: time.sleep(5),
}
