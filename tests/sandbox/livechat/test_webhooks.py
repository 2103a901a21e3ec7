"""What the imitated LiveChat sends, where to, and when it gives up."""

from typing import Any

import pytest

from sandbox.control import file
from tests.sandbox.conftest import Listener, wait_until
from tests.sandbox.livechat.conftest import SECRET, Api, error, started

Json = dict[str, Any]


def told(listener: Listener, count: int) -> list[tuple[str, Json]]:
    """Actions and payloads, once there are so many."""
    wait_until(lambda: len(listener.posts()) >= count)
    return [(post.json["action"], post.json["payload"]) for post in listener.posts()]


def test_three_webhooks_per_action_and_no_more(api: Api):
    for number in range(3):
        assert api.register("incoming_event", f"https://x.test/{number}").ok
    assert error(api.register("incoming_event", "https://x.test/4")) == "limit_reached"
    assert api.register("incoming_chat", "https://x.test/1").ok
    owner = {"owner_client_id": api.client_id}
    listed = api.as_agent("configuration/list_webhooks", owner).json()
    assert len(listed) == 4
    assert "secret_key" not in listed[0]
    gone = owner | {"id": listed[0]["id"]}
    assert api.as_agent("configuration/unregister_webhook", gone).ok
    assert error(api.as_agent("configuration/unregister_webhook", gone)) == "not_found"
    assert len(api.as_agent("configuration/list_webhooks", owner).json()) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"action": "no_such_action"},
        {"url": "https://x.test/" + "x" * 490},
        {"secret_key": ""},
        {"type": "other"},
        {"action": "incoming_chat", "filters": {"author_type": "agent"}},
    ],
)
def test_a_wrong_registration_is_refused(api: Api, change):
    answer = api.register("incoming_event", "https://x.test/", **change)
    assert error(answer) == "validation"


def test_webhooks_can_be_off(api: Api, hooked: Listener):
    owner = {"owner_client_id": api.client_id}
    assert api.as_agent("configuration/disable_license_webhooks", owner).ok
    api.chat()
    state = api.as_agent("configuration/get_license_webhooks_state", owner).json()
    assert state == {"license_webhooks_enabled": False}
    assert api.account.webhooks() == []
    # A personal access token belongs to no app.
    assert error(api.as_agent("configuration/enable_license_webhooks")) == "validation"
    assert api.as_agent("configuration/enable_license_webhooks", owner).ok
    api.chat()
    assert told(hooked, 1)[0][0] == "incoming_chat"


def test_the_secret_stands_in_the_body(api: Api, hooked: Listener):
    _, made = api.chat()
    told(hooked, 1)
    (post,) = hooked.posts()
    assert (post.json["secret_key"], post.json["organization_id"]) == (SECRET, api.organization_id)
    assert post.json["additional_data"] == {}
    chat = post.json["payload"]["chat"]
    assert (chat["id"], chat["thread"]["id"]) == (made["chat_id"], made["thread_id"])
    assert [event["custom_id"] for event in chat["thread"]["events"]] == ["br-1"]
    assert chat["properties"]["source"]["client_id"] == api.client_id


def test_each_action_is_told(api: Api, hooked: Listener):
    _, made = api.chat()
    act, chat_id = api.account.act, made["chat_id"]
    act(chat_id, "accept", agent="Rui")
    act(chat_id, "reply", agent="Rui", text="Hello", files=[file("p.png", b"\x89PNG")])
    act(chat_id, "note", agent="Maya", text="psst")
    act(chat_id, "assign_team", agent="Rui", to="Billing")
    act(chat_id, "close", agent="Maya", text="Bye")
    act(chat_id, "reopen", agent="Rui")
    heard = told(hooked, 16)
    assert [action for action, _ in heard] == [
        "incoming_chat",
        *("incoming_event", "user_added_to_chat", "chat_transferred"),  # accept
        *("incoming_event", "incoming_event"),  # reply
        *("user_added_to_chat", "incoming_event"),  # note
        *("incoming_event", "user_removed_from_chat", "user_removed_from_chat"),
        "chat_transferred",
        *("incoming_event", "incoming_event", "chat_deactivated"),  # close
        "incoming_chat",
    ]
    payloads = [payload for _, payload in heard]
    assert payloads[1]["event"]["type"] == "system_message"
    assert "author_id" not in payloads[1]["event"]
    assert payloads[2]["user"]["id"] == "rui@acme.test"
    assert payloads[3]["transferred_to"] == {"group_ids": [19], "agent_ids": ["rui@acme.test"]}
    assert payloads[5]["event"]["thumbnail_url"]
    assert payloads[6]["user"]["visibility"] == payloads[7]["event"]["visibility"] == "agents"
    assert payloads[11]["transferred_to"] == {"group_ids": [20]}
    assert payloads[11]["queue"]["position"] == 1
    assert payloads[12]["event"]["text"] == "Bye"
    assert payloads[14]["user_id"] == "maya@acme.test"
    assert payloads[15]["chat"]["thread"]["id"] != made["thread_id"]


def test_an_author_filter_hides_customers_and_the_system(api: Api, listener: Listener):
    filters = {"filters": {"author_type": "agent"}}
    assert api.register("incoming_event", listener.url, **filters).ok
    token, made = api.chat()
    event = {"chat_id": made["chat_id"], "event": {"type": "message", "text": "customer"}}
    assert api.as_customer(token, "send_event", event).ok
    api.account.act(made["chat_id"], "accept", agent="Rui")
    api.account.act(made["chat_id"], "bot_reply", text="I am a bot")
    ((_, payload),) = told(listener, 1)
    assert payload["event"]["text"] == "I am a bot"


def test_asked_data_come_along(api: Api, listener: Listener):
    names = ["chat_properties", "chat_presence_user_ids"]
    assert api.register("incoming_chat", listener.url, additional_data=names).ok
    api.chat()
    told(listener, 1)
    data = listener.posts()[0].json["additional_data"]
    assert data["chat_properties"]["source"]["client_id"] == api.client_id
    assert len(data["chat_presence_user_ids"]) == 1


def test_a_customers_close_and_return_are_told(api: Api, hooked: Listener):
    token, made = api.chat()
    api.as_customer(token, "deactivate_chat", {"id": made["chat_id"]})
    resumed = api.as_customer(token, "resume_chat", started("Again", id=made["chat_id"])).json()
    heard = told(hooked, 4)
    assert [action for action, _ in heard] == [
        "incoming_chat",
        "incoming_event",
        "chat_deactivated",
        "incoming_chat",
    ]
    closed = heard[2][1]
    assert closed["thread_id"] == made["thread_id"]
    assert closed["user_id"] == api.account.contacts()[0]["vendor_id"]
    assert heard[3][1]["chat"]["thread"]["id"] == resumed["thread_id"]


def test_a_removed_event_is_told(api: Api, hooked: Listener):
    _, made = api.chat()
    part = api.account.act(made["chat_id"], "reply", agent="Rui", text="Oops")
    api.account.act(made["chat_id"], "redact", part=part["id"])
    action, payload = told(hooked, 4)[-1]
    assert (action, payload["event_id"]) == ("event_deleted", part["id"])


def test_it_repeats_what_was_not_answered_and_gives_up(api: Api, hooked: Listener):
    hooked.answer = lambda request: (500, {})
    api.chat()
    lost = wait_until(lambda: [w for w in api.account.webhooks() if w["state"] == "lost"])
    assert (lost[0]["attempts"], lost[0]["status"]) == (2, 500)
    first, second = (post.json for post in hooked.posts())
    assert first == second


def test_a_test_can_send_a_payload_of_its_own(api: Api, hooked: Listener):
    api.account.send_webhook("chat_deactivated", {"chat_id": "P1", "thread_id": "K1"})
    ((action, payload),) = told(hooked, 1)
    assert (action, payload) == ("chat_deactivated", {"chat_id": "P1", "thread_id": "K1"})
    assert hooked.posts()[0].json["secret_key"] == SECRET
