"""Errors come in the body, mostly with HTTP 200."""

import pytest
import requests

from tests.sandbox.zoho.conftest import Siq, code


def test_a_missing_or_dead_token_is_seen_with_400(siq: Siq):
    url = f"{siq.account.base_url}/api/v2/{siq.own['screen_name']}/apps"
    answer = requests.get(url, timeout=5)
    assert code(answer) == (400, 1002)
    assert answer.json()["error"]["header"] == "Authorization"
    assert code(siq.v2("GET", "/apps", token="1000.x.y")) == (400, 1008)


def test_a_bearer_token_works_too(siq: Siq):
    url = f"{siq.account.base_url}/api/v2/{siq.own['screen_name']}/apps"
    answer = requests.get(url, headers={"Authorization": f"Bearer {siq.token}"}, timeout=5)
    assert "data" in answer.json()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v2/else/apps", 1005),
        ("GET", "/api/v2/{s}/nothing", 1006),
        ("PATCH", "/api/v2/{s}/apps", 1004),
        ("GET", "/api/v2/{s}/conversations/1", 1019),
        ("GET", "/api/v2/{s}/webhooks/1", 1019),
    ],
)
def test_each_mistake_has_its_code(siq: Siq, method, path, expected):
    assert code(siq.call(method, path)) == (200, expected)


def test_a_body_that_is_no_json_object(siq: Siq):
    assert code(siq.visitor("/conversations", [1])) == (200, 1007)


def test_another_status_can_be_had(siq: Siq):
    siq.account.update(settings={"error_status": 404})
    assert code(siq.v2("GET", "/conversations/1")) == (404, 1019)


def test_some_calls_can_refuse_an_organizations_token(siq: Siq):
    siq.account.update(settings={"org_refused": ["/close"]})
    path = f"/conversations/{siq.open()['conversation_id']}"
    assert code(siq.v2("PUT", f"{path}/close")) == (200, 1009)
    token = siq.refresh("user_refresh_token").json()["access_token"]
    assert "data" in siq.v2("PUT", f"{path}/close", token=token).json()


def test_a_block_says_when_it_ends(siq: Siq):
    siq.account.fault("429", count=1, seconds=2)
    answer = siq.v2("GET", "/apps")
    assert code(answer) == (429, 1023)
    assert answer.headers["Retry-After"] == "2"


def test_faults_speak_as_the_server_that_was_called(siq: Siq):
    siq.account.fault("429", path="/oauth/", count=1)
    assert siq.refresh().json()["error"] == "Access Denied"
    siq.account.fault("503", count=1)
    assert code(siq.v2("GET", "/apps")) == (503, 1001)


def test_a_chat_whose_opening_had_no_answer_is_found_in_the_list(siq: Siq):
    siq.account.fault("timeout_after_accept", path="/visitor/", count=1, seconds=0)
    with pytest.raises(requests.ConnectionError):
        siq.visitor("/conversations", siq.opening(question="Help [hs_01J9]"))
    assert [c["question"] for c in siq.get("/conversations")] == ["Help [hs_01J9]"]
