"""Threads as agents and apps see them."""

from tests.sandbox.hubspot.conftest import CV, HELP_DESK, Link


def test_a_thread_shows_who_has_it_and_the_help_desks_ticket(link: Link):
    thread = link.say()["conversationsThreadId"]
    path = f"{CV}/threads/{thread}"
    found = link.api.call("GET", path, params={"association": "TICKET"}).json()
    assert (found["status"], found["inboxId"]) == ("OPEN", HELP_DESK)
    assert "assignedTo" not in found
    ticket = found["threadAssociations"]["associatedTicketId"]
    link.api.account.act(thread, "accept", agent="Rui")
    assert link.api.call("GET", path).json()["assignedTo"] == "A-55"
    crm = link.api.call(
        "PATCH",
        f"/crm/objects/2026-03/tickets/{ticket}",
        {"properties": {"hs_ticket_priority": "HIGH"}},
    )
    assert crm.json()["properties"]["hs_ticket_priority"] == "HIGH"


def test_the_history_has_messages_comments_assignments_and_changes(link: Link):
    act, thread = link.api.account.act, link.say("Hello")["conversationsThreadId"]
    act(thread, "accept", agent="Rui")
    act(thread, "reply", agent="Rui", text="Hi")
    act(thread, "note", agent="Rui", text="Secret")
    act(thread, "assign_team", agent="Rui", to="Billing")
    act(thread, "close", agent="Rui", text="Bye")
    page = link.api.call("GET", f"{CV}/threads/{thread}/messages?sort=createdAt&limit=4").json()
    rest = link.api.call(
        "GET",
        f"{CV}/threads/{thread}/messages",
        params={"sort": "createdAt", "after": page["paging"]["next"]["after"]},
    ).json()
    kinds = [entry["type"] for entry in page["results"] + rest["results"]]
    assert kinds == [
        "MESSAGE",
        "ASSIGNMENT",
        "MESSAGE",
        "COMMENT",
        "THREAD_INBOX_CHANGE",
        "MESSAGE",
        "THREAD_STATUS_CHANGE",
    ]
    assert rest["results"][-2]["text"] == "Bye"
    found = link.api.call("GET", f"{CV}/threads/{thread}").json()
    assert found["status"] == "CLOSED"
    assert "assignedTo" not in found


def test_an_app_comments_assigns_closes_and_trashes(link: Link):
    thread = link.say()["conversationsThreadId"]
    path, call = f"{CV}/threads/{thread}", link.api.call
    comment = {"type": "COMMENT", "text": "So far", "richText": "<p>So far</p>", "attachments": []}
    made = call("POST", f"{path}/messages", comment)
    assert made.status_code == 201
    assert made.json()["createdBy"] == f"I-{link.api.app_id}"
    assert call("POST", f"{path}/messages", {"type": "COMMENT", "text": "x"}).status_code == 400
    assert call("PUT", f"{path}/assignee", {"actorId": "A-56"}).json()["assignedTo"] == "A-56"
    assert call("PUT", f"{path}/assignee", {"actorId": "A-1"}).status_code == 400
    assert call("PATCH", path, {"status": "CLOSED"}).json()["status"] == "CLOSED"
    assert call("PATCH", path, {"status": "DONE"}).status_code == 400
    assert call("DELETE", path).status_code == 204
    assert call("GET", path).status_code == 404
    assert call("GET", path, params={"archived": "true"}).status_code == 200
    restored = call("PATCH", path, {"archived": False}, params={"archived": "true"})
    assert restored.json()["archived"] is False


def test_a_message_to_a_closed_thread_opens_it(link: Link):
    thread = link.say()["conversationsThreadId"]
    link.api.account.act(thread, "close", agent="Rui")
    assert link.say("One more thing")["conversationsThreadId"] == thread
    assert link.api.call("GET", f"{CV}/threads/{thread}").json()["status"] == "OPEN"


def test_threads_are_listed_by_inbox_and_time(link: Link):
    old = link.say(integrationThreadId="old")["conversationsThreadId"]
    new = link.say(integrationThreadId="new", timestamp="2026-02-01T00:00:00Z")
    query = {
        "inboxId": HELP_DESK,
        "sort": "latestMessageTimestamp",
        "latestMessageTimestampAfter": "2026-01-15T00:00:00Z",
    }
    found = link.api.call("GET", f"{CV}/threads", params=query).json()["results"]
    assert [row["id"] for row in found] == [new["conversationsThreadId"]]
    every = link.api.call("GET", f"{CV}/threads", params={"limit": "1"}).json()
    assert [row["id"] for row in every["results"]] == [old]
    assert every["paging"]["next"]["after"]
    assert link.api.call("GET", f"{CV}/threads?sort=latestMessageTimestamp").status_code == 400


def test_a_long_message_is_cut_short_and_its_original_can_be_read(link: Link):
    link.api.account.update(settings={"truncate_at": 10})
    thread = link.say()["conversationsThreadId"]
    link.api.account.act(thread, "reply", agent="Rui", text="0123456789abcdef")
    newest = link.api.call("GET", f"{CV}/threads/{thread}/messages").json()["results"][0]
    assert (newest["text"], newest["truncationStatus"]) == ("0123456789", "TRUNCATED")
    path = f"{CV}/threads/{thread}/messages/{newest['id']}/original-content"
    assert link.api.call("GET", path).json()["text"] == "0123456789abcdef"


def test_actors_and_inboxes_are_told(link: Link):
    said = link.say()
    visitor = said["senders"][0]["actorId"]
    rui = link.api.call("GET", f"{CV}/actors/A-55").json()
    assert (rui["type"], rui["name"]) == ("AGENT", "Rui Costa")
    app = f"I-{link.api.app_id}"
    batch = {"inputs": ["A-55", visitor, app, "B-61", "A-0"]}
    found = link.api.call("POST", f"{CV}/actors/batch/read", batch)
    assert found.status_code == 200
    kinds = [actor["type"] for actor in found.json()["results"]]
    assert kinds == ["AGENT", "VISITOR", "INTEGRATOR", "BOT"]
    inboxes = link.api.call("GET", f"{CV}/inboxes").json()["results"]
    assert {(row["id"], row["type"]) for row in inboxes} >= {(HELP_DESK, "HELP_DESK")}
    assert link.api.call("GET", f"{CV}/channels").json()["total"] == 1
    assert link.api.call("GET", f"{CV}/channel-accounts").json()["total"] == 1
