"""No text that a bot, a customer, an agent or a help desk gives runs in an operator's browser.

The pages are opened in Chromium twice: as they are, where nothing may be complained about, and
with the Content-Security-Policy switched off, so that escaping is what is tested. A browser's test
asks the database nothing: Playwright's loop gives it another connection, that nobody closes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, Error, Page, Response, sync_playwright
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from conversations.flows import media
from conversations.models import Conversation
from tests import factories
from tests.security import hostile
from tests.security.payloads import PAYLOADS
from tests.services import chromium

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NOTICED = """
window.fires = 0;
window.fired = () => { window.fires += 1; console.error('FIRED ' + location.pathname); };
window.alert = window.fired;
"""
INSERT = "bad => document.body.insertAdjacentHTML('beforeend', bad)"


@pytest.fixture
def login(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, live_server: LiveServer
) -> dict[str, str]:
    """The cookie of a superuser, who sees everything; on http, as the test's server is."""
    # Playwright keeps a loop in this thread, which Django takes for async code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "session", "csrf"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    # The server may have been started with the redirect to https.
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    browser = Client()
    browser.force_login(
        User.objects.create_superuser("root"), "django.contrib.auth.backends.ModelBackend"
    )
    return {"name": "session", "value": browser.cookies["session"].value, "url": live_server.url}


class Watched:
    """A browser's page, and everything that it complained about."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.base = base
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, kind: str, text: str) -> None:
        # Pictures of other hosts can't be loaded here.
        if kind == "error" and "net::ERR" not in text:
            self.complaints.append(text)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path, wait_until="load")
        self.page.wait_for_timeout(30)  # for what fires by itself


@pytest.fixture
def watch(live_server: LiveServer, login: Any) -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)

        def watch(*, policy: bool) -> Watched:
            said = {"X-Forwarded-Proto": "https"}
            context = browser.new_context(bypass_csp=not policy, extra_http_headers=said)
            context.add_cookies([login])
            context.add_init_script(NOTICED)
            outside = "**/files.example.com/**"
            context.route(outside, lambda route: route.abort())
            return Watched(context, live_server.url)

        yield watch
        browser.close()


@pytest.fixture
def hostile_rows(login: Any) -> list[str]:
    """The pages that show them."""
    bot = factories.bot(connector="feed", callback_url="")
    desk = factories.installation(bot)
    _, key = factories.api_key(bot, name="<img src=x onerror=fired()>")
    started = hostile.from_the_bot(bot, key, desk)
    heard = hostile.from_agents()
    session = Conversation.objects.get(pk=started[0])
    hostile.from_elsewhere(session, desk)
    return pages([session, *Conversation.objects.filter(pk__in=heard)])


def pages(sessions: list[Conversation]) -> list[str]:
    """Each list, each session, and of everything else the first and its history."""
    found = ["/admin/"]
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{base}_changelist") + ("?state=all" if "delivery" in base else ""))
        rows: list[Model] = (
            list(sessions) if model is Conversation else list(model._default_manager.all()[:1])
        )
        found += [reverse(f"{base}_change", args=[quote(row.pk)]) for row in rows]
        if rows:
            found.append(reverse(f"{base}_history", args=[quote(rows[0].pk)]))
    return found


def test_there_are_enough_payloads_and_each_would_be_noticed() -> None:
    assert len(set(PAYLOADS)) >= 25
    assert all("fired()" in bad for bad in PAYLOADS)


def test_nothing_runs_with_a_policy_or_without(hostile_rows: list[str], watch: Any) -> None:
    with_policy, without = watch(policy=True), watch(policy=False)
    for path in [*hostile_rows, *ordinary_pages()]:
        for watched in (with_policy, without):
            watched.open(path)
            assert "Server Error" not in watched.page.title()
            assert watched.page.evaluate("window.fires") == 0, path
    assert not with_policy.complaints
    assert not without.complaints
    # Or all of the above would have been silent for want of ears.
    for bad in PAYLOADS:
        without.page.evaluate(INSERT, bad)
        if "x-" not in bad and "hx-" not in bad:  # these a policy can't stop: see config/csp.py
            with_policy.page.evaluate(INSERT, bad)
    without.page.wait_for_function("window.fires > 5")
    with_policy.page.wait_for_timeout(300)
    assert with_policy.page.evaluate("window.fires") == 0
    assert any("Content Security Policy" in one for one in with_policy.complaints)


def ordinary_pages() -> list[str]:
    """Those with forms, and the API's description."""
    return [
        "/api/docs/", "/admin/login/?next=/", "/admin/second-step/", "/admin/password_change/",
        "/admin/hitl_bridge/bot/add/", "/admin/hitl_bridge/installation/add/",
        "/admin/hitl_bridge/installation/add/?provider=intercom", "/admin/auth/user/add/",
        "/admin/conversations/delivery/retry-since/",
    ]  # fmt: skip


@pytest.fixture
def hostile_file(login: Any) -> str:
    """The address of a picture that would run, were it shown."""
    session = factories.conversation(factories.installation())
    kept = media.store(session, "in:x:0", 0, "a.svg", b"<svg onload=fired()>")
    return media.address(kept).removeprefix("https://bridge.example.com")


def test_a_file_does_not_run_where_it_is_served(hostile_file: str, watch: Any) -> None:
    watched = watch(policy=False)
    told: list[Response] = []
    watched.page.on("response", lambda one: told.append(one))  # noqa: PLW0108  # it marks what it calls
    with pytest.raises(Error, match=r"Download is starting|ERR_ABORTED"):
        watched.open(hostile_file)
    assert not watched.complaints
    headers = told[0].headers
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox")
