"""What the imitation of Intercom does, beyond the shape of its answers."""

import threading
import time
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.sandbox.conftest import Api


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_a_second_contact_of_an_external_id_is_a_conflict_that_names_the_first(api: Api):
    first = api.contact()
    answer = api.post("/contacts", {"role": "user", "external_id": "t1:u42"})
    assert code(answer) == (409, "conflict")
    assert answer.json()["errors"][0]["message"].endswith(f"id={first['id']}")


def test_an_archived_contact_is_hidden_and_still_conflicts(api: Api):
    first = api.contact(email="ana@x.test")
    api.post(f"/contacts/{first['id']}/archive")
    assert api.get("/contacts/find_by_external_id/t1:u42").status_code == 404
    message = api.post("/contacts", {"external_id": "t1:u42"}).json()["errors"][0]["message"]
    assert message.startswith("An archived contact")


@pytest.mark.parametrize("status", [410, 404])
def test_a_merged_contact_is_gone(api: Api, status):
    lead = api.post("/contacts", {"role": "lead", "name": "Ana"}).json()
    user = api.contact()
    api.account.update(settings={"merged_as": status})
    api.post("/contacts/merge", {"from": lead["id"], "into": user["id"]})
    answer = api.get(f"/contacts/{lead['id']}")
    assert answer.status_code == status
    if status == 410:
        assert answer.headers["Link"] == f'</contacts/{user["id"]}>; rel="canonical"'


def test_two_users_may_share_an_email_if_their_external_ids_differ(api: Api):
    api.contact("a", email="ana@x.test")
    assert api.post("/contacts", {"external_id": "b", "email": "ana@x.test"}).ok
    assert code(api.post("/contacts", {"email": "ana@x.test"})) == (409, "conflict")


def test_one_hundred_equal_contacts_at_once_make_one(api: Api):
    answers: list[int] = []

    def create() -> None:
        answers.append(api.post("/contacts", {"external_id": "same"}, timeout=30).status_code)

    threads = [threading.Thread(target=create) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 99


def test_a_search_lags_behind_creation(api: Api):
    api.account.update(settings={"search_lag": 60})
    number = api.conversation()
    query = {"query": {"field": "id", "operator": "=", "value": number}}
    assert api.post("/conversations/search", query).json()["total_count"] == 0
    api.account.update(settings={"search_lag": 0})
    assert api.post("/conversations/search", query).json()["total_count"] == 1


def test_a_conversation_is_found_by_its_contact(api: Api):
    api.conversation()
    api.conversation(external_id="t1:other")
    contact = api.get("/contacts/find_by_external_id/t1:other").json()
    query = {"query": {"field": "contact_ids", "operator": "=", "value": contact["id"]}}
    found = api.post("/conversations/search", query).json()["conversations"]
    assert [c["contacts"]["contacts"][0]["id"] for c in found] == [contact["id"]]


def test_the_pages_of_a_search_follow_each_other(api: Api):
    for number in range(3):
        api.contact(f"u{number}")
    query = {"query": {"field": "role", "operator": "=", "value": "user"}}
    first = api.post("/contacts/search", query | {"pagination": {"per_page": 2}}).json()
    second = api.post("/contacts/search", query | {"pagination": first["pages"]["next"]}).json()
    assert (len(first["data"]), len(second["data"])) == (2, 1)
    assert "next" not in second["pages"]


def test_a_customers_markup_stays_text(api: Api):
    number = api.conversation("<b>1 < 2</b>\nsecond line")
    body = api.get(f"/conversations/{number}").json()["source"]["body"]
    assert body == "<p>&lt;b&gt;1 &lt; 2&lt;/b&gt;<br>second line</p>"
    plain = api.get(f"/conversations/{number}?display_as=plaintext").json()["source"]["body"]
    assert plain == "<b>1 < 2</b>\nsecond line"


def test_a_reply_to_a_closed_conversation_opens_it(api: Api):
    number = api.conversation()
    api.account.act(number, "close", agent="Rui")
    reply = {"message_type": "comment", "type": "user", "user_id": "t1:u42", "body": "One more"}
    answer = api.post(f"/conversations/{number}/reply", reply).json()
    part = answer["conversation_parts"]["conversation_parts"][-1]
    assert (answer["state"], part["part_type"], part["body"]) == ("open", "open", "<p>One more</p>")
    assert part["app_package_code"] == "sandbox-app"


def test_assigning_twice_is_refused_as_already_done(api: Api):
    number = api.conversation()
    body = {
        "message_type": "assignment",
        "type": "admin",
        "admin_id": "814860",
        "assignee_id": "814861",
    }
    assert api.post(f"/conversations/{number}/parts", body).ok
    answer = api.post(f"/conversations/{number}/parts", body)
    assert answer.status_code == 422
    assert "already assigned" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"admin_id": "1"}, "admin_not_found"),
        ({"assignee_id": "1"}, "assignee_not_found"),
        ({"type": "team", "assignee_id": "1"}, "team_not_found"),
    ],
)
def test_an_unknown_teammate_has_a_code_of_its_own(api: Api, change, expected):
    number = api.conversation()
    body = {
        "message_type": "assignment",
        "type": "admin",
        "admin_id": "814860",
        "assignee_id": "0",
    }
    assert code(api.post(f"/conversations/{number}/parts", body | change)) == (404, expected)


def test_an_undefined_attribute_is_refused(api: Api):
    answer = api.post("/contacts", {"external_id": "u", "custom_attributes": {"plan": "pro"}})
    assert code(answer) == (400, "parameter_invalid")


def test_it_limits_calls_in_ten_seconds(api: Api):
    api.account.update(settings={"rate_limit": 1})
    api.get("/me")
    answer = api.get("/me")
    assert code(answer) == (429, "rate_limit_exceeded")
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert 0 <= int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 10


def test_an_agent_can_be_away(api: Api):
    api.account.agent("814861", away=True)
    assert api.get("/admins/814861").json()["away_mode_enabled"] is True


def test_it_knows_only_published_versions(api: Api):
    assert api.get("/me", headers={"Intercom-Version": "2.11"}).ok
    answer = api.get("/me", headers={"Intercom-Version": "9.9"})
    assert code(answer) == (400, "intercom_version_invalid")


def test_an_attachment_comes_back_as_it_was_sent(api: Api):
    number = api.conversation()
    upload = {"name": "a.pdf", "content_type": "application/pdf", "data": "JVBERi0="}
    body = {"message_type": "comment", "type": "user", "user_id": "t1:u42", "body": "see"}
    reply = body | {"attachment_files": [upload]}
    parts = api.post(f"/conversations/{number}/reply", reply).json()["conversation_parts"]
    attachment = parts["conversation_parts"][-1]["attachments"][0]
    file = requests.get(attachment["url"], timeout=5)
    assert (file.content, file.headers["Content-Type"]) == (b"%PDF-", "application/pdf")
    assert attachment["filesize"] == 5


def test_only_the_newest_five_hundred_parts_are_shown(api: Api):
    number = api.conversation()
    for index in range(502):
        api.account.act(number, "note", agent="Rui", text=str(index))
    parts = api.get(f"/conversations/{number}").json()["conversation_parts"]
    assert (parts["total_count"], len(parts["conversation_parts"])) == (502, 500)
    assert parts["conversation_parts"][-1]["body"] == "<p>501</p>"


def test_oauth_hands_out_the_token_once_for_a_code(api: Api):
    credentials = api.account.credentials
    app = {key: credentials[key] for key in ("client_id", "client_secret")}
    params = {"client_id": app["client_id"], "state": "s1", "redirect_uri": "http://127.0.0.1/x"}
    asked = requests.get(f"{api.account.base_url}/oauth", params=params, timeout=5)
    assert "Authorize access" in asked.text
    allowed = requests.get(
        f"{api.account.base_url}/oauth",
        params=params | {"allow": "1"},
        timeout=5,
        allow_redirects=False,
    )
    answer = dict(parse_qsl(urlsplit(allowed.headers["Location"]).query))
    given = app | {"code": answer["code"]}
    assert answer["state"] == "s1"
    token = requests.post(f"{api.account.base_url}/auth/eagle/token", json=given, timeout=5)
    assert token.json()["token"] == credentials["access_token"]
    again = requests.post(f"{api.account.base_url}/auth/eagle/token", data=given, timeout=5)
    assert again.status_code == 401
