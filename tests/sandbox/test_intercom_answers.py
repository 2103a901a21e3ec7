"""Every answer of the imitation, as Intercom's own description has it."""

import base64
from typing import Any

import pytest

from sandbox.control import AccountControl
from tests.sandbox.conftest import Api
from tests.sandbox.spec import Description


@pytest.fixture(scope="module")
def description(intercom_spec: dict[str, Any]) -> Description:
    return Description(intercom_spec)


@pytest.fixture
def api(sandbox_account: AccountControl, description: Description) -> Api:
    return Api(sandbox_account, description.check)


def test_it_describes_the_workspace(api):
    me = api.get("/me").json()
    assert me["app"]["id_code"] == api.account.credentials["app_id"]
    assert [a["name"] for a in api.get("/admins").json()["admins"]][-1] == "Fin"
    assert api.get(f"/admins/{me['id']}").json()["id"] == me["id"]
    team = api.get("/teams").json()["teams"][0]
    assert api.get(f"/teams/{team['id']}").json()["name"] == "Support"
    assert api.get("/admins/1").json()["errors"][0]["code"] == "admin_not_found"


def test_it_answers_a_whole_conversation(api):
    number = api.conversation()
    conversation = api.get(f"/conversations/{number}").json()
    assert conversation["source"]["body"] == "<p>I need a human</p>"
    contact = conversation["contacts"]["contacts"][0]["id"]
    user = {"message_type": "comment", "type": "user", "intercom_user_id": contact}
    upload = {
        "name": "a.txt",
        "content_type": "text/plain",
        "data": base64.b64encode(b"x").decode(),
    }
    api.post(f"/conversations/{number}/reply", user | {"body": "hi", "attachment_files": [upload]})
    admin = {"type": "admin", "admin_id": "814860"}
    note = {"message_type": "note", "body": "<p>Transcript</p>"}
    api.post(f"/conversations/{number}/reply", admin | note)
    for body in (
        {"message_type": "assignment", "assignee_id": "814861"},
        {"message_type": "snoozed", "snoozed_until": 1900000000},
        {"message_type": "open"},
        {"message_type": "close", "body": "Bye"},
    ):
        assert api.post(f"/conversations/{number}/parts", admin | body).ok
    parts = api.get(f"/conversations/{number}").json()["conversation_parts"]
    kinds = [part["part_type"] for part in parts["conversation_parts"]]
    assert kinds == ["comment", "note", "assignment", "snoozed", "open", "close"]


def test_it_creates_finds_and_changes_contacts(api):
    contact = api.contact(email="ana@x.test")
    assert api.get("/contacts/find_by_external_id/t1:u42").json()["id"] == contact["id"]
    assert (
        api.call("PUT", f"/contacts/{contact['id']}", {"name": "Ana M"}).json()["name"] == "Ana M"
    )
    query = {
        "operator": "AND",
        "value": [{"field": "email", "operator": "=", "value": "ana@x.test"}],
    }
    assert api.post("/contacts/search", {"query": query}).json()["total_count"] == 1
    assert api.post(f"/contacts/{contact['id']}/archive").json()["archived"] is True
    assert api.post(f"/contacts/{contact['id']}/unarchive").json()["archived"] is False


def test_it_searches_tags_and_defines_attributes(api):
    number = api.conversation()
    query = {"field": "state", "operator": "=", "value": "open"}
    assert api.post("/conversations/search", {"query": query}).json()["total_count"] == 1
    tag = api.post("/tags", {"name": "vip"}).json()
    assert api.post("/tags", {"name": "VIP"}).json()["id"] == tag["id"]
    api.post(f"/conversations/{number}/tags", {"id": tag["id"], "admin_id": "814860"})
    assert api.get("/tags").json()["data"] == [tag | {"type": "tag"}]
    api.post("/conversations/attributes", {"name": "order", "data_type": "string"})
    api.get("/conversations/attributes")
    changed = {"title": "Refund", "custom_attributes": {"order": "A-1"}}
    assert api.call("PUT", f"/conversations/{number}", changed).json()["title"] == "Refund"
    plan = {"name": "plan", "model": "contact", "data_type": "string"}
    api.post("/data_attributes", plan)
    assert api.get("/data_attributes").json()["data"][0]["name"] == "plan"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/conversations/999", None, 404, "not_found"),
        ("GET", "/contacts/6762f1571bb69f9f2193bbbb", None, 404, "not_found"),
        ("POST", "/contacts", {"name": "Nobody"}, 400, "parameter_not_found"),
        (
            "POST",
            "/conversations",
            {"from": {"type": "user", "id": "x"}, "body": "a"},
            404,
            "not_found",
        ),
        ("POST", "/conversations/search", {"query": {}}, 400, "parameter_invalid"),
        ("POST", "/tags", {}, 400, "parameter_invalid"),
    ],
)
def test_it_refuses_in_the_described_form(api, method, path, body, status, code):
    answer = api.call(method, path, body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


def test_it_refuses_a_wrong_token(api):
    answer = api.get("/admins", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "unauthorized"
