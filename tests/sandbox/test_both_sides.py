"""The page with both sides, as a newcomer plays it: `make run`, in a real browser, at its worst."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from tests.sandbox.conftest import wait_until
from tests.sandbox.test_browser import QUIET
from tests.sandbox_fixture import PROJECT, free_port
from tests.services import chromium

pytestmark = pytest.mark.browser
SLOW = 40_000  # milliseconds: a bridge that was killed has to start again


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sandbox's address of a product that runs as by `make run`."""
    port, sandbox_port = free_port(), free_port()
    log = tmp_path_factory.mktemp("demo") / "log"
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    environment |= {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "ENV_FILE": ""}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox"], cwd=PROJECT, env=environment,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(lambda: "is running" in log.read_text() or process.poll() is not None, within=90)
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{sandbox_port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        shutil.rmtree(Path(PROJECT) / "var" / str(port), ignore_errors=True)


@pytest.fixture
def page(demo: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{demo}/demo/both/")
        yield page
        browser.close()


def test_nothing_is_lost_however_it_is_broken(page: Page) -> None:
    customer, agent = page.frame_locator("#customer"), page.frame_locator("#agent")

    def customer_says(text: str) -> None:
        customer.get_by_label("Message", exact=True).fill(text)
        customer.get_by_label("Message", exact=True).press("Enter")

    def agent_says(text: str) -> None:
        agent.get_by_label("Reply", exact=True).fill(text)
        agent.get_by_label("Reply", exact=True).press("Enter")

    customer.get_by_role("button", name=re.compile("human", re.IGNORECASE)).click()
    agent.get_by_role("button", name="Accept").click(timeout=SLOW)
    expect(customer.get_by_role("status").first).to_have_text("Human agent", timeout=SLOW)
    customer_says("My order has not come")
    expect(page.locator("#tally-customer")).to_have_text("1 of 1 arrived", timeout=SLOW)

    page.get_by_role("button", name="Help desk down").click()
    expect(page.locator("[data-trouble=down]")).to_have_attribute("aria-pressed", "true")
    customer_says("Are you there?")
    expect(page.locator("#tally-customer")).to_contain_text("1 on the way", timeout=SLOW)
    page.get_by_role("button", name="Help desk down").click()
    expect(page.locator("#tally-customer")).to_have_text("2 of 2 arrived", timeout=SLOW)

    page.get_by_role("button", name="Webhooks get lost").click()
    expect(page.locator("[data-trouble=webhooks]")).to_have_attribute("aria-pressed", "true")
    agent_says("It is on its way")
    expect(page.locator("#tally-agent")).to_contain_text("0 of 1 arrived", timeout=SLOW)
    page.get_by_role("button", name="Webhooks get lost").click()

    page.get_by_role("button", name="kill -9 the bridge").click()
    expect(page.locator("#bridge")).to_contain_text("dead", timeout=SLOW)
    customer_says("Thank you")
    agent_says("You are welcome")
    expect(page.locator("#bridge")).to_have_text("running", timeout=SLOW)
    expect(page.locator("#tally-customer")).to_have_text("3 of 3 arrived", timeout=2 * SLOW)
    expect(page.locator("#tally-agent")).to_have_text("2 of 2 arrived", timeout=2 * SLOW)
    expect(customer.locator(".part.agent").last).to_contain_text("You are welcome")


def test_on_a_phone_one_side_shows_at_a_time(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator("#customer")).to_be_visible()
    expect(page.locator("#agent")).to_be_hidden()
    page.get_by_role("button", name="Agent").click()
    expect(page.locator("#agent")).to_be_visible()
    page.get_by_role("button", name="Break it").click()
    expect(page.get_by_role("button", name="Help desk down")).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_the_buttons_are_for_this_site_s_pages(demo: str) -> None:
    body = {"desk": "intercom", "on": True}
    foreign = {"Origin": "https://evil.example"}
    for what in ("down", "kill"):
        address = f"{demo}/demo/both/troubles/{what}"
        assert requests.post(address, json=body, headers=foreign, timeout=10).status_code == 403
        assert requests.post(address, data=body, timeout=10).status_code == 400


def test_what_there_is_not_is_refused(demo: str) -> None:
    address = f"{demo}/demo/both/troubles"
    for what, desk in (("nothing", "intercom"), ("down", "nobody"), ("down", "")):
        answer = requests.post(f"{address}/{what}", json={"desk": desk, "on": True}, timeout=10)
        assert answer.status_code == 400, (what, desk)
