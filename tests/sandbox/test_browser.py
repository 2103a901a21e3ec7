"""The inbox and the demo chat in a real Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.sandbox.conftest import Api, Listener, wait_until
from tests.sandbox.test_demo import AGENT, Bridge, said, send_event
from tests.sandbox_fixture import SandboxServer
from tests.services import chromium

pytestmark = pytest.mark.browser
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def page() -> Iterator[Page]:
    """A phone's screen; whatever the browser complains about (scripts, policy) fails the test."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    assert not complaints


def test_an_agent_works_a_conversation_from_accept_to_close(api: Api, page: Page):
    number = api.conversation("Where is my refund?")
    page.goto(api.account.inbox_url)
    page.get_by_role("button", name="Ana").press("Enter")
    transcript = page.get_by_label("Transcript")
    expect(transcript).to_contain_text("Where is my refund?")
    page.get_by_role("button", name="Accept").click()
    expect(transcript).to_contain_text("Rui Costa took the conversation")
    page.get_by_label("Reply", exact=True).fill("On its way.")
    page.get_by_label("Reply", exact=True).press("Enter")
    expect(transcript).to_contain_text("On its way.")
    page.get_by_role("button", name="Private note").click()
    page.get_by_label("Private note", exact=True).last.fill("Be nice")
    page.get_by_label("Private note", exact=True).last.press("Enter")
    expect(page.locator(".part.note")).to_contain_text("Be nice")
    page.get_by_label("Assign to").select_option(label="Maya Lindqvist")
    expect(transcript).to_contain_text("gave the conversation to Maya Lindqvist")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    kinds = [part["type"] for part in api.account.ticket(number)["parts"]]
    assert kinds == ["first", "assignment", "comment", "note", "assignment", "close"]


def test_the_transcript_keeps_the_typed_text_while_it_refreshes(api: Api, page: Page):
    number = api.conversation()
    page.goto(f"{api.account.inbox_url}#{number}")
    page.get_by_label("Reply", exact=True).fill("half a sent")
    api.account.act(number, "customer_reply", text="Are you there?")
    expect(page.get_by_label("Transcript")).to_contain_text("Are you there?")
    expect(page.get_by_label("Reply", exact=True)).to_have_value("half a sent")


def test_a_customer_is_handed_over_and_back(tmp_path, listener: Listener, page: Page, request):
    bridge = Bridge(listener)
    environment = {"BRIDGE_URL": listener.url, "BRIDGE_API_KEY": "key"}
    server = SandboxServer(tmp_path, environment)
    request.addfinalizer(server.kill)
    server.start()
    page.goto(f"{server.base_url}/demo/")
    page.get_by_role("button", name="Talk to a human").click()
    expect(page.get_by_text("Waiting for a human")).to_be_visible()
    start = wait_until(lambda: bridge.bodies("startHitl"))[0]
    session = start["botConversationId"]
    send_event(server, "hitlAssigned", 1, {"botConversationId": session, "agent": AGENT})
    send_event(server, "messageCreated", 2, said(session, "Hello from Rui"))
    expect(page.get_by_text("Hello from Rui")).to_be_visible()
    page.get_by_label("Message", exact=True).fill("Hi Rui")
    page.get_by_label("Message", exact=True).press("Enter")
    assert wait_until(lambda: bridge.bodies("/messages"))[0]["payload"] == {"text": "Hi Rui"}
    page.get_by_role("button", name="End chat with agent").click()
    expect(page.get_by_text("I'm back.")).to_be_visible()


def test_the_customer_chooses_the_help_desk_and_the_inbox_link_follows(
    tmp_path, listener: Listener, page: Page, request
):
    bridge = Bridge(listener)
    environment = {"BRIDGE_URL": listener.url, "BRIDGE_API_KEY": "key"}
    server = SandboxServer(tmp_path, environment)
    request.addfinalizer(server.kill)
    server.start()
    server.control.account("support", settings={"installation": "support"})
    server.control.account("acme", "hubspot", settings={"installation": "hubspot"})
    page.goto(f"{server.base_url}/demo/")
    inbox = page.get_by_role("link", name="Agent inbox")
    expect(inbox).to_have_attribute("href", "/inbox/support/")
    page.get_by_role("radio", name="HubSpot").check()
    expect(inbox).to_have_attribute("href", "/inbox/acme/")
    page.reload()
    expect(page.get_by_role("radio", name="HubSpot")).to_be_checked()
    page.get_by_role("button", name="Talk to a human").click()
    expect(page.get_by_role("radio", name="Intercom")).to_be_disabled()
    assert wait_until(lambda: bridge.bodies("startHitl"))[0]["installation"] == "hubspot"
