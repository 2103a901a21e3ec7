"""Stand-ins for what the engine gives an adapter: clock, tokens, journal, HTTP with faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar, cast

import requests

from providers.base import Connection, TokenSource
from providers.errors import CannotAsk, OutcomeUnknown, ProviderError, Reconnect
from providers.http import SAFE_METHODS, HttpClient, Response
from providers.types import (
    MessageType,
    OpenedTicket,
    OpenRequest,
    OutgoingMessage,
    Person,
    Ticket,
    TranscriptLine,
)

T = TypeVar("T")

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class Clock:
    """The connection's `now`; time passes only when a test says so."""

    def __init__(self, start: datetime = START) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class FakeTokens:
    """Hands out `token`, then each of `renewals` in turn, then Reconnect."""

    def __init__(self, token: str = "token-1", renewals: tuple[str, ...] = ("token-2",)) -> None:
        self.token = token
        self.renewals = list(renewals)
        self.rejected: list[str] = []

    def get(self) -> str:
        return self.token

    def renew(self, rejected: str) -> str:
        self.rejected.append(rejected)
        if rejected == self.token:
            if not self.renewals:
                raise Reconnect("The token is dead.")
            self.token = self.renewals.pop(0)
        return self.token


class Crash(BaseException):
    """kill -9 between a call at the vendor and the note of its result."""


class FakeJournal:
    """Remembers steps as the engine's journal does; `crash_after` kills the worker once.

    The named step is carried out at the vendor, but its result is never stored: the next attempt
    must find out. Results go through JSON, as in the database.
    """

    def __init__(
        self, clock: Callable[[], datetime], *, key: str = "delivery-1", crash_after: str = ""
    ) -> None:
        self.key = key
        self.crash_after = crash_after
        self.steps: list[str] = []  # carried out, in order, repeats included
        self.searched: list[str] = []  # looked up, in order
        self.repeated_in_doubt: list[str] = []
        self._clock = clock
        self._results: dict[str, str] = {}
        self._doubtful: dict[str, datetime] = {}

    def once(
        self, step: str, do: Callable[[], T], find: Callable[[datetime], T | None] | None = None
    ) -> T:
        if step in self._results:
            return cast("T", self._stored(step))
        if step in self._doubtful and find is not None:
            self.searched.append(step)
            try:
                found = find(self._doubtful[step])
            except CannotAsk:
                self.repeated_in_doubt.append(step)
                found = None
            if found is not None:
                return self._store(step, found)
        self._doubtful[step] = self._clock()
        self.steps.append(step)
        try:
            result = do()
        except OutcomeUnknown:
            raise
        except ProviderError:
            del self._doubtful[step]  # surely not carried out
            raise
        if step == self.crash_after:
            self.crash_after = ""
            raise Crash(step)
        return self._store(step, result)

    def _store(self, step: str, result: T) -> T:
        self._doubtful.pop(step, None)
        self._results[step] = json.dumps(result)
        return cast("T", self._stored(step))

    def _stored(self, step: str) -> Any:
        return json.loads(self._results[step])


@dataclass
class Call:
    """One request that the adapter made."""

    method: str
    url: str
    headers: Mapping[str, str]
    json: Any
    status: int | None = None  # None: no answer


@dataclass(frozen=True)
class Fault:
    """What happens to one request instead of the vendor's answer."""

    kind: Literal["answer", "lost_answer"]
    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class FaultyHttp(HttpClient):
    """The real client with faults on order; what it sends, `responses` answers.

    `only` says which requests a fault is for: those that change something at the vendor
    ("change"), those that look ("look"), or whatever comes next ("any").
    """

    def __init__(self) -> None:
        session = requests.Session()
        session.trust_env = False
        super().__init__(session)
        self.calls: list[Call] = []
        self._faults: list[tuple[str, Fault]] = []

    def answer_next(
        self,
        status: int,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        only: Literal["any", "change", "look"] = "any",
        times: int = 1,
    ) -> None:
        """Answer the next matching requests so, without asking the vendor."""
        self._faults += [(only, Fault("answer", status, body, headers or {}))] * times

    def lose_next_answer(self) -> None:
        """Let the vendor carry out the next changing request, and lose its answer."""
        self._faults.append(("change", Fault("lost_answer")))

    def request(self, method: str, url: str, **options: Any) -> Response:
        call = Call(method, url, dict(options.get("headers") or {}), options.get("json"))
        self.calls.append(call)
        fault = self._take(method)
        if fault and fault.kind == "answer":
            call.status = fault.status
            content = b"" if fault.body is None else json.dumps(fault.body).encode()
            headers = requests.structures.CaseInsensitiveDict(fault.headers)
            return Response(fault.status, headers, content)
        answer = super().request(method, url, **options)
        if fault:
            raise OutcomeUnknown("The vendor did not answer in time.")
        call.status = answer.status
        return answer

    def _take(self, method: str) -> Fault | None:
        kinds = {"any", "look" if method.upper() in SAFE_METHODS else "change"}
        for index, (only, fault) in enumerate(self._faults):
            if only in kinds:
                del self._faults[index]
                return fault
        return None


def make_connection(
    settings: Mapping[str, str] | None = None,
    credentials: Mapping[str, str] | None = None,
    *,
    http: HttpClient | None = None,
    tokens: TokenSource | None = None,
    clock: Callable[[], datetime] | None = None,
    account_id: str = "",
    state: Mapping[str, Any] | None = None,
    api_base_url: str = "",
    auth_base_url: str = "",
) -> Connection:
    """A connection whose parts default to this module's."""
    return Connection(
        settings=settings or {},
        credentials=credentials or {},
        http=http or FaultyHttp(),
        tokens=tokens or FakeTokens(),
        now=clock or Clock(),
        account_id=account_id,
        state=state or {},
        api_base_url=api_base_url,
        auth_base_url=auth_base_url,
    )


def make_person(**changes: Any) -> Person:
    """Ana, with all that a bot can know of a user."""
    values: dict[str, Any] = {
        "id": "user_0000000000000000000000ana",
        "name": "Ana Silva",
        "email": "ana@customer.test",
        "phone": "+351912345678",
        "picture_url": "https://media.example.com/ana.png",
    }
    return Person(**(values | changes))


def make_line(text: str, author: Literal["user", "bot"] = "user", **changes: Any) -> TranscriptLine:
    """One line of a transcript."""
    name = "Ana Silva" if author == "user" else "Helper"
    values: dict[str, Any] = {"author": author, "author_name": name, "text": text}
    return TranscriptLine(**(values | changes))


def make_open_request(**changes: Any) -> OpenRequest:
    """Ana's lamp is broken, and the bot can't help."""
    values: dict[str, Any] = {
        "conversation_id": "conv_00000000000000000000000001",
        "person": make_person(),
        "title": "Broken lamp",
        "description": "The lamp of order 4711 arrived broken.",
        "transcript": (
            make_line("My lamp is broken <b>!</b>", created_at=START - timedelta(minutes=2)),
            make_line("I can't help with that.", "bot", created_at=START - timedelta(minutes=1)),
            make_line("Then a human please", created_at=START),
        ),
        "session": {},
        "contact": {},
        "requested_at": START,
    }
    return OpenRequest(**(values | changes))


def make_ticket(opened: OpenedTicket, **changes: Any) -> Ticket:
    """The ticket that `open` answered with, as the engine hands it to `send`."""
    values: dict[str, Any] = {
        "remote_id": opened.remote_id,
        "conversation_id": "conv_00000000000000000000000001",
        "person": make_person(),
        "state": opened.state,
        "contact": opened.contact,
        "opened_at": START,
    }
    return Ticket(**(values | changes))


def make_message(
    type_: MessageType = "text", payload: Mapping[str, Any] | None = None, **changes: Any
) -> OutgoingMessage:
    """A message of the user's; `make_message("image", {"imageUrl": ...})` for other types."""
    values: dict[str, Any] = {
        "id": "msg_000000000000000000000000001",
        "type": type_,
        "payload": payload or {"text": "Hello, is anybody there?"},
        "author": "user",
        "author_name": "Ana Silva",
        "created_at": START,
    }
    return OutgoingMessage(**(values | changes))
