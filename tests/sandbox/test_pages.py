"""The pages are there, and safe to look at."""

import pytest
import requests

from sandbox.control import AccountControl
from tests.sandbox.conftest import Api
from tests.sandbox_fixture import SandboxServer


def test_each_page_renders_without_inline_script(
    sandbox: SandboxServer, sandbox_account: AccountControl
):
    for path in ("/", "/demo/", f"/inbox/{sandbox_account.slug}/"):
        answer = requests.get(sandbox.base_url + path, timeout=5)
        assert answer.status_code == 200
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "onclick" not in answer.text
        assert "<script>" not in answer.text


def test_static_files_are_served_without_collecting_them(sandbox: SandboxServer):
    for name in ("sandbox.css", "inbox.js", "demo.js", "common.js", "icon.svg"):
        assert requests.get(f"{sandbox.base_url}/static/sandbox/{name}", timeout=5).ok


def test_the_inbox_shows_notes_and_cleans_what_is_said(api: Api):
    number = api.conversation("<script>alert(1)</script>")
    api.account.act(number, "note", agent="Rui", html="<p onclick='x()'>psst<script>1</script></p>")
    data = requests.get(f"{api.account.inbox_url}data", params={"ticket": number}, timeout=5).json()
    first, note = data["ticket"]["parts"]
    assert first["html"] == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    assert (note["type"], note["html"]) == ("note", "<p>psst</p>")
    assert data["tickets"][0]["customer"] == "Ana"


def test_an_agent_can_act_from_the_inbox(api: Api):
    number = api.conversation()
    url = f"{api.account.inbox_url}tickets/{number}/reply"
    body = {"agent": "814861", "text": "Hello"}
    assert (
        requests.post(url, json=body, timeout=5).json()["part"]["author"]["name"]
        == "Maya Lindqvist"
    )
    assert requests.post(url, json={"agent": "814861"}, timeout=5).status_code == 400


@pytest.mark.parametrize("origin", ["http://evil.test", "null"])
def test_another_sites_page_can_change_nothing(api: Api, origin):
    url = f"{api.account.control.base_url}/control/accounts/{api.account.slug}/reset"
    assert requests.post(url, headers={"Origin": origin}, timeout=5).status_code == 403


def test_an_unknown_host_name_is_refused(sandbox: SandboxServer):
    answer = requests.get(sandbox.base_url, headers={"Host": "evil.test"}, timeout=5)
    assert answer.status_code == 400


def test_a_files_address_can_expire(api: Api):
    number = api.conversation()
    api.account.update(settings={"file_url_ttl": -1})
    upload = {"name": "a.txt", "data": "eA=="}
    part = api.account.act(number, "reply", agent="Rui", text="x", files=[upload])
    assert requests.get(part["attachments"][0]["url"], timeout=5).status_code == 403
