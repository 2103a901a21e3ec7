"""Every page of the admin opens, in few queries, and shows no secret."""

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from conversations.flows.events import emit
from conversations.flows.locking import locked
from conversations.flows.messages import NewMessage, send_message
from conversations.models import (
    Attempt,
    Conversation,
    Delivery,
    Event,
    EventType,
    Message,
    Receipt,
    User,
)
from hitl_bridge.admin.base import TenantScopedAdmin
from hitl_bridge.models import ApiKey, App, Bot, Installation, Tenant
from tests import factories
from tests.admin.pages import list_of, page_of

pytestmark = pytest.mark.django_db

LISTS = [
    ApiKey, App, Bot, Conversation, Delivery, Event, Installation, Message, Receipt, Tenant, User,
]  # fmt: skip
SECRETS = ("tok-123", "s3cr3t-test-only", factories.CALLBACK_SECRET, "app-secret-canary")


@pytest.fixture
def rows(db) -> None:
    """A dozen of everything, each of its own tenant: the worst for look-ups per row."""
    for number in range(12):
        bot = factories.bot()
        factories.api_key(bot)
        app = App.objects.create(
            tenant=bot.tenant,
            slug="shared",
            provider="intercom",
            credentials={"client_id": "abc", "client_secret": "app-secret-canary"},
        )
        desk = factories.installation(bot, app=app)
        talk = factories.conversation(desk, tags={"order": "1"}, title=f"Question {number}")
        send_message(bot, talk.id, NewMessage("text", {"text": "hi"}, user_id=talk.user_id))
        dead = talk.deliveries.get(kind="message")
        Delivery.objects.filter(pk=dead.pk).update(state="dead", error="Too long.")
        now = timezone.now()
        Attempt.objects.create(delivery=dead, number=1, started_at=now)
        Receipt.objects.create(installation=desk, key="k", body="{}", received_at=now)
        with transaction.atomic():
            emit(locked(talk.id), EventType.QUEUED, {}, "queued")


@pytest.mark.parametrize("model", LISTS)
def test_lists_take_few_queries_however_long(browser, rows, model) -> None:
    browser.get(list_of(model))  # content types and the like are cached from here on
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = browser.get(list_of(model))
    assert response.status_code == 200
    assert response.context["cl"].result_count == 12
    assert len(queries) <= 12, [query["sql"][:120] for query in queries]


@pytest.mark.parametrize("model", LISTS)
def test_pages_open_and_show_no_secret(browser, rows, model) -> None:
    row = model.objects.first()
    response = browser.get(page_of(row))
    assert response.status_code == 200
    html = response.content.decode()
    assert not [secret for secret in SECRETS if secret in html]


@pytest.mark.parametrize("model", LISTS)
def test_who_may_look_sees_pages_without_buttons(onlooker, rows, model) -> None:
    assert onlooker.get(list_of(model)).status_code == 200
    row = model.objects.first()
    response = onlooker.get(page_of(row))
    assert response.status_code == 200
    html = response.content.decode()
    assert "/act/" not in html
    assert not [secret for secret in SECRETS if secret in html]


@pytest.mark.parametrize("model", [Bot, Installation, App, ApiKey])
def test_history_shows_who_changed_what_but_no_secret(browser, rows, model) -> None:
    row = model.objects.first()
    row.save()
    label = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    url = reverse(f"{label}_history", args=[row.pk])
    html = browser.get(url).content.decode()
    assert "Changed" in html
    assert not [secret for secret in SECRETS if secret in html]
    version = reverse(f"{label}_simple_history", args=[row.pk, row.history.first().pk])
    assert browser.get(version).status_code == 404


def test_add_pages_open(browser, rows) -> None:
    for model in (Tenant, Bot):
        assert (
            browser.get(reverse(f"admin:hitl_bridge_{model._meta.model_name}_add")).status_code
            == 200
        )


def test_every_admin_is_in_the_theme() -> None:
    plain = [
        model for model, one in admin.site._registry.items() if not isinstance(one, ModelAdmin)
    ]
    assert not plain


def test_every_admin_of_ours_knows_the_way_to_the_tenant() -> None:
    for model, one in admin.site._registry.items():
        if model._meta.app_label in ("hitl_bridge", "conversations"):
            assert isinstance(one, TenantScopedAdmin)
            one.only(model._default_manager.all(), [1]).exists()
            assert "delete_selected" not in (one.actions or ())


def test_the_frame_counts_what_needs_somebody(browser, rows) -> None:
    Installation.objects.update(status="reconnect")
    items = {
        item["title"]: item.get("badge")
        for group in browser.get("/admin/").context["sidebar_navigation"]
        for item in group["items"]
    }
    assert items["Dead letters"] == "12"
    assert items["Installations"] == "12"
    assert items["Bots"] is None


def test_the_sidebar_leaves_out_what_one_may_not_see(db, client, django_user_model) -> None:
    client.force_login(django_user_model.objects.create_user("new", is_staff=True))
    assert client.get("/admin/").context["sidebar_navigation"] == []


def test_strangers_are_sent_to_the_login(client, rows) -> None:
    assert "/admin/login/" in client.get(list_of(Conversation)).url
