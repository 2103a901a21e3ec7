"""A bot's callbacks, as an operator sees, tries and mends them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from conversations.engine import lanes, worker
from conversations.flows.events import emit
from conversations.flows.locking import locked
from conversations.models import EventType, Lane
from hitl_bridge.models import Bot
from tests import factories
from tests.admin.pages import act, page_of, said

pytestmark = pytest.mark.django_db

VERIFY = """
const {Webhook} = require("standardwebhooks");
let text = "";
process.stdin.on("data", (piece) => { text += piece; }).on("end", () => {
  const {secret, headers, body} = JSON.parse(text);
  console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
});
"""


@pytest.fixture
def bot(db: None) -> Bot:
    return factories.bot()


@pytest.fixture
def address() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(factories.CALLBACK_URL, body="the bot's own words")
        yield mock


def answers(address: responses.RequestsMock, **answer: Any) -> None:
    address.replace(responses.POST, factories.CALLBACK_URL, **answer)


def test_a_test_event_is_signed_and_its_answer_is_told_in_words(browser, bot, address) -> None:
    response = act(browser, bot, "test")
    assert said(response)[0].startswith("The bot answered 200 within ")
    assert "own words" not in response.content.decode()
    request = address.calls[0].request
    event = Webhook(factories.CALLBACK_SECRET).verify(request.body, dict(request.headers))
    assert (event["type"], event["id"]) == ("test", request.headers["webhook-id"])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 401}, "verify the signature"),
        ({"status": 302}, "Redirects are not followed"),
        ({"status": 404}, "path of the callback URL"),
        ({"status": 500}, "Its own log"),
        ({"body": requests.exceptions.ConnectTimeout()}, "bot.example.com can't be reached"),
    ],
)
def test_a_test_event_that_is_not_taken_is_explained(browser, bot, address, answer, words) -> None:
    answers(address, **answer)
    assert words in said(act(browser, bot, "test"))[0]
    assert len(address.calls) == 1
    bot.refresh_from_db()
    assert (bot.failures, bot.callback_disabled_reason) == (0, "")


def test_only_bots_with_an_address_are_tested(browser, bot) -> None:
    assert "Send a test event" in browser.get(page_of(bot)).content.decode()
    Bot.objects.update(connector="feed", callback_url="")
    assert "Send a test event" not in browser.get(page_of(bot)).content.decode()


def told(browser: Any, bot: Bot, address: responses.RequestsMock, **answer: Any) -> str:
    """A session begins, the bot gives that answer to it, and its page shows it."""
    answers(address, **answer)
    session = factories.conversation(factories.installation(bot))
    emit(locked(session.id), EventType.TRANSFERRED, {"to": "Sales"}, "t1")
    run_bot_lanes()
    return str(browser.get(page_of(bot)).content.decode())


def run_bot_lanes() -> None:
    for lane in lanes.due(limit=10):
        if lane.endswith(":bot"):
            worker.run_lane(lane)


def test_each_attempt_can_be_seen_on_the_bots_page(browser, bot, address) -> None:
    page = told(browser, bot, address, status=503)
    assert "hitlTransferred" in page
    assert "The bot answered 503." in page
    answers(address, status=204)
    Lane.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    bot.events.get().deliveries.update(next_attempt_at=timezone.now())
    run_bot_lanes()
    assert "Carried out" in browser.get(page_of(bot)).content.decode()


def test_410_is_shown_with_its_reason_and_a_way_back(browser, bot, address) -> None:
    page = told(browser, bot, address, status=410)
    assert "Callbacks off" in page
    assert "answered 410 Gone" in page
    assert "Switch callbacks on again" in page
    act(browser, bot, "switch-on")
    assert "Callbacks off" not in browser.get(page_of(bot)).content.decode()


def test_an_open_breaker_says_until_when_and_why_and_a_good_test_closes_it(
    browser, bot, address
) -> None:
    hold = timezone.now() + timedelta(minutes=5)
    Bot.objects.update(failures=7, hold_until=hold, last_error="bot.example.com can't be reached.")
    page = browser.get(page_of(bot)).content.decode()
    assert "Out of reach" in page
    assert "7 failures in a row: nothing is sent until" in page
    assert "be reached." in page
    bot.refresh_from_db()
    act(browser, bot, "test")
    bot.refresh_from_db()
    assert (bot.failures, bot.hold_until) == (0, None)


def test_a_rotated_secret_signs_beside_the_old_one_until_that_is_removed(
    browser, bot, address
) -> None:
    new = act(browser, bot, "new-secret").context["text"]
    act(browser, bot, "test")
    request = address.calls[-1].request
    for secret in (new, factories.CALLBACK_SECRET):
        Webhook(secret).verify(request.body, dict(request.headers))
    assert "Two secrets sign" in browser.get(page_of(bot)).content.decode()
    Bot.objects.update(previous_callback_secret="")
    act(browser, bot, "test")
    request = address.calls[-1].request
    Webhook(new).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(factories.CALLBACK_SECRET).verify(request.body, dict(request.headers))


def test_the_reference_library_for_javascript_verifies_both_secrets(
    browser, bot, address, project: Path
) -> None:
    node = shutil.which("node")
    places = [project / "integrations" / "botpress", project / "var"]
    has = [place for place in places if (place / "node_modules" / "standardwebhooks").is_dir()]
    if not node or not has:
        pytest.skip("needs node, and the package standardwebhooks in integrations/botpress")
    new = act(browser, bot, "new-secret").context["text"]
    act(browser, bot, "test")
    request = address.calls[-1].request
    for secret in (new, factories.CALLBACK_SECRET):
        given = {
            "secret": secret,
            "headers": dict(request.headers),
            "body": request.body.decode(),
        }
        done = subprocess.run(
            [node, "-e", VERIFY],
            input=json.dumps(given),
            cwd=has[0],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert json.loads(done.stdout)["type"] == "test"
