"""What every help desk adapter must do, whoever the vendor is.

A provider's test subclasses `ProviderContract`, fills in its class attributes, and brings a
`VendorDouble`: a small imitation of the vendor behind `responses`, just good enough to hold
tickets and show what reached them. docs/adding-a-provider.md walks through one.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import responses
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from providers.base import Provider
from providers.errors import (
    BadPayload,
    BadSignature,
    Gone,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Reconnect,
    Retry,
    Unavailable,
)
from providers.types import (
    InboundEvent,
    MessageType,
    OpenedTicket,
    OpenRequest,
    Ticket,
    WebhookRequest,
    WebhookTrust,
    dump_event,
    load_event,
)
from tests.providers.fakes import (
    START,
    Clock,
    Crash,
    FakeJournal,
    FakeTokens,
    FaultyHttp,
    make_connection,
    make_message,
    make_open_request,
    make_person,
    make_ticket,
)

PAYLOADS = Path(__file__).parent / "payloads"
MEDIA = "https://media.example.com/"
MEDIA_BYTES = b"the file's bytes"
LONG_TEXT = "\n".join(f"line {number:04}" for number in range(1500))

# type -> (payload, what an agent must be able to read: all of these)
EVERY_TYPE: dict[MessageType, tuple[dict[str, Any], tuple[str, ...]]] = {
    "text": ({"text": "plain words"}, ("plain words",)),
    "markdown": ({"markdown": "some **bold** words"}, ("bold",)),
    "image": ({"imageUrl": MEDIA + "lamp.png", "title": "The lamp"}, ("lamp.png",)),
    "audio": ({"audioUrl": MEDIA + "sound.mp3"}, ("sound.mp3",)),
    "video": ({"videoUrl": MEDIA + "clip.mp4"}, ("clip.mp4",)),
    "file": ({"fileUrl": MEDIA + "invoice.pdf", "title": "Invoice"}, ("invoice.pdf",)),
    "location": (
        {"latitude": 38.7, "longitude": -9.1, "title": "Lisbon", "address": "Rossio 1"},
        ("Lisbon", "Rossio 1", "38.7", "-9.1"),
    ),
    "card": (
        {
            "title": "A card",
            "subtitle": "below it",
            "actions": [
                {"action": "url", "label": "Look", "value": "https://shop.example.com/1"},
                {"action": "say", "label": "Buy", "value": "buy"},
            ],
        },
        ("A card", "below it", "https://shop.example.com/1", "Buy"),
    ),
    "carousel": (
        {"items": [{"title": "First", "actions": []}, {"title": "Second", "actions": []}]},
        ("First", "Second"),
    ),
    "choice": (
        {"text": "Which one?", "options": [{"label": "Red", "value": "r"}]},
        ("Which one?", "Red"),
    ),
    "dropdown": (
        {"text": "What size?", "options": [{"label": "Large", "value": "l"}]},
        ("What size?", "Large"),
    ),
    "bloc": (
        {
            "items": [
                {"type": "text", "payload": {"text": "part one"}},
                {"type": "file", "payload": {"fileUrl": MEDIA + "manual.pdf"}},
            ]
        },
        ("part one", "manual.pdf"),
    ),
}


@dataclasses.dataclass(frozen=True)
class Refusal:
    """How the vendor says no: the answer, and how long it asks to wait."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    wait: float | None = None  # seconds that the adapter must read out of it


class VendorDouble(ABC):
    """A small imitation of the vendor; registers its addresses with `responses` when made."""

    @abstractmethod
    def tickets(self) -> list[str]:
        """The remote ids of all tickets that exist, oldest first."""

    @abstractmethod
    def shown(self, remote_id: str) -> list[str]:
        """All that the agent reads on the ticket, in order: texts, notes, names of files."""

    @abstractmethod
    def closed(self, remote_id: str) -> bool:
        """Whether the ticket is closed."""

    @abstractmethod
    def drop(self, remote_id: str) -> None:
        """The ticket is gone: the API answers as the vendor's does for unknown ones."""

    @abstractmethod
    def agent_works(self, remote_id: str) -> list[bytes]:
        """An agent takes the ticket, answers and closes it; the webhook bodies of that."""


class ProviderContract(ABC):
    """Subclass as `TestXContract`; see docs/adding-a-provider.md."""

    provider: ClassVar[type[Provider]]
    settings: ClassVar[Mapping[str, str]]  # valid values of the declared settings
    credentials: ClassVar[Mapping[str, str]]  # and of the credentials
    account_id: ClassVar[str] = ""
    state: ClassVar[Mapping[str, Any]] = {}  # what `register` returned
    # payload file (without .json) -> the kinds of the events in it; () for what must stay silent
    expected: ClassVar[Mapping[str, tuple[str, ...]]]
    valid_sessions: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    public_credentials: ClassVar[frozenset[str]] = frozenset({"client_id"})
    signature_header: ClassVar[str] = ""  # lower-case; empty: override `forgeries`
    token_rejected: ClassVar[Refusal] = Refusal(401, {})
    rate_limited: ClassVar[Refusal] = Refusal(429, {}, {"Retry-After": "7"}, wait=7)
    server_error: ClassVar[Refusal] = Refusal(500, {})

    # --- what a provider's test brings ---------------------------------------------------------

    @abstractmethod
    def make_vendor(self, mocked: responses.RequestsMock, clock: Clock) -> VendorDouble:
        """The vendor, empty but for what `settings` and `state` name."""

    @abstractmethod
    def signed(self, body: bytes, name: str = "") -> WebhookRequest:
        """The webhook with this body as the vendor sends and signs it; `name`: the payload's."""

    def trust(self) -> WebhookTrust:
        """What a right webhook is verified with."""
        return WebhookTrust(self.credentials, self.state, self.account_id)

    def distrust(self) -> list[WebhookTrust]:
        """Trust that lacks the secret, which must refuse even a right signature."""
        secrets = {field.name for field in self.provider.credential_fields if field.secret}
        without = {name: "" for name in self.credentials if name in secrets}
        return [WebhookTrust({**self.credentials, **without}), WebhookTrust({})]

    def forgeries(self, request: WebhookRequest) -> list[WebhookRequest]:
        """The request with its signature missing, empty, wrong, too short and too long."""
        right = request.headers[self.signature_header]
        wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
        missing = {k: v for k, v in request.headers.items() if k != self.signature_header}
        values = ["", wrong, right[:-2], right + "00", "é", right.partition("=")[2] or "x"]
        faked = [{**missing, self.signature_header: value} for value in values]
        return [dataclasses.replace(request, headers=headers) for headers in [missing, *faked]]

    # --- fixtures ------------------------------------------------------------------------------

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def tokens(self) -> FakeTokens:
        return FakeTokens()

    @pytest.fixture
    def http(self) -> FaultyHttp:
        return FaultyHttp()

    @pytest.fixture
    def mocked(self) -> Iterator[responses.RequestsMock]:
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
            mocked.add(responses.GET, re.compile(re.escape(MEDIA)), body=MEDIA_BYTES)
            yield mocked

    @pytest.fixture
    def vendor(self, mocked: responses.RequestsMock, clock: Clock) -> VendorDouble:
        return self.make_vendor(mocked, clock)

    @pytest.fixture
    def adapter(
        self, vendor: VendorDouble, clock: Clock, tokens: FakeTokens, http: FaultyHttp
    ) -> Provider:
        return self.connected(http=http, tokens=tokens, clock=clock)

    def connected(self, **parts: Any) -> Provider:
        """The adapter on a connection made of these parts."""
        return self.provider(
            make_connection(
                self.settings,
                self.credentials,
                account_id=self.account_id,
                state=self.state,
                **parts,
            )
        )

    @pytest.fixture
    def ticket(self, adapter: Provider, clock: Clock) -> Ticket:
        return make_ticket(adapter.open(make_open_request(), FakeJournal(clock, key="opening")))

    # --- declaration ---------------------------------------------------------------------------

    def test_every_field_says_what_it_is_and_where_to_find_it(self) -> None:
        fields = [*self.provider.settings_fields, *self.provider.credential_fields]
        assert len({field.name for field in fields}) == len(fields)
        for field in fields:
            assert field.label, field.name
            assert len(field.help) > 10, field.name
        assert not any(field.secret for field in self.provider.settings_fields)

    def test_credentials_are_secret(self) -> None:
        shown = {field.name for field in self.provider.credential_fields if not field.secret}
        assert shown <= self.public_credentials

    def test_valid_values_pass(self) -> None:
        assert self.provider.validate(self.settings, self.credentials) == []

    def test_missing_and_wrong_values_are_named(self) -> None:
        required = {
            field.name
            for field in (*self.provider.settings_fields, *self.provider.credential_fields)
            if field.required
        }
        assert required <= {problem.field for problem in self.provider.validate({}, {})}
        for field in self.provider.settings_fields:
            if field.choices:
                wrong = self.provider.validate({**self.settings, field.name: "?"}, self.credentials)
                assert field.name in {problem.field for problem in wrong}

    def test_sessions_hold_what_is_declared_and_nothing_else(self) -> None:
        adapter = self.connected()
        for session in self.valid_sessions:
            assert adapter.validate_session(session) == [], session
            assert set(session) <= set(self.provider.capabilities.session_keys)
        [problem] = adapter.validate_session({"nonsense": 1})
        assert problem.field == "hitlSession.nonsense"

    # --- webhooks: verify ----------------------------------------------------------------------

    def sample(self) -> WebhookRequest:
        """The first payload, rightly signed."""
        path = self.payload_files()[0]
        return self.signed(path.read_bytes(), path.stem)

    def test_the_vendors_signature_passes(self) -> None:
        self.provider.verify(self.sample(), self.trust())

    def test_any_other_signature_is_refused(self) -> None:
        for forged in self.forgeries(self.sample()):
            with pytest.raises(BadSignature):
                self.provider.verify(forged, self.trust())

    def test_a_changed_body_is_refused(self) -> None:
        request = self.sample()
        with pytest.raises(BadSignature):
            self.provider.verify(
                dataclasses.replace(request, body=request.body + b" "), self.trust()
            )

    def test_a_missing_secret_refuses_everything(self) -> None:
        for trust in self.distrust():
            for request in [self.sample(), *self.forgeries(self.sample())]:
                with pytest.raises(BadSignature):
                    self.provider.verify(request, trust)

    # --- webhooks: parse -----------------------------------------------------------------------

    def payload_files(self) -> list[Path]:
        return sorted((PAYLOADS / self.provider.slug).glob("*.json"))

    def parsed(self, name: str) -> list[InboundEvent]:
        """The events of the payload file of that name."""
        body = (PAYLOADS / self.provider.slug / f"{name}.json").read_bytes()
        return self.provider.parse(self.signed(body, name))

    def test_every_payload_is_expected(self) -> None:
        assert {path.stem for path in self.payload_files()} == set(self.expected)

    def test_payloads_give_their_events(self) -> None:
        kinds = {name: tuple(e.kind for e in self.parsed(name)) for name in self.expected}
        assert kinds == dict(self.expected)

    def test_events_are_frozen_and_survive_storage(self) -> None:
        for name in self.expected:
            for event in self.parsed(name):
                assert load_event(json.loads(json.dumps(dump_event(event)))) == event
                with pytest.raises(dataclasses.FrozenInstanceError):
                    event.key = "other"  # type: ignore[misc]

    def test_keys_are_stable_and_unique(self) -> None:
        for name in self.expected:
            events = self.parsed(name)
            assert events == self.parsed(name)
            assert all(event.key for event in events)
            assert len({(event.remote_id, event.key) for event in events}) == len(events), name

    def test_events_name_the_account(self) -> None:
        if self.provider.capabilities.app_webhooks:
            for name in self.expected:
                assert all(event.account_id for event in self.parsed(name)), name

    @examples(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
    )
    @given(data=st.data())
    def test_junk_is_a_bad_payload_and_nothing_worse(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.payload_files()))
        body = data.draw(st.one_of(st.binary(max_size=64), damaged(path.read_bytes())))
        try:
            events = self.provider.parse(self.signed(body, path.stem))
        except BadPayload:
            return
        assert [load_event(dump_event(event)) for event in events] == events

    # --- open ----------------------------------------------------------------------------------

    def test_check_says_whom_we_are_connected_as(self, adapter: Provider) -> None:
        account = adapter.check()
        assert account.name
        assert account.id == (self.account_id or account.id)

    def test_a_ticket_shows_everything_that_is_known(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket
    ) -> None:
        assert vendor.tickets() == [ticket.remote_id]
        shown = "\n".join(vendor.shown(ticket.remote_id))
        for words in ("order 4711", "My lamp is broken", "I can't help", "a human please"):
            assert words in readable(shown), words

    def test_a_user_without_email_gets_a_ticket(
        self, adapter: Provider, vendor: VendorDouble, clock: Clock
    ) -> None:
        person = make_person(email="", picture_url="")
        opened = adapter.open(self.bare_request(person=person), FakeJournal(clock))
        assert vendor.tickets() == [opened.remote_id]

    def bare_request(self, **changes: Any) -> OpenRequest:
        """The least that a bot may know; HubSpot's test adds what it must have."""
        bare = {"title": "", "description": "", "transcript": ()}
        return make_open_request(**(bare | changes))

    def test_a_user_has_one_ticket_after_another(
        self, adapter: Provider, vendor: VendorDouble, clock: Clock
    ) -> None:
        first = adapter.open(make_open_request(), FakeJournal(clock, key="one"))
        adapter.close(make_ticket(first), "", FakeJournal(clock, key="two"))
        clock.advance(600)
        again = make_open_request(
            conversation_id="conv_00000000000000000000000002",
            contact=first.contact,
            requested_at=clock(),
        )
        second = adapter.open(again, FakeJournal(clock, key="three"))
        adapter.send(make_ticket(second), make_message(), FakeJournal(clock, key="four"))
        assert "Hello, is anybody there?" in readable("\n".join(vendor.shown(second.remote_id)))

    def test_a_crash_after_any_step_still_makes_one_ticket(self, clock: Clock) -> None:
        steps = self.opened_with_crash_after("")[1].steps
        assert steps, "open must use the journal"
        for step in steps:
            vendor, _journal = self.opened_with_crash_after(step)
            assert len(vendor.tickets()) == 1, f"after a crash at {step}"
            shown = readable("\n".join(vendor.shown(vendor.tickets()[0])))
            assert shown.count("I can't help with that.") == 1, f"after a crash at {step}"

    def opened_with_crash_after(self, step: str) -> tuple[VendorDouble, FakeJournal]:
        clock = Clock()
        journal = FakeJournal(clock, crash_after=step)
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
            vendor = self.make_vendor(mocked, clock)
            adapter = self.connected(clock=clock)
            opened = persist(lambda: adapter.open(make_open_request(), journal), clock)
            assert opened.remote_id in vendor.tickets()
        return vendor, journal

    # --- send ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("type_", EVERY_TYPE)
    def test_every_type_arrives_readable(
        self,
        type_: MessageType,
        adapter: Provider,
        vendor: VendorDouble,
        ticket: Ticket,
        clock: Clock,
    ) -> None:
        payload, words = EVERY_TYPE[type_]
        before = len(vendor.shown(ticket.remote_id))
        sent = adapter.send(ticket, make_message(type_, payload), FakeJournal(clock))
        assert sent.remote_ids
        assert len(set(sent.remote_ids)) == len(sent.remote_ids)
        shown = readable("\n".join(vendor.shown(ticket.remote_id)[before:]))
        for word in words:
            assert word in shown

    @pytest.mark.parametrize("type_", ["image", "file"])
    def test_a_file_that_can_not_be_fetched_becomes_a_link(
        self,
        type_: MessageType,
        adapter: Provider,
        vendor: VendorDouble,
        ticket: Ticket,
        clock: Clock,
        mocked: responses.RequestsMock,
    ) -> None:
        gone = "https://gone.example.com/thing.pdf"
        mocked.add(responses.GET, gone, status=404)
        key = {"image": "imageUrl", "file": "fileUrl"}[type_]
        adapter.send(ticket, make_message(type_, {key: gone}), FakeJournal(clock))
        assert gone in readable("\n".join(vendor.shown(ticket.remote_id)))

    def test_our_own_rate_limit_does_not_cost_the_file(
        self,
        adapter: Provider,
        vendor: VendorDouble,
        ticket: Ticket,
        clock: Clock,
        mocked: responses.RequestsMock,
    ) -> None:
        url = "https://media.example.org/thing.pdf"
        mocked.add(responses.GET, url, body=RateLimited("Wait.", retry_after=5))
        before = vendor.shown(ticket.remote_id)
        with pytest.raises(RateLimited):
            adapter.send(ticket, make_message("file", {"fileUrl": url}), FakeJournal(clock))
        assert vendor.shown(ticket.remote_id) == before

    def test_a_long_text_is_split_in_order_and_whole(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        before = len(vendor.shown(ticket.remote_id))
        message = make_message("text", {"text": LONG_TEXT})
        for step in self.steps_of_sending(message, adapter, ticket, clock):
            assert step
        shown = readable("\n".join(vendor.shown(ticket.remote_id)[before:]))
        assert re.findall(r"line \d{4}", shown) == LONG_TEXT.split("\n")

    def steps_of_sending(
        self, message: Any, adapter: Provider, ticket: Ticket, clock: Clock
    ) -> list[str]:
        journal = FakeJournal(clock)
        adapter.send(ticket, message, journal)
        assert len(set(journal.steps)) == len(journal.steps)
        return journal.steps

    def test_the_bots_words_are_not_the_customers(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        message = make_message(payload={"text": "One moment."}, author="bot", author_name="Helper")
        adapter.send(ticket, message, FakeJournal(clock))
        last = readable(vendor.shown(ticket.remote_id)[-1])
        assert "One moment." in last
        assert "Helper" in last

    def test_a_send_whose_answer_was_lost_is_found_not_repeated(
        self,
        adapter: Provider,
        vendor: VendorDouble,
        ticket: Ticket,
        http: FaultyHttp,
        clock: Clock,
    ) -> None:
        if not self.provider.capabilities.lookup:
            pytest.skip("the vendor can't be asked")
        journal = FakeJournal(clock)
        http.lose_next_answer()
        with pytest.raises(OutcomeUnknown):
            adapter.send(ticket, make_message(), journal)
        sent = persist(lambda: adapter.send(ticket, make_message(), journal), clock)
        assert sent.remote_ids
        shown = readable("\n".join(vendor.shown(ticket.remote_id)))
        assert shown.count("Hello, is anybody there?") == 1

    def test_a_send_that_never_arrived_is_repeated(
        self,
        adapter: Provider,
        vendor: VendorDouble,
        ticket: Ticket,
        http: FaultyHttp,
        clock: Clock,
    ) -> None:
        journal = FakeJournal(clock)
        http.answer_next(self.server_error.status, self.server_error.body, only="change")
        with pytest.raises(OutcomeUnknown):
            adapter.send(ticket, make_message(), journal)
        persist(lambda: adapter.send(ticket, make_message(), journal), clock)
        shown = readable("\n".join(vendor.shown(ticket.remote_id)))
        assert shown.count("Hello, is anybody there?") == 1

    def test_the_same_words_twice_arrive_twice(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        for key in ("one", "two"):
            adapter.send(ticket, make_message(), FakeJournal(clock, key=key))
        shown = readable("\n".join(vendor.shown(ticket.remote_id)))
        assert shown.count("Hello, is anybody there?") == 2

    # The second words are those that the ticket was opened with.
    @pytest.mark.parametrize("words", ["Hello, is anybody there?", "Then a human please"])
    @pytest.mark.parametrize("doubt", ["answer lost", "never arrived"])
    def test_doubt_about_words_that_were_said_before_is_not_settled_by_those(
        self,
        adapter: Provider,
        vendor: VendorDouble,
        ticket: Ticket,
        http: FaultyHttp,
        words: str,
        doubt: str,
    ) -> None:
        clock, arrived = adapter.connection.now, doubt == "answer lost"
        assert isinstance(clock, Clock)
        if arrived and not self.provider.capabilities.lookup:
            pytest.skip("the vendor can't be asked")

        def count() -> int:
            return readable("\n".join(vendor.shown(ticket.remote_id))).count(words)

        message, journal = make_message(payload={"text": words}), FakeJournal(clock, key="again")
        first = adapter.send(ticket, message, FakeJournal(clock, key="first"))
        before = count()
        if arrived:
            http.lose_next_answer()
        else:
            http.answer_next(self.server_error.status, self.server_error.body, only="change")
        known = dataclasses.replace(ticket, known_ids=frozenset(first.remote_ids))
        with pytest.raises(OutcomeUnknown):
            adapter.send(known, message, journal)
        again = persist(lambda: adapter.send(known, message, journal), clock)
        assert count() == before + 1
        assert set(again.remote_ids).isdisjoint(first.remote_ids)

    # --- close ---------------------------------------------------------------------------------

    def test_close_closes_and_may_be_repeated(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        adapter.close(ticket, "The customer left.", FakeJournal(clock, key="one"))
        assert vendor.closed(ticket.remote_id)
        adapter.close(ticket, "The customer left.", FakeJournal(clock, key="two"))
        vendor.drop(ticket.remote_id)
        adapter.close(ticket, "The customer left.", FakeJournal(clock, key="three"))

    def test_the_agent_is_told_after_the_end_without_opening_it_again(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        adapter.close(ticket, "", FakeJournal(clock, key="close"))
        adapter.tell_agent(ticket, "It is over.", FakeJournal(clock, key="tell"))
        shown = any("It is over." in text for text in vendor.shown(ticket.remote_id))
        assert shown or adapter.capabilities.tells_after_end == "whileOpen"
        assert vendor.closed(ticket.remote_id)

    def test_while_it_is_open_the_agent_is_told_by_every_help_desk(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        adapter.tell_agent(ticket, "Look out.", FakeJournal(clock, key="tell"))
        assert any("Look out." in text for text in vendor.shown(ticket.remote_id))
        told = {event.kind for event in adapter.catch_up(ticket, START)}
        assert "agent_message" not in told  # it would be answered

    def test_a_closed_ticket_with_notes_is_opened_again(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        adapter.close(ticket, "", FakeJournal(clock, key="close"))
        for key in ("one", "two"):
            adapter.reopen(ticket, FakeJournal(clock, key=key))
        opens = adapter.capabilities.tells_after_end == "note"
        assert vendor.closed(ticket.remote_id) != opens

    # --- looking -------------------------------------------------------------------------------

    def test_catch_up_gives_the_keys_of_the_webhooks(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        clock.advance(60)
        bodies = vendor.agent_works(ticket.remote_id)
        clock.advance(60)
        told = [e for body in bodies for e in self.provider.parse(self.signed(body))]
        seen = adapter.catch_up(ticket, START)
        assert [(e.kind, e.key) for e in seen] == [(e.kind, e.key) for e in told]
        assert {e.remote_id for e in [*told, *seen]} == {ticket.remote_id}
        assert {"agent_message", "ticket_closed"} <= {e.kind for e in told}

    def test_our_own_words_are_no_events(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        clock.advance(5)
        adapter.send(ticket, make_message(), FakeJournal(clock))
        adapter.send(ticket, make_message(author="bot"), FakeJournal(clock, key="other"))
        told = {event.kind for event in adapter.catch_up(ticket, START)}
        assert "agent_message" not in told

    def test_availability_is_an_answer(self, adapter: Provider) -> None:
        assert adapter.availability({}).status in ("online", "offline", "unknown")

    # --- errors --------------------------------------------------------------------------------

    def test_a_rejected_token_is_renewed_once(
        self, adapter: Provider, vendor: VendorDouble, tokens: FakeTokens, http: FaultyHttp
    ) -> None:
        refusal = self.token_rejected
        http.answer_next(refusal.status, refusal.body, refusal.headers)
        assert adapter.check().name
        assert tokens.rejected == ["token-1"]

    def test_a_second_rejection_asks_to_reconnect(
        self, adapter: Provider, tokens: FakeTokens, http: FaultyHttp
    ) -> None:
        refusal = self.token_rejected
        http.answer_next(refusal.status, refusal.body, refusal.headers, times=5)
        with pytest.raises(Reconnect) as caught:
            adapter.check()
        assert len(http.calls) == 2
        self.assert_tells_nothing(caught.value)

    def test_a_rate_limit_says_how_long(
        self, adapter: Provider, ticket: Ticket, http: FaultyHttp, clock: Clock
    ) -> None:
        refusal = self.rate_limited
        http.answer_next(refusal.status, refusal.body, refusal.headers)
        with pytest.raises(RateLimited) as caught:
            adapter.send(ticket, make_message(), FakeJournal(clock))
        assert caught.value.retry_after is not None
        assert refusal.wait is not None
        assert refusal.wait <= caught.value.retry_after <= refusal.wait * 1.5 + 5
        self.assert_tells_nothing(caught.value)

    def test_a_server_error_leaves_the_outcome_open(
        self, adapter: Provider, ticket: Ticket, http: FaultyHttp, clock: Clock
    ) -> None:
        refusal = self.server_error
        http.answer_next(refusal.status, refusal.body, refusal.headers, only="change")
        with pytest.raises(OutcomeUnknown) as caught:
            adapter.send(ticket, make_message(), FakeJournal(clock))
        self.assert_tells_nothing(caught.value)

    def test_a_refused_connection_is_unavailable(self, clock: Clock) -> None:
        nowhere = "http://127.0.0.1:9"
        adapter = self.connected(clock=clock, api_base_url=nowhere, auth_base_url=nowhere)
        with pytest.raises(Unavailable) as caught:
            adapter.check()
        self.assert_tells_nothing(caught.value)

    def test_a_ticket_that_is_gone_says_so(
        self, adapter: Provider, vendor: VendorDouble, ticket: Ticket, clock: Clock
    ) -> None:
        vendor.drop(ticket.remote_id)
        with pytest.raises(Gone) as caught:
            adapter.send(ticket, make_message(), FakeJournal(clock))
        self.assert_tells_nothing(caught.value)
        with pytest.raises(Gone):
            adapter.catch_up(ticket, START)

    def assert_tells_nothing(self, error: ProviderError) -> None:
        """Neither a secret nor a message's text is in the error."""
        told = f"{error} {error!r} {error.detail} {error.code}"
        secrets = [
            self.credentials[field.name]
            for field in self.provider.credential_fields
            if field.secret and self.credentials.get(field.name)
        ]
        for hidden in [*secrets, "token-1", "token-2", "Hello, is anybody"]:
            assert hidden not in told


# --- helpers --------------------------------------------------------------------------------------


def persist(attempt: Callable[[], Any], clock: Clock, attempts: int = 30) -> Any:
    """Repeat as the engine does: after a crash, and when asked to come back later."""
    for _ in range(attempts):
        try:
            return attempt()
        except Crash:
            clock.advance(60)
        except Retry as error:
            clock.advance(error.retry_after or 30)
    raise AssertionError("It never came to an end.")


def readable(shown: str) -> str:
    """The text with the commonest HTML escapes undone, as an agent's browser shows it."""
    for escaped, plain in (("&#x27;", "'"), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">")):
        shown = shown.replace(escaped, plain)
    return shown.replace("&quot;", '"').replace("&amp;", "&")


JUNK: Any = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        float("1e300"),
        "",
        "x",
        "\x00",
        "é👋",
        [],
        [None],
        {},
        {"a": []},
    ]
)


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """A real payload with one or two of its values replaced by junk, or cut short."""
    document = json.loads(body)
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(document))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        container[key] = copy.deepcopy(draw(JUNK))  # the next example damages it further
    damaged_body = json.dumps(document).encode()
    if draw(st.booleans()):
        return damaged_body
    return damaged_body[: draw(st.integers(0, len(damaged_body)))]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


__all__ = [
    "OpenedTicket",
    "ProviderContract",
    "Refusal",
    "VendorDouble",
    "persist",
    "readable",
]
