"""Bots: keys are shown once, secrets are written and never read."""

import pytest
from django.urls import reverse

from hitl_bridge.callback_secrets import callback_secret_problem
from hitl_bridge.models import ApiKey, Bot
from tests import factories
from tests.admin.pages import act, form_of, page_of, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(db) -> Bot:
    return factories.bot()


def issue(browser, bot, **more):
    data = {"name": "main", "scopes": ["read", "events"], **more}
    return act(browser, bot, "issue-key", **data)


def test_a_key_is_issued_and_shown_once(browser, bot) -> None:
    url = reverse("admin:hitl_bridge_bot_act", args=[bot.pk, "issue-key"])
    assert browser.get(url).status_code == 200
    response = issue(browser, bot)
    text = response.context["text"]
    assert text in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    key = ApiKey.objects.authenticate(text)
    assert key is not None
    assert (key.bot, key.scopes) == (bot, ["read", "events"])
    assert said(response) == []
    for url in (page_of(bot), page_of(key)):
        assert text not in browser.get(url).content.decode()


def test_two_keys_live_at_once_under_two_names(browser, bot) -> None:
    issue(browser, bot)
    form = issue(browser, bot).context["form"]
    assert "of that name already" in form.errors["name"][0]
    issue(browser, bot, name="next")
    assert ApiKey.objects.usable().count() == 2


def test_a_key_is_revoked(browser, bot) -> None:
    key, text = factories.api_key(bot)
    act(browser, key, "revoke")
    assert ApiKey.objects.authenticate(text) is None
    assert "Revoked" in browser.get(page_of(key)).content.decode()
    assert "can't be done now" in said(act(browser, key, "revoke"))[0]


def test_the_scopes_of_a_key_are_ticked(browser, bot) -> None:
    key, _ = factories.api_key(bot)
    url = page_of(key)
    browser.post(url, {"name": key.name, "scopes": ["read"]})
    key.refresh_from_db()
    assert key.scopes == ["read"]
    form = browser.post(url, {"name": key.name, "scopes": ["all"]}).context["adminform"].form
    assert "scopes" in form.errors


def test_an_empty_secret_keeps_the_stored_one(browser, bot) -> None:
    url = page_of(bot)
    browser.post(url, form_of(browser, url) | inline(bot) | {"name": "Pixel"})
    bot.refresh_from_db()
    assert (bot.name, bot.callback_secret) == ("Pixel", factories.CALLBACK_SECRET)


def test_a_callback_secret_has_a_form(browser, bot) -> None:
    url = page_of(bot)
    data = form_of(browser, url) | inline(bot)
    form = browser.post(url, data | {"callback_secret": "hunter2!"}).context["adminform"].form
    assert "whsec_ and Base64" in form.errors["callback_secret"][0]
    form = browser.post(url, data | {"callback_secret": "whsec_YWJj"}).context["adminform"].form
    assert "too short" in form.errors["callback_secret"][0]


def test_a_new_secret_makes_the_present_one_the_previous(browser, bot) -> None:
    response = act(browser, bot, "new-secret")
    bot.refresh_from_db()
    assert bot.callback_secret == response.context["text"]
    assert callback_secret_problem(bot.callback_secret) == ""
    assert bot.previous_callback_secret == factories.CALLBACK_SECRET
    url = page_of(bot)
    browser.post(url, form_of(browser, url) | inline(bot) | {"previous_callback_secret-clear": "1"})
    bot.refresh_from_db()
    assert bot.previous_callback_secret == ""


def test_a_connector_asks_for_what_it_needs(browser, bot) -> None:
    url = page_of(bot)
    data = form_of(browser, url) | inline(bot)
    form = browser.post(url, data | {"callback_url": ""}).context["adminform"].form
    assert "callback_url" in form.errors
    # Botpress tells its webhook URL only once ours has been entered there.
    assert browser.post(url, data | {"connector": "botpress"}).status_code == 302
    secret = {"connector": "feed", "callback_url": "", "botpress_token": "t"}
    form = browser.post(url, data | secret).context["adminform"].form
    assert "botpress_bot_id" in form.errors


def test_callbacks_are_switched_on_again(browser, bot) -> None:
    Bot.objects.update(callback_disabled_reason="410 Gone")
    assert "Callbacks off" in browser.get(page_of(bot)).content.decode()
    act(browser, bot, "switch-on")
    bot.refresh_from_db()
    assert bot.callback_disabled_reason == ""


def test_saving_leaves_what_workers_write(browser, bot) -> None:
    url = page_of(bot)
    data = form_of(browser, url) | inline(bot) | {"name": "Pixel"}
    Bot.objects.update(failures=3)
    browser.post(url, data)
    bot.refresh_from_db()
    assert (bot.name, bot.failures) == ("Pixel", 3)


def test_names_are_unique_beside_an_owner_that_stays(browser, bot) -> None:
    other = factories.bot(bot.tenant)
    url = page_of(other)
    data = form_of(browser, url) | inline(other) | {"slug": bot.slug}
    form = browser.post(url, data).context["adminform"].form
    assert "already exists" in form.errors["__all__"][0]
    first, second = factories.api_key(bot)[0], factories.api_key(bot)[0]
    data = {"name": first.name, "scopes": ["read"]}
    form = browser.post(page_of(second), data).context["adminform"].form
    assert "already exists" in form.errors["__all__"][0]


def test_a_bot_is_added(browser) -> None:
    tenant = factories.tenant()
    data = {"tenant": tenant.pk, "slug": "helper", "connector": "feed", "enabled": "on"}
    browser.post(reverse("admin:hitl_bridge_bot_add"), data | inline())
    assert Bot.objects.get().tenant == tenant


def inline(bot: Bot | None = None) -> dict[str, int]:
    keys = bot.api_keys.count() if bot else 0
    return {"api_keys-TOTAL_FORMS": keys, "api_keys-INITIAL_FORMS": keys}
