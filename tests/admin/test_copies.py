"""An installation's settings as a file for `apply`, and for another bot."""

import io

import pytest
import yaml
from django.core.management import call_command

import providers
from hitl_bridge.models import App, Installation, InstallationStatus
from providers.types import Account
from tests import factories
from tests.admin.pages import act, page_of, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db) -> Installation:
    bot = factories.bot(name="Helper")
    app = App.objects.create(
        tenant=bot.tenant,
        slug="shared",
        provider="intercom",
        credentials={"client_id": "abc", "client_secret": "app-secret-canary"},
    )
    return factories.installation(
        bot,
        slug="support",
        app=app,
        settings={"region": "eu"},
        credentials={"access_token": "tok-canary"},
        options={
            "assignmentTimeout": 600,
            "closeCommands": ["/end", "bye"],
            "texts": {
                "queued": "Bitte warten: gleich!",
                "agentJoined": "off",
                "agentChanged": {"de": "Jetzt hilft {agent}.", "en": False},
            },
        },
    )


def exported(client, desk: Installation) -> str:
    response = act(client, desk, "export")
    assert response["Content-Disposition"].startswith("attachment")
    return str(response.content.decode())


def test_the_file_holds_all_settings_and_no_secret(browser, desk) -> None:
    text = exported(browser, desk)
    assert "canary" not in text
    (tenant,) = yaml.safe_load(text)["tenants"]
    assert tenant["apps"][0]["credentials"] == {
        "client_id": "abc",
        "client_secret": "env:SHARED_CLIENT_SECRET",
    }
    (installation,) = tenant["bots"][0]["installations"]
    assert installation["settings"] == {"region": "eu"}
    told = {**desk.options["texts"], "agentChanged": "[de] Jetzt hilft {agent}.\n[en] off"}
    assert installation["options"] == {**desk.options, "texts": told}


def test_what_is_exported_changes_nothing_when_applied(
    browser, desk, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("SHARED_CLIENT_SECRET", "app-secret-canary")
    variable = f"{desk.bot.slug}_support_access_token".replace("-", "_").upper()
    monkeypatch.setenv(variable, "tok-canary")
    file, out = tmp_path / "desk.yaml", io.StringIO()
    file.write_text(exported(browser, desk))
    call_command("apply", str(file), stdout=io.StringIO())  # as `apply` writes options
    applied = Installation.objects.get(pk=desk.pk)
    assert applied.options["texts"]["agentJoined"] is not None
    assert applied.credentials == desk.credentials
    file.write_text(exported(browser, applied))
    call_command("apply", str(file), "--dry-run", stdout=out)
    assert "no changes" in out.getvalue()


def test_a_copy_has_the_settings_and_a_login_of_its_own(browser, desk, monkeypatch) -> None:
    adapter = providers.get("intercom")
    monkeypatch.setattr(adapter, "check", lambda self: Account("acc-1", "Acme"))
    other = factories.bot(desk.bot.tenant, name="Second")
    response = act(browser, desk, "duplicate", bot=other.pk, slug="support")
    copy = Installation.objects.get(bot=other)
    assert response.headers["Location"] == page_of(copy)
    for column in ("provider", "app", "settings", "credentials", "options"):
        assert getattr(copy, column) == getattr(desk, column)
    assert copy.webhook_token != desk.webhook_token
    assert copy.status == InstallationStatus.ACTIVE
    assert any("Connected to Acme" in text for text in said(response))


def test_a_copy_goes_to_a_bot_of_the_same_tenant_under_a_free_name(browser, desk) -> None:
    foreign = factories.bot()
    assert act(browser, desk, "duplicate", bot=foreign.pk, slug="x").context["form"].errors["bot"]
    taken = act(browser, desk, "duplicate", bot=desk.bot_id, slug="support").context["form"]
    assert "choose another one" in str(taken.errors["slug"])
    wrong = act(browser, desk, "duplicate", bot=desk.bot_id, slug="No Slug!").context["form"]
    assert wrong.errors["slug"]
    assert Installation.objects.count() == 1


def test_who_may_only_look_gets_neither(onlooker, desk) -> None:
    assert act(onlooker, desk, "export").status_code == 403
    assert act(onlooker, desk, "duplicate").status_code == 403
