"""What webhooks and reading a chat say, in detail."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.errors import BadPayload, Permanent
from providers.types import (
    Agent,
    AgentAssigned,
    AgentMessage,
    MessageRedacted,
    Ticket,
    TicketClosed,
)
from providers.types import TicketTransferred as Transferred
from providers.zoho import Zoho
from tests.providers.contract import PAYLOADS
from tests.providers.fakes import START, Clock, FaultyHttp, make_message
from tests.providers.zoho.double import PAT, SAM, ZohoDouble, error, journal, make_zoho
from tests.providers.zoho.keys import signed

AT = datetime.fromtimestamp(1764000060, UTC)


def event(name: str) -> Any:
    """The only event of a payload file."""
    [found] = Zoho.parse(signed(Path(PAYLOADS, "zoho", f"{name}.json").read_bytes()))
    return found


def parsed(body: Any) -> list[Any]:
    return list(Zoho.parse(signed(json.dumps(body).encode())))


# --- webhooks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["operator_replied", "operator_replied_numbers", "operator_replied_entity_only"]
)
def test_an_operators_reply_is_the_agents_message(name: str) -> None:
    reply: AgentMessage = event(name)
    assert reply.remote_id == "633812301"
    assert reply.key == "1764000060000_1"
    assert reply.at == AT
    assert reply.agent == Agent("633801", "Pat")
    assert [dict(one.payload) for one in reply.contents] == [{"text": "Hello"}]
    assert reply.account_id == ("" if name.endswith("only") else "55778119")


@pytest.mark.parametrize("msgid", ["1764000060000%20455", "9f1c-é=", 1764000060000])
def test_a_messages_id_may_look_odd(msgid: str | int) -> None:
    body = json.loads(Path(PAYLOADS, "zoho", "operator_replied.json").read_bytes())
    body["entity"]["message"]["msgid"] = msgid
    [reply] = parsed(body)
    assert reply.key == str(msgid)


def test_a_repeat_has_the_same_key_whatever_the_attempt() -> None:
    body = json.loads(Path(PAYLOADS, "zoho", "operator_replied.json").read_bytes())
    keys = {
        Zoho.receipt_key(signed(json.dumps({**body, "attempt": n}).encode())) for n in (1, 2, "3")
    }
    assert len(keys) == 1
    assert "1764000060000_1" in keys.pop()
    assert Zoho.receipt_key(signed(b'{"id": "1"}')) == ""
    assert Zoho.receipt_key(signed(b"[")) == ""


def test_the_agent_is_the_owner_and_never_the_visitor() -> None:
    assigned: AgentAssigned = event("attender_updated")
    assert assigned.agent == Agent("633801", "Pat", "p@x.org")
    assert assigned.remote_id == "633812301"


def test_a_transfer_is_told_as_far_as_zoho_tells_it() -> None:
    gone: Transferred = event("transfer_initiated")
    assert gone.to == "Sales"
    taken: AgentAssigned = event("transfer_accepted")
    assert taken.agent.name == "Sam"
    stays: AgentAssigned = event("transfer_rejected")
    assert stays.agent.name == "Pat"
    body = json.loads(Path(PAYLOADS, "zoho", "transfer_initiated.json").read_bytes())
    shapes: tuple[Any, ...] = (None, [], "633802025", {"to": 5}, {"to": {}})
    for unknown in shapes:
        body["entity"]["transfer"] = unknown
        assert parsed(body)[0].to == ""
    body["entity"]["owner"] = SAM
    body["event"] = "conversation.transfer.accepted"
    assert parsed(body)[0].agent.name == "Sam"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missed", "missed"),
        ("missed_entity_only", "missed"),
        ("completed_by_agent", "agentClosed"),
        ("completed_by_system", "agentClosed"),
        ("completed_by_visitor", "userEnded"),
        ("completed_execution", "agentClosed"),
    ],
)
def test_the_end_has_a_reason(name: str, reason: str) -> None:
    closed: TicketClosed = event(name)
    assert closed.reason == reason


def test_an_edited_message_is_not_told_twice() -> None:
    body = Path(PAYLOADS, "zoho", "message_edited.json").read_bytes()
    assert Zoho.parse(signed(body)) == []
    bare = json.loads(body)["entity"]
    assert parsed(bare) == []


def test_a_deleted_message_names_the_message() -> None:
    deleted: MessageRedacted = event("message_deleted")
    assert deleted.message_key == "1764000060000_1"
    bare = json.loads(Path(PAYLOADS, "zoho", "message_deleted.json").read_bytes())["entity"]
    assert parsed(bare)[0].key == deleted.key


def test_a_bare_reply_of_the_owner_is_known_by_its_sender() -> None:
    message = {"msgid": "1764000060000_1", "text": "Hi", "sender": {"id": "7", "name": "Pat"}}
    bare = {"id": "5", "message": message, "owner": {"id": "7", "email": "p@x.org"}}
    [reply] = parsed(bare)
    assert reply.agent == Agent("7", "Pat", "p@x.org")
    assert reply.at == AT, "by the message's id"
    [unsure] = parsed({**bare, "owner": {"id": "8"}})
    assert unsure.kind == "ticket_changed"


def test_a_webhook_without_a_time_happened_when_it_came() -> None:
    [assigned] = parsed({"id": "5", "owner": {"id": "7", "name": "Pat"}})
    assert assigned.at == START


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{}", b'{"entity":null}', b'{"event":5}', b"\xff", b"[" * 100_000],
)
def test_what_is_no_webhook_is_a_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        Zoho.parse(signed(body))


# --- reading a chat ---------------------------------------------------------------------------


def test_a_file_reply_is_found_by_reading_the_chat(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket
) -> None:
    vendor.take(ticket.remote_id)
    photo = {"attachment": {"id": "430872", "name": "lamp.png", "content_type": "image/png"}}
    said = vendor.say(ticket.remote_id, PAT, None, type="attachment", message=photo)
    vendor.files["430872"] = (b"\x89PNG", "image/png")
    found = adapter.catch_up(ticket, START)[-1]
    assert isinstance(found, AgentMessage)
    assert found.key == said["id"]
    assert found.agent == Agent("633801", "Pat", "p@acme.test")
    [content] = found.contents
    assert content.type == "image"
    assert content.payload["title"] == "lamp.png"
    assert adapter.fetch_media(content.payload["imageUrl"]) == (b"\x89PNG", "image/png")


@pytest.mark.parametrize(
    ("message", "meta", "kinds"),
    [
        (
            {"text": "See", "attachments": [{"attachment_id": "1", "name": "a.pdf"}]},
            {},
            "text file",
        ),
        ({"file": {"id": 5, "file_name": "a.mp3"}}, {}, "audio"),
        ({"file_id": "5", "file_name": "a.mp4"}, {}, "video"),
        ({}, {"files": [{"url": "https://x.test/a.gif", "name": "a.gif"}]}, "image"),
        ({}, {"files": ["a", None, {"name": "no id"}]}, "text"),
        ({}, {}, "text"),
    ],
)
def test_a_file_is_found_wherever_it_stands(
    message: dict[str, Any],
    meta: dict[str, Any],
    kinds: str,
    adapter: Zoho,
    vendor: ZohoDouble,
    ticket: Ticket,
) -> None:
    vendor.say(ticket.remote_id, PAT, None, type="file", message=message, meta=meta)
    [found] = adapter.catch_up(ticket, START)
    assert isinstance(found, AgentMessage)
    assert [one.type for one in found.contents] == kinds.split()
    if kinds == "text":
        assert found.contents[0].payload == {"text": "[file]"}


def test_only_operators_words_to_the_customer_come_out(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket
) -> None:
    id_ = ticket.remote_id
    vendor.say(id_, {"id": "b633", "name": "Zobot"}, "bot")
    vendor.say(id_, {"id": "$633", "name": "Ana"}, "visitor")
    vendor.say(id_, PAT, "Pat joined", type="info")
    vendor.say(id_, PAT, "He is difficult", type="note")
    vendor.say(id_, PAT, "psst", type="whisper")
    vendor.say(id_, {"id": "", "name": ""}, "system")
    vendor.chats[id_]["messages"].append({"sender": 5, "time": "1", "id": "x"})
    vendor.say(id_, SAM, "Hello")
    told = [e for e in adapter.catch_up(ticket, START) if isinstance(e, AgentMessage)]
    assert [(e.agent.name, dict(e.contents[0].payload)) for e in told] == [
        ("Sam", {"text": "Hello"})
    ]


def test_a_deleted_message_is_redacted(adapter: Zoho, vendor: ZohoDouble, ticket: Ticket) -> None:
    said = vendor.say(ticket.remote_id, PAT, None, type="deleted")
    [found] = adapter.catch_up(ticket, START)
    assert isinstance(found, MessageRedacted)
    assert found.message_key == said["id"]


def test_hundreds_of_messages_are_read_page_by_page(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket
) -> None:
    for number in range(230):
        vendor.say(ticket.remote_id, PAT, f"word {number}")
    told = [e for e in adapter.catch_up(ticket, START) if isinstance(e, AgentMessage)]
    assert [e.contents[0].payload["text"] for e in told] == [f"word {n}" for n in range(230)]
    pages = vendor.sent("GET", r"/v2/conversations/\d+/messages")
    assert len(pages) == 4
    assert all("from_time" not in page for page in pages), "newest first"


def test_reading_ahead_of_an_agents_message_costs_one_call(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket
) -> None:
    vendor.take(ticket.remote_id)
    for text in ("one", "two"):
        vendor.say(ticket.remote_id, PAT, text)
    told = [e for e in adapter.read_agents(ticket, START) if isinstance(e, AgentMessage)]
    assert [e.contents[0].payload["text"] for e in told] == ["one", "two"]
    assert {e.agent.name for e in told} == {PAT["name"]}
    assert len(vendor.sent("GET", r"/v2/conversations/.*")) == 1


def test_only_what_is_new_is_told(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, clock: Clock
) -> None:
    vendor.take(ticket.remote_id)
    vendor.say(ticket.remote_id, PAT, "old")
    clock.advance(600)
    since = clock()
    vendor.say(ticket.remote_id, PAT, "new")
    [found] = adapter.catch_up(ticket, since)
    assert isinstance(found, AgentMessage)
    assert found.contents[0].payload["text"] == "new"


def test_a_bot_or_a_waiting_chat_is_not_assigned(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket
) -> None:
    vendor.take(ticket.remote_id, {"id": "b633", "name": "Zobot", "is_bot": True})
    assert adapter.catch_up(ticket, START) == []
    vendor.take(ticket.remote_id)
    vendor.chats[ticket.remote_id]["chat_status"] = {"state_key": "waiting", "state": 1}
    assert adapter.catch_up(ticket, START) == []


def test_a_missed_chat_is_seen_as_missed(adapter: Zoho, vendor: ZohoDouble, ticket: Ticket) -> None:
    vendor.chats[ticket.remote_id]["chat_status"] = {"state_key": "missed", "state": 3}
    [found] = adapter.catch_up(ticket, START)
    assert isinstance(found, TicketClosed)
    assert found.reason == "missed"


def test_a_chat_that_may_not_be_read_does_not_stop_the_installation(
    adapter: Zoho, vendor: ZohoDouble, ticket: Ticket, with_user_token: Zoho
) -> None:
    vendor.user_only = "/v2/conversations.*"
    with pytest.raises(Permanent, match="user-level"):
        adapter.catch_up(ticket, START)
    vendor.say(ticket.remote_id, PAT, "Hello")
    assert len(with_user_token.catch_up(ticket, START)) == 1


def test_other_addresses_are_not_fetched_with_our_token(adapter: Zoho, vendor: ZohoDouble) -> None:
    base = "https://salesiq.zoho.com/api/v2/acme/conversations/5"
    for url in (
        "https://evil.test/api/v2/acme/conversations/5/attachments/1",
        "https://salesiq.zoho.com/api/v2/other/conversations/5/attachments/1",
        f"{base}/close",
        f"{base}/../../x/attachments/1",
    ):
        assert adapter.fetch_media(url) is None
    assert vendor.requests == []
    vendor.reply_once("GET", ".*", error(1019))
    with pytest.raises(Exception, match="does not know"):
        adapter.fetch_media(f"{base}/attachments/1")


# --- operators --------------------------------------------------------------------------------


def operator(id_: str, status: str, *departments: str, **values: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "first_name": "Pat",
        "last_name": "Lee",
        "email_id": "p@acme.test",
        "status_code": status,
        "is_enabled": "true",
        "is_deleted": "false",
        "departments": list(departments),
        **values,
    }


def test_operators_are_known_to_the_users_token_only(
    adapter: Zoho, with_user_token: Zoho, vendor: ZohoDouble
) -> None:
    vendor.operators = [operator("633801", "1")]
    assert adapter.agent("633801") is None
    assert vendor.requests == []
    assert with_user_token.agent("633801") == Agent("633801", "Pat Lee", "p@acme.test")
    assert with_user_token.agent("9") is None


def test_availability_is_of_the_department(
    adapter: Zoho, with_user_token: Zoho, vendor: ZohoDouble
) -> None:
    assert adapter.availability({}).status == "unknown"
    assert vendor.requests == []
    busy = [operator(str(n), "3", "633802024") for n in range(30)]
    vendor.operators = [*busy, operator("77", "1", "633802025")]
    assert with_user_token.availability({}).status == "offline"
    assert with_user_token.availability({"departmentId": "633802025"}).status == "online"
    vendor.operators.append(operator("78", "1", "633802024", is_deleted="true"))
    assert with_user_token.availability({}).status == "offline"
    vendor.operators.append(operator("79", "1", "633802024"))
    assert with_user_token.availability({}).detail == "1 of 31 operators are available."
    vendor.user_only = "/v2/operators"
    vendor.reply_once("GET", "/v2/operators", error(1016))
    vendor.reply_once("GET", "/v2/operators", error(1016))
    assert with_user_token.availability({}).status == "unknown"


def test_times_keep_their_milliseconds(
    http: FaultyHttp, clock: Clock, vendor: ZohoDouble, ticket: Ticket
) -> None:
    clock.time = START + timedelta(milliseconds=123)
    vendor.say(ticket.remote_id, PAT, "Hello")
    [found] = make_zoho(http, clock).catch_up(ticket, START)
    assert found.at == START + timedelta(milliseconds=124)
    late = dataclasses.replace(ticket, opened_at=clock())
    assert make_zoho(http, clock).send(late, make_message(), journal(clock)).remote_ids
