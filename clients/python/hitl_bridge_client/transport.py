"""Calls that are repeated until they are answered, within bounds."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from hitl_bridge_client.errors import PASSING, BridgeError, Unreachable, api_error

log = logging.getLogger("hitl_bridge_client")

LONGEST_PAUSE = 60.0  # seconds, also where the bridge asks for more
SILENCE = 30.0  # seconds beyond the time-out; a stream says something every 15 seconds
USER_AGENT = "hitl-bridge-client/0.1.0"


class Transport:
    """HTTP to one bridge with one key. Threads may share it."""

    def __init__(self, url: str, key: str, timeout: float, attempts: int) -> None:
        self.base = url.rstrip("/").removesuffix("/api/v1") + "/api/v1"
        self.timeout, self.attempts = timeout, max(1, attempts)
        self.http = requests.Session()
        self.http.headers["User-Agent"] = USER_AGENT
        self._authorization = f"Bearer {key}"

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0,
    ) -> Any:
        """The decoded answer. Raises ApiError, or Unreachable once all attempts are used up.

        `wait` is how long the bridge was asked to hold its answer back, in seconds.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return decoded(self.once(method, path, body, query, headers, wait=wait))
            except BridgeError as error:
                # A POST has its Idempotency-Key, so repeating it does no harm.
                if not error.passing or attempt == self.attempts:
                    raise
                log.info("%s %s: %s; trying again", method, path, error)
                time.sleep(pause(attempt, error.retry_after))
        raise AssertionError("the last attempt returns or raises")

    def once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        wait: float = 0,
        stream: bool = False,
    ) -> requests.Response:
        """One try. Raises Unreachable."""
        try:
            return self.http.request(
                method,
                self.base + path,
                json=body,
                params=query,
                headers={"Authorization": self._authorization, **(headers or {})},
                timeout=(self.timeout, self.timeout + wait),
                allow_redirects=False,  # a POST would lose its body on the way
                stream=stream,
            )
        except requests.RequestException as error:
            raise Unreachable(f"{self.base}: {type(error).__name__}") from error

    def stream(self, path: str, last_event_id: str) -> Iterator[tuple[Any, str]]:
        """(JSON, id to come back with) of each message of a stream of server-sent events, until
        the bridge ends it. Raises ApiError, or Unreachable where it breaks off."""
        headers = {"Accept": "text/event-stream"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        with self.once("GET", path, headers=headers, wait=SILENCE, stream=True) as answer:
            if not answer.ok or answer.is_redirect:
                decoded(answer)
            # Chunks come one by one; without them only reading each byte waits for no more.
            size = None if answer.headers.get("Transfer-Encoding") == "chunked" else 1
            try:
                for data, id_ in messages(answer.iter_lines(size)):
                    last_event_id = id_ or last_event_id
                    yield json.loads(data), last_event_id
            except requests.RequestException as error:
                raise Unreachable(f"The stream broke off: {type(error).__name__}") from error


def messages(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """(data, id) of each message in a stream's lines; an empty id where it has none.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    data: list[str] = []
    id_ = ""
    for line in lines:
        name, _, value = line.decode().partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "id":
            id_ = value
        elif not line:
            if data:
                yield "\n".join(data), id_
            data, id_ = [], ""


def decoded(answer: requests.Response) -> Any:
    """The JSON of a good answer. Raises ApiError for a problem, Unreachable for all else."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.is_redirect:
        where = answer.headers["Location"]
        raise Unreachable(f"Use the address that it redirects to: {where}", passing=False)
    if answer.ok and body is not None:
        return body
    if not answer.ok and isinstance(body, dict) and "type" in body:
        raise api_error(answer.status_code, body, retry_after(answer))
    raise Unreachable(
        f"{answer.url} answered {answer.status_code}, not as the bridge would.",
        passing=answer.status_code in PASSING,
    )


def retry_after(answer: requests.Response) -> float:
    """The seconds that the answer asks to wait; 0 where it does not say."""
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def pause(attempt: int, asked: float = 0) -> float:
    """Seconds to wait after the `attempt`-th try: doubled each time, with jitter."""
    planned = 0.5 * 2.0 ** min(attempt - 1, 6) * random.uniform(0.8, 1.2)
    return min(LONGEST_PAUSE, max(planned, asked))
