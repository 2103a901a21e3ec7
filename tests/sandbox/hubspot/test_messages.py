"""Publishing messages: threads, idempotency, files, and what is refused."""

import json
import threading
from typing import Any

import pytest
import requests

from tests.sandbox.hubspot.conftest import CC, CV, FILES, Api, Link, message


def test_the_first_message_opens_a_thread_and_the_next_appends(link: Link):
    first = link.say("Hello")
    second = link.say("Anybody there?")
    assert first["conversationsThreadId"] == second["conversationsThreadId"]
    assert (
        link.say(integrationThreadId="other")["conversationsThreadId"]
        != first["conversationsThreadId"]
    )
    ticket = link.api.account.ticket(first["conversationsThreadId"])
    assert [part["text"] for part in ticket["parts"]] == ["Hello", "Anybody there?"]
    assert ticket["customer"] == "Bo"


def test_a_repeated_idempotency_id_returns_the_same_message(link: Link):
    first = link.say("Hello", integrationIdempotencyId="msg-41")
    again = link.say("Hello", integrationIdempotencyId="msg-41")
    assert again == first
    assert len(link.api.account.ticket(first["conversationsThreadId"])["parts"]) == 1


def test_two_at_once_with_one_idempotency_id_make_one_message(link: Link):
    found: list[dict[str, Any]] = []

    def say() -> None:
        found.append(link.say("Hello", integrationIdempotencyId="msg-41"))

    threads = [threading.Thread(target=say) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({one["id"] for one in found}) == 1


def test_an_e_mail_matches_its_contact_and_an_opaque_id_stays_a_visitor(link: Link):
    link.say()
    link.say(integrationThreadId="second")
    opaque = {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "user-7"}
    link.say(integrationThreadId="third", senders=[{"deliveryIdentifier": opaque}])
    roles = [(row["email"], row["role"]) for row in link.api.account.contacts()]
    assert roles == [("bo@example.com", "user"), ("", "visitor")]


REQUIRED = "attachments channelAccountId messageDirection recipients senders text timestamp".split()


@pytest.mark.parametrize(
    "change",
    [
        *({name: ...} for name in REQUIRED),
        {"text": None},
        {"text": 5},
        {"channelAccountId": 5},
        {"timestamp": "yesterday"},
        {"messageDirection": "OUTGOING"},
        {"messageDirection": "SIDEWAYS"},
        {"senders": []},
        {"senders": [{"name": "Bo"}]},
        {"senders": [{"deliveryIdentifier": {"type": "HS_SHORT_CODE", "value": "12345"}}]},
        {"attachments": [{"type": "FILE"}]},
        {"attachments": [{"type": "FILE", "fileId": "999999"}]},
        {"attachments": [{"type": "FILE", "fileId": "1", "fileUsageType": "VIDEO"}]},
        {"attachments": [{"type": "LOCATION", "latitude": "north", "longitude": 1}]},
        {"attachments": [{"type": "POSTCARD"}]},
        {"integrationThreadId": ...},
    ],
    ids=str,
)
def test_what_the_description_or_the_channel_forbids_is_refused(link: Link, change: dict[str, Any]):
    body = message(link.account) | change
    body = {name: value for name, value in body.items() if value is not ...}
    answer = link.api.call("POST", f"{CC}/{link.channel}/messages", body)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert link.api.account.tickets() == []


def test_a_channel_account_that_is_disabled_takes_no_messages(link: Link):
    path = f"{CC}/{link.channel}/channel-accounts/{link.account}"
    link.api.call("PATCH", path, {"authorized": False})
    answer = link.api.call("POST", f"{CC}/{link.channel}/messages", message(link.account))
    assert answer.status_code == 400


def upload(api: Api, **fields: str) -> requests.Response:
    form = {"folderPath": "/x", "options": json.dumps({"access": "PRIVATE", "ttl": "P30D"})}
    return api.call(
        "POST", FILES, data=form | fields, files={"file": ("a.png", b"png", "image/png")}
    )


def test_an_uploaded_file_travels_with_a_message_and_is_read_by_signed_address(link: Link):
    stored = upload(link.api)
    assert stored.status_code == 201
    attached = {"type": "FILE", "fileId": stored.json()["id"], "fileUsageType": "IMAGE"}
    said = link.say("Look", attachments=[attached])
    assert said["attachments"][0]["name"] == "a.png"
    (part,) = link.api.account.ticket(said["conversationsThreadId"])["parts"]
    assert requests.get(part["attachments"][0]["url"], timeout=5).content == b"png"
    signed = link.api.call("GET", f"{FILES}/{attached['fileId']}/signed-url?expirationSeconds=60")
    assert requests.get(signed.json()["url"], timeout=5).content == b"png"
    assert requests.get(said["attachments"][0]["url"], timeout=5).status_code == 401
    forged = signed.json()["url"].replace("/signed-files/", "/signed-files/x")
    assert requests.get(forged, timeout=5).status_code == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"options": ""},
        {"options": '{"access": "SECRET"}'},
        {"options": '{"access": "PRIVATE", "ttl": "PT1H"}'},
        {"folderPath": ""},
    ],
)
def test_an_upload_needs_a_folder_and_valid_options(hubspot: Api, fields: dict[str, str]):
    assert upload(hubspot, **fields).status_code == 400


def test_another_portals_file_does_not_exist(hubspot: Api, sandbox):
    other = Api(sandbox.control.account("h-other", "hubspot"))
    file_id = upload(other).json()["id"]
    assert hubspot.call("GET", f"{FILES}/{file_id}").status_code == 404
    other.account.remove()


def test_an_agents_message_can_be_marked_as_failed(link: Link):
    thread = link.say()["conversationsThreadId"]
    link.api.account.act(thread, "reply", agent="Rui", text="Hello")
    newest = link.api.call("GET", f"{CV}/threads/{thread}/messages").json()["results"][0]
    path = f"{CC}/{link.channel}/messages/{newest['id']}"
    change = {"statusType": "FAILED", "errorMessage": "offline"}
    failed = link.api.call("PATCH", path, change).json()
    assert failed["status"]["failureDetails"]["errorMessage"] == "offline"
    assert link.api.call("GET", path).json() == failed
    assert link.api.call("PATCH", path, {"statusType": "LOST"}).status_code == 400
