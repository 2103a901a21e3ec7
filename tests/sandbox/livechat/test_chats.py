"""The imitated Customer and Agent APIs: one chat per customer, a thread per session."""

from typing import Any

import pytest
import requests

from sandbox.control import file
from tests.sandbox.livechat.conftest import Api, error, started

Json = dict[str, Any]


def seen(api: Api, token: str, chat_id: str) -> Json:
    return dict(api.as_customer(token, "get_chat", {"chat_id": chat_id}).json())


def say(api: Api, token: str, chat_id: str, **event: Any) -> requests.Response:
    body = {"chat_id": chat_id, "event": {"type": "message", "text": "More", **event}}
    return api.as_customer(token, "send_event", body)


def upload(api: Api, token: str, name: str, data: bytes, kind: str) -> requests.Response:
    return requests.post(
        f"{api.base}/v3.6/customer/action/upload_file",
        params={"organization_id": api.organization_id},
        files={"file": (name, data, kind)},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )


def test_a_chat_starts_with_its_events(api: Api):
    token, made = api.chat("  Hi <b>you</b>\n")
    assert made["event_ids"] == [f"{made['thread_id']}_1"]
    (event,) = seen(api, token, made["chat_id"])["thread"]["events"]
    assert event["text"] == "  Hi <b>you</b>\n"
    assert event["custom_id"] == "br-1"
    assert "visibility" not in event
    (listed,) = api.as_customer(token, "list_chats").json()["chats_summary"]
    assert (listed["id"], listed["active"]) == (made["chat_id"], True)
    assert listed["last_thread_id"] == made["thread_id"]
    assert listed["access"] == {"group_ids": [19]}


def test_a_customer_has_one_chat(api: Api):
    token, made = api.chat()
    assert error(api.as_customer(token, "start_chat", started())) == "limit_reached"
    again = started(id=made["chat_id"])
    assert error(api.as_customer(token, "resume_chat", again)) == "validation"


def test_a_closed_chat_takes_nothing_until_it_is_resumed(api: Api):
    token, made = api.chat()
    assert api.as_customer(token, "deactivate_chat", {"id": made["chat_id"]}).ok
    closed = api.as_customer(token, "deactivate_chat", {"id": made["chat_id"]})
    assert error(closed) == "chat_inactive"
    assert error(say(api, token, made["chat_id"])) == "chat_inactive"
    resumed = api.as_customer(token, "resume_chat", started("Again", id=made["chat_id"])).json()
    assert "chat_id" not in resumed
    chat = seen(api, token, made["chat_id"])
    assert chat["thread"]["id"] == resumed["thread_id"] != made["thread_id"]
    assert [event["text"] for event in chat["thread"]["events"]] == ["Again"]
    assert chat["thread"]["previous_thread_id"] == made["thread_id"]


def test_an_event_can_be_attached_to_a_closed_thread(api: Api):
    token, made = api.chat()
    api.as_customer(token, "deactivate_chat", {"id": made["chat_id"]})
    body = {
        "chat_id": made["chat_id"],
        "event": {"type": "message", "text": "PS"},
        "attach_to_last_thread": True,
    }
    assert api.as_customer(token, "send_event", body).ok
    thread = seen(api, token, made["chat_id"])["thread"]
    assert (thread["active"], thread["id"]) == (False, made["thread_id"])
    assert thread["events"][-1]["text"] == "PS"


def test_agents_are_known_by_another_id_to_customers(api: Api):
    token, made = api.chat()
    api.account.act(made["chat_id"], "reply", agent="Rui", text="Hello")
    shown = seen(api, token, made["chat_id"])
    agent = shown["users"][1]
    assert agent["name"] == "Rui Costa"
    assert len(agent["id"]) == 32
    assert shown["thread"]["events"][-1]["author_id"] == agent["id"]
    whole = api.as_agent("agent/get_chat", {"chat_id": made["chat_id"]}).json()
    assert whole["users"][1]["email"] == whole["users"][1]["id"] == "rui@acme.test"
    assert whole["thread"]["events"][-1]["author_id"] == "rui@acme.test"
    assert whole["thread"]["events"][-1]["visibility"] == "all"


def test_a_private_note_is_for_agents_only(api: Api):
    token, made = api.chat()
    api.account.act(made["chat_id"], "note", agent="Maya", text="psst")
    shown = seen(api, token, made["chat_id"])
    assert [event["text"] for event in shown["thread"]["events"]] == ["Hi"]
    assert len(shown["users"]) == 1
    whole = api.as_agent("agent/get_chat", {"chat_id": made["chat_id"]}).json()
    assert whole["thread"]["events"][-1]["visibility"] == "agents"
    assert whole["users"][1]["visibility"] == "agents"


def test_a_file_is_uploaded_and_then_sent(api: Api):
    token, made = api.chat()
    url = upload(api, token, "a b.png", b"\x89PNG", "image/png").json()["url"]
    sent = say(api, token, made["chat_id"], type="file", url=url, alternative_text="A map")
    assert sent.ok
    event = seen(api, token, made["chat_id"])["thread"]["events"][-1]
    assert (event["name"], event["content_type"]) == ("a b.png", "image/png")
    assert (event["url"], event["alternative_text"]) == (url, "A map")
    assert requests.get(url, timeout=5).content == b"\x89PNG"


def test_a_file_must_lie_at_livechat(api: Api):
    token, made = api.chat()
    sent = say(api, token, made["chat_id"], type="file", url="https://example.com/a.png")
    assert error(sent) == "validation"


def test_too_large_and_executable_files_are_refused(api: Api):
    token, _ = api.chat()
    large = upload(api, token, "a.bin", b"x" * (10 * 1024 * 1024 + 1), "application/octet-stream")
    assert error(large) == "entity_too_large"
    assert error(upload(api, token, "a.EXE", b"MZ", "application/octet-stream")) == "validation"


@pytest.mark.parametrize(("length", "ok"), [(4096, True), (4097, False)])
def test_a_text_has_sixteen_kilobytes(api: Api, length, ok):
    token, made = api.chat()
    assert say(api, token, made["chat_id"], text="😁" * length).ok is ok


def test_a_customer_sees_no_other_chat(api: Api):
    _, made = api.chat()
    other, _ = api.chat()
    assert error(api.as_customer(other, "get_chat", {"chat_id": made["chat_id"]})) == "not_found"


def test_customers_details_are_kept(api: Api):
    token, made = api.chat()
    body = {"name": "Ann", "email": "a@x.test", "session_fields": [{"conversation": "c1"}]}
    assert api.as_customer(token, "update_customer", body).ok
    assert error(api.as_customer(token, "update_customer", {})) == "validation"
    assert error(api.as_customer(token, "update_customer", {"email": ""})) == "validation"
    user = api.as_agent("agent/get_chat", {"chat_id": made["chat_id"]}).json()["users"][0]
    assert (user["name"], user["session_fields"]) == ("Ann", [{"conversation": "c1"}])
    assert api.account.ticket(made["chat_id"])["customer"] == "Ann"


def test_a_banned_customer_can_do_nothing(api: Api):
    token, _ = api.chat()
    api.account.contact(api.account.contacts()[0]["vendor_id"], blocked=True)
    assert error(api.as_customer(token, "list_chats")) == "customer_banned"


def test_an_offline_group_takes_continuous_chats_only(api: Api):
    for agent in api.account.agents():
        api.account.agent(agent["id"], away=True)
    token = api.customer_token().json()["access_token"]
    asked = api.as_customer(token, "list_group_statuses", {"group_ids": [19, 77]}).json()
    assert asked == {"groups_status": {"19": "offline"}}
    refused = api.as_customer(token, "start_chat", started() | {"continuous": False})
    assert error(refused) == "groups_offline"
    made = api.as_customer(token, "start_chat", started()).json()
    assert seen(api, token, made["chat_id"])["thread"]["queue"]["position"] == 1
    unknown, again = api.customer_token().json()["access_token"], started(group=77)
    assert error(api.as_customer(unknown, "start_chat", again)) == "group_not_found"


def test_the_router_can_assign_an_agent_at_once(api: Api):
    api.account.update(settings={"auto_assign": True})
    token, made = api.chat(group=20)
    chat = seen(api, token, made["chat_id"])
    assert chat["users"][1]["name"] == "Maya Lindqvist"
    assert "queue" not in chat["thread"]


def test_an_agent_speaks_from_inside_the_chat_only(api: Api):
    _, made = api.chat()
    event = {"type": "message", "text": "psst", "visibility": "agents"}
    body = {"chat_id": made["chat_id"], "event": event}
    assert error(api.as_agent("agent/send_event", body)) == "authorization"
    api.account.act(made["chat_id"], "accept", agent="Tomás")
    assert api.as_agent("agent/send_event", body).ok
    assert api.account.ticket(made["chat_id"])["parts"][-1]["type"] == "note"


def test_a_chat_is_transferred_into_a_queue_only_on_request(api: Api):
    _, made = api.chat(group=0)
    api.account.update(settings={"queue": True})
    body = {
        "id": made["chat_id"],
        "target": {"type": "group", "ids": [20]},
        "ignore_requester_presence": True,
    }
    refused = api.as_agent("agent/transfer_chat", body)
    assert error(refused) == "validation"
    assert "Cannot assign any agent" in refused.json()["error"]["message"]
    assert api.as_agent("agent/transfer_chat", body | {"ignore_agents_availability": True}).ok
    assert api.account.ticket(made["chat_id"])["team"]["name"] == "Billing"


def test_rich_messages_keep_their_elements(api: Api):
    token, made = api.chat()
    api.account.act(made["chat_id"], "accept", agent="Tomás")
    button = {"text": "Yes", "type": "message", "value": "yes", "postback_id": "y", "user_ids": []}
    event = {
        "type": "rich_message",
        "template_id": "quick_replies",
        "elements": [{"title": "Sure?", "buttons": [button]}],
    }
    body = {"chat_id": made["chat_id"], "event": event}
    assert api.as_agent("agent/send_event", body).ok
    shown = seen(api, token, made["chat_id"])["thread"]["events"][-1]
    assert (shown["type"], shown["elements"]) == ("rich_message", event["elements"])
    assert "text" not in shown


def test_a_part_with_files_is_several_events(api: Api):
    token, made = api.chat()
    files = [file("a.pdf", b"%PDF-"), file("p.png", b"\x89PNG", inline=True)]
    api.account.act(made["chat_id"], "reply", agent="Rui", text="See", files=files)
    events = seen(api, token, made["chat_id"])["thread"]["events"]
    assert [event["type"] for event in events] == ["message", "message", "file", "file"]
    assert [event["id"].rpartition("_")[2] for event in events] == ["1", "2", "3", "4"]


def test_a_call_must_be_made_rightly(api: Api):
    token, _ = api.chat()
    url, bearer = f"{api.base}/v3.6/customer/action", {"Authorization": f"Bearer {token}"}
    assert error(requests.post(f"{url}/list_chats", headers=bearer, timeout=5)) == "validation"
    assert error(api.as_customer("dal:x", "list_chats")) == "authentication"
    agents = api.refresh().json()["access_token"]
    assert error(api.as_customer(agents, "list_chats")) == "authentication"
    assert error(api.as_customer(token, "no_such_thing")) == "not_found"
    old = requests.post(url.replace("3.6", "3.2") + "/list_chats", headers=bearer, timeout=5)
    assert error(old) == "unsupported_version"


def test_a_missing_scope_is_named(api: Api):
    api.account.update(settings={"scopes": ["customers:own"]})
    answer = api.as_agent("configuration/list_groups")
    assert error(answer) == "authorization"
    assert answer.json()["error"]["data"] == {"required": ["groups--all:ro"]}


def test_another_region_can_be_asked_for(api: Api):
    api.account.update(settings={"needs_region": True, "region": "fra"})
    answer = api.as_agent("configuration/list_groups")
    assert error(answer) == "misdirected_request"
    region = answer.json()["error"]["data"]["region"]
    assert api.as_agent("configuration/list_groups", **{"X-Region": region}).ok


def test_calls_can_be_limited(api: Api):
    api.account.update(settings={"rate_limit": 1})
    assert api.as_agent("configuration/list_groups").ok
    assert error(api.as_agent("configuration/list_groups")) == "too_many_requests"


def test_the_end_of_a_version_is_told_in_a_header(api: Api):
    api.account.update(settings={"legacy": "2027-08-07"})
    assert api.as_agent("configuration/list_groups").headers["Legacy"] == "2027-08-07"


@pytest.mark.parametrize(
    ("status", "type_"), [(429, "too_many_requests"), (503, "service_unavailable")]
)
def test_a_fault_speaks_as_the_apis_do(api: Api, status, type_):
    api.account.fault(str(status), path="list_groups", count=1)
    assert error(api.as_agent("configuration/list_groups")) == type_


def test_an_agent_can_start_and_resume_a_chat(api: Api):
    customer = api.customer_token().json()["entity_id"]
    body = started("How can I help?")
    body["chat"]["users"] = [{"id": customer, "type": "customer"}]
    made = api.as_agent("agent/start_chat", body).json()
    (chat,) = api.as_agent("agent/list_chats", {"filters": {"active": True}}).json()[
        "chats_summary"
    ]
    assert (chat["id"], chat["users"][1]["id"]) == (made["chat_id"], "tomas@acme.test")
    event = chat["last_event_per_type"]["message"]["event"]
    assert (event["id"], event["author_id"]) == (made["event_ids"][0], "tomas@acme.test")
    assert api.as_agent("agent/deactivate_chat", {"id": made["chat_id"]}).ok
    again = api.as_agent("agent/resume_chat", started("Me again", id=made["chat_id"]))
    assert again.json()["thread_id"] != made["thread_id"]


def test_groups_agents_and_bots_are_listed(api: Api):
    groups = api.as_agent("configuration/list_groups", {"fields": ["routing_status"]}).json()
    assert [(g["id"], g["name"], g["routing_status"]) for g in groups] == [
        (0, "General", "online"),
        (19, "Support", "online"),
        (20, "Billing", "online"),
    ]
    body = {"filters": {"group_ids": [20]}}
    agents = api.as_agent("configuration/list_agents", body).json()
    assert [agent["id"] for agent in agents] == ["maya@acme.test", "tomas@acme.test"]
    assert agents[1]["account_id"] == api.account.credentials["account_id"]
    (bot,) = api.as_agent("configuration/list_bots", {"all": True}).json()
    assert len(bot["id"]) == 32
