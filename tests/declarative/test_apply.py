"""`manage.py apply`: what a file declares comes true, once, and all of it or nothing."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from hitl_bridge.models import (
    ApiKey,
    App,
    Bot,
    Installation,
    InstallationStatus,
    OAuthToken,
    Tenant,
)

pytestmark = pytest.mark.django_db

KEY = "hitl_0123456789abcdef0123456789"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WHOLE = """\
tenants:
  - slug: acme
    name: Acme
    apps:
      - {slug: shared, provider: intercom, credentials: {client_id: abc, client_secret: env:SECRET}}
    bots:
      - slug: helper
        callback_url: https://bot.example.com/hitl
        callback_secret: env:CALLBACK
        api_keys: [{name: main, key: env:KEY}]
        installations:
          - slug: support
            provider: intercom
            settings: {region: us}
            credentials: {access_token: env:TOKEN, client_secret: env:SECRET}
          - slug: sales
            provider: intercom
            app: shared
            options: {assignmentTimeout: 600}
            api_base_url: http://mock:9000
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name, value in {
        "KEY": KEY,
        "CALLBACK": SECRET,
        "TOKEN": "tok-canary",
        "SECRET": "sec-canary",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def apply(tmp_path: Path):
    def run(text: str, *options: str) -> str:
        file = tmp_path / "acme.yaml"
        file.write_text(text)
        out = io.StringIO()
        call_command("apply", str(file), *options, stdout=out)
        return out.getvalue()

    return run


def refused(apply, text: str) -> str:
    with pytest.raises(CommandError) as error:
        apply(text)
    return str(error.value)


def test_it_makes_everything_that_is_declared(apply) -> None:
    apply(WHOLE)
    bot = Bot.objects.get(tenant__slug="acme", slug="helper")
    assert bot.callback_secret == SECRET
    key = ApiKey.objects.authenticate(KEY)
    assert key is not None
    assert key.bot == bot
    support, sales = (
        Installation.objects.get(slug="support"),
        Installation.objects.get(slug="sales"),
    )
    assert support.credentials == {"access_token": "tok-canary", "client_secret": "sec-canary"}
    assert support.tenant == bot.tenant
    assert sales.app == App.objects.get()
    assert sales.merged_credentials()["client_id"] == "abc"
    assert sales.options == {"assignmentTimeout": 600}
    assert sales.api_base_url == "http://mock:9000"


def test_it_changes_nothing_the_second_time(apply) -> None:
    apply(WHOLE)
    histories = Installation.history.count()
    assert apply(WHOLE) == "no changes\n"
    assert Installation.history.count() == histories


def test_it_writes_nothing_on_a_dry_run_but_says_the_same(apply) -> None:
    rehearsed = json.loads(apply(WHOLE, "--dry-run", "--json"))
    assert not Tenant.objects.exists()
    assert json.loads(apply(WHOLE, "--json"))["changes"] == rehearsed["changes"]


def test_it_never_prints_a_secret(apply) -> None:
    changed = WHOLE.replace("env:TOKEN", "tok-canary-2").replace("env:KEY", "key-canary-0123456789")
    said = apply(WHOLE) + apply(WHOLE, "--json") + apply(changed) + apply(changed, "--json")
    assert "canary" not in said
    assert KEY[:12] not in said
    assert "~ installation acme/helper/support: credentials.access_token" in said
    assert "~ api key acme/helper/main: key" in said


def test_it_prints_ids_and_addresses(apply) -> None:
    told = json.loads(apply(WHOLE, "--json"))
    support, sales = told["installations"]
    row = Installation.objects.get(slug="support")
    assert support == {
        "id": row.id,
        "tenant": "acme",
        "bot": "helper",
        "slug": "support",
        "provider": "intercom",
        "status": "new",
        "webhook_url": f"https://bridge.example.com/webhooks/intercom/{row.webhook_token}",
        "app_webhook_url": None,
        "botpress_url": f"https://bridge.example.com/botpress/{row.bot_token}",
    }
    app = App.objects.get()
    assert sales["app_webhook_url"] == app.webhook_url
    assert told["apps"] == [
        {
            "tenant": "acme",
            "slug": "shared",
            "provider": "intercom",
            "webhook_url": f"https://bridge.example.com/webhooks/intercom/app/{app.webhook_token}",
        }
    ]


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("callbak_url:", "callback_url:", "line 8, bots.callbak_url: There is no such key."),
        ("regoin: us", "region: us", "line 14, settings.regoin: There is no such key. Did you"),
        ("region: mars", "region: us", "line 14, settings.region: Region must be one of us, eu"),
        ("env:NOT_THERE", "env:TOKEN", "line 15, credentials.access_token: The environment var"),
        ("file:not-there", "env:TOKEN", "line 15, credentials.access_token: The file not-there"),
        ("provider: frontdesk", "provider: intercom\n            s", "line 13, installations.pro"),
        ("app: other", "app: shared", "line 18, installations.app: The tenant has no app other."),
        ("whsec_!", "env:CALLBACK", "line 9, bots.callback_secret: A callback secret is whsec_"),
        ("ftp://x", "https://bot.example.com/hitl", "line 8, bots.callback_url: This must be an"),
        ("slug: Acme!", "slug: acme", "line 2, tenants.slug: Use lower-case letters"),
        ("key: short", "key: env:KEY", "line 10, api_keys.key: A key needs 16 characters"),
        ("Timeout: soon", "Timeout: 600", "line 19, options.assignmentTimeout: This must be a"),
        ("Timeout: -1", "Timeout: 600", "line 19, options.assignmentTimeout: This must be a"),
        (
            "{botpressFailedText: Sorry}",
            "{assignmentTimeout: 600}",
            "line 19, options.botpressFailedText: Only for a bot with the connector botpress.",
        ),
        ("slug: support", "slug: sales", "line 16, installations.slug: support is declared twice"),
    ],
)
def test_it_names_what_is_wrong_with_its_line(apply, wrong, right, words) -> None:
    if right.endswith("\n            s"):
        text = WHOLE.replace(right, wrong + "\n            s")
    else:
        text = WHOLE.replace(right, wrong)
    said = refused(apply, text)
    assert "acme.yaml, " in said
    assert words in said
    assert not Tenant.objects.exists()


def test_it_names_all_faults_at_once(apply) -> None:
    said = refused(apply, WHOLE.replace("env:TOKEN", "env:GONE").replace("env:KEY", "env:LOST"))
    assert [line.split(",")[1] for line in said.splitlines()] == [" line 10", " line 15"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The file is empty."),
        ("- a", "Here belong keys"),
        ("tenants: [", "This is not YAML"),
        ("tenants: []\ntenants: []", "line 2, tenants: This key stands in line 1 already."),
    ],
)
def test_it_refuses_what_is_no_declaration(apply, text, words) -> None:
    assert words in refused(apply, text)


def test_it_applies_all_or_nothing(apply) -> None:
    apply(WHOLE)
    text = WHOLE.replace("name: Acme", "name: Other").replace("app: shared", "app: none")
    refused(apply, text)
    assert Tenant.objects.get().name == "Acme"


def test_it_reads_a_secret_from_a_file_beside_the_declaration(apply, tmp_path) -> None:
    (tmp_path / "token").write_text("tok-from-file\n")
    apply(WHOLE.replace("env:TOKEN", "file:token"))
    assert Installation.objects.get(slug="support").credentials["access_token"] == "tok-from-file"


def test_it_takes_values_as_they_are_written(apply) -> None:
    apply(WHOLE.replace("{region: us}", "{region: us, team_id: 0123}"))
    assert Installation.objects.get(slug="support").settings["team_id"] == "0123"


def test_it_leaves_alone_what_the_file_does_not_mention(apply) -> None:
    apply(WHOLE)
    support = Installation.objects.get(slug="support")
    support.settings = {**support.settings, "team_id": "7"}
    support.save()
    Bot.objects.create(tenant=Tenant.objects.get(), slug="other", connector="feed")
    assert apply(WHOLE) == "no changes\n"
    support.refresh_from_db()
    assert support.settings["team_id"] == "7"
    apply(WHOLE.replace("{region: us}", "{region: us, team_id: }"))
    support.refresh_from_db()
    assert "team_id" not in support.settings


def test_a_changed_connection_is_tested_anew(apply) -> None:
    apply(WHOLE)
    Installation.objects.update(
        status=InstallationStatus.RECONNECT, status_reason="dead", checked_at="2026-01-01T00:00Z"
    )
    apply(WHOLE.replace("env:TOKEN", "another-token"))
    support, sales = (
        Installation.objects.get(slug="support"),
        Installation.objects.get(slug="sales"),
    )
    assert (support.status, support.status_reason, support.checked_at) == ("new", "", None)
    assert sales.status == InstallationStatus.RECONNECT


def test_a_changed_app_has_its_installations_tested_anew(apply) -> None:
    apply(WHOLE)
    Installation.objects.update(status=InstallationStatus.RECONNECT)
    apply(WHOLE.replace("client_id: abc, client_secret: env:SECRET", "client_id: xyz"))
    assert Installation.objects.get(slug="sales").status == InstallationStatus.NEW
    assert Installation.objects.get(slug="support").status == InstallationStatus.RECONNECT


def test_tokens_of_other_credentials_are_forgotten(apply) -> None:
    apply(WHOLE)
    support = Installation.objects.get(slug="support")
    OAuthToken.objects.create(installation=support, access_token="a", refresh_token="r")
    apply(
        WHOLE.replace("client_secret: env:SECRET}\n          -", "client_secret: x}\n          -")
    )
    assert OAuthToken.objects.exists()
    apply(WHOLE.replace("{access_token:", "{client_id: new, access_token:"))
    assert not OAuthToken.objects.exists()


def test_an_installation_is_disabled_and_enabled(apply) -> None:
    apply(WHOLE)
    disabled = WHOLE.replace("{region: us}", "{region: us}\n            enabled: false")
    assert "~ installation acme/helper/support: status" in apply(disabled)
    assert Installation.objects.get(slug="support").status == InstallationStatus.DISABLED
    assert apply(disabled) == "no changes\n"
    assert apply(WHOLE) == "no changes\n"
    apply(disabled.replace("enabled: false", "enabled: true"))
    assert Installation.objects.get(slug="support").status == InstallationStatus.NEW


def test_a_disabled_installation_is_unregistered_in_the_background(apply) -> None:
    apply(WHOLE)
    Installation.objects.update(provision_at=None)
    apply(WHOLE.replace("{region: us}", "{region: us}\n            enabled: false"))
    row = Installation.objects.get(slug="support")
    assert row.provision_at is not None
    assert row.provision_at <= timezone.now()


BOTPRESS = WHOLE.replace("slug: helper", "slug: helper\n        connector: botpress").replace(
    "callback_url: https://bot.example.com/hitl",
    "botpress_webhook_url: https://webhook.botpress.cloud/1",
)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("idleTimeout: 0", {"idleTimeout": 0}),
        ("idleTimeout:", {}),
        ("botpressEndingNotice: '( Bye. )'", {"botpressEndingNotice": "( Bye. )"}),
        ("botpressFailedText: NULL", {"botpressFailedText": "NULL"}),
        ("botpressFailedText: null", {}),
        ("botpressShowAgentName: yes", {"botpressShowAgentName": "yes"}),
        ("botpressShowAgentName: no", {}),
        ("botpressApiUrl: http://sandbox:9000", {"botpressApiUrl": "http://sandbox:9000"}),
    ],
)
def test_a_bot_of_botpress_has_more_options(apply, written, stored) -> None:
    text = BOTPRESS.replace("{assignmentTimeout: 600}", f"{{{written}}}")
    apply(text)
    assert Installation.objects.get(slug="sales").options == stored
    assert apply(text) == "no changes\n"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("botpressApiUrl: botpress", "options.botpressApiUrl: This must be an address"),
        ("botpressShowAgentName: perhaps", "options.botpressShowAgentName: This must be one of"),
        ("idleTimeout: 2592001", "options.idleTimeout: At most"),
    ],
)
def test_a_wrong_option_is_named_with_its_line(apply, written, words) -> None:
    said = refused(apply, BOTPRESS.replace("{assignmentTimeout: 600}", f"{{{written}}}"))
    assert f"line 20, {words}" in said


SESSIONS = """\
            options:
              closeCommands: [/end, Stop]
              reopen: newSession
              texts:
                all: on
                queued: off
                agentJoined: {de: "{agent} ist da!", no: off, default: Hello}
              businessHours:
                timeZone: Europe/Berlin
                monday: [09:00-12:30, 22:00-02:00]
                tuesday: 09:00-17:00
                holidays: [12-25, 2026-12-30/2027-01-01]
"""
BEHAVED = WHOLE.replace("            options: {assignmentTimeout: 600}\n", SESSIONS)


def test_sessions_behave_as_declared(apply) -> None:
    apply(BEHAVED)
    assert Installation.objects.get(slug="sales").options == {
        "closeCommands": ["/end", "Stop"],
        "reopen": "newSession",
        "texts": {
            "all": True,
            "queued": False,
            "agentJoined": {"de": "{agent} ist da!", "no": False, "default": "Hello"},
        },
        "businessHours": {
            "timeZone": "Europe/Berlin",
            "monday": ["09:00-12:30", "22:00-02:00"],
            "tuesday": ["09:00-17:00"],
            "holidays": ["12-25", "2026-12-30/2027-01-01"],
        },
    }
    assert apply(BEHAVED) == "no changes\n"


def test_one_text_is_taken_away_and_the_others_stay(apply) -> None:
    apply(BEHAVED)
    apply(BEHAVED.replace("queued: off", "queued:"))
    assert "queued" not in Installation.objects.get(slug="sales").options["texts"]


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("all: on", "al: on", "line 23, texts.al: There is no such key. Did you mean all?"),
        ("queued: off", "queued: '{who}'", "line 24, texts.queued: There is no {who} here."),
        ("Europe/Berlin", "Berlin", "line 27, businessHours.timeZone: This must be a time zone"),
        ("22:00-02:00", "22-2", "line 28, businessHours.monday: '22-2' is no span"),
        ("reopen: newSession", "reopen: never", "line 21, options.reopen: This must be one of"),
        ("12-25,", "12.25,", "line 30, businessHours.holidays: '12.25' is no holiday"),
    ],
)
def test_a_wrong_behaviour_is_named_with_its_line(apply, right, wrong, words) -> None:
    assert words in refused(apply, BEHAVED.replace(right, wrong))


def test_a_bot_of_botpress_is_not_offered_what_its_plugin_does(apply) -> None:
    options = "{reopen: note, texts: {undeliverable: on, queued: on}}"
    said = refused(apply, BOTPRESS.replace("{assignmentTimeout: 600}", options))
    assert "options.reopen: Not for a bot with the connector botpress" in said
    assert "options.texts.queued: Not for" in said
    assert "undeliverable" not in said


def test_an_option_is_taken_away_by_an_empty_value(apply) -> None:
    apply(WHOLE)
    said = apply(WHOLE.replace("assignmentTimeout: 600", "assignmentTimeout:"))
    assert "options.assignmentTimeout" in said
    assert Installation.objects.get(slug="sales").options == {}


@pytest.mark.parametrize("address", ["http://127.0.0.1:9000/intercom/x", "http://sandbox:9000"])
def test_an_address_needs_no_dot(apply, address) -> None:
    apply(WHOLE.replace("http://mock:9000", address))
    assert Installation.objects.get(slug="sales").api_base_url == address


def test_a_paused_installation_stays_paused(apply) -> None:
    apply(WHOLE)
    Installation.objects.update(status=InstallationStatus.PAUSED)
    apply(WHOLE.replace("env:TOKEN", "another-token"))
    assert Installation.objects.get(slug="support").status == InstallationStatus.PAUSED


def test_a_key_is_replaced_under_its_name(apply) -> None:
    apply(WHOLE)
    apply(WHOLE.replace("env:KEY", "hitl_another-key-0123"))
    assert ApiKey.objects.authenticate(KEY) is None
    assert ApiKey.objects.authenticate("hitl_another-key-0123") is not None


def test_a_revoked_key_does_not_come_back(apply) -> None:
    apply(WHOLE)
    ApiKey.objects.update(revoked_at="2026-01-01T00:00Z")
    assert "This key has been revoked" in refused(apply, WHOLE)
    apply(WHOLE.replace("env:KEY", "hitl_another-key-0123"))
    assert ApiKey.objects.authenticate("hitl_another-key-0123") is not None


def test_a_key_belongs_to_one_bot(apply) -> None:
    apply(WHOLE)
    other = WHOLE.replace("slug: acme", "slug: other")
    assert "Another key has this text" in refused(apply, other)


def test_a_key_has_scopes_and_an_end(apply) -> None:
    more = "{name: main, key: env:KEY, scopes: [read], expires_at: 2030-01-31}"
    apply(WHOLE.replace("{name: main, key: env:KEY}", more))
    key = ApiKey.objects.get()
    assert key.scopes == ["read"]
    assert key.expires_at == datetime(2030, 1, 31, tzinfo=UTC)
    wrong = WHOLE.replace("{name: main, key: env:KEY}", more.replace("[read]", "[all]"))
    assert "api_keys.scopes: Scopes are actions, read, events." in refused(apply, wrong)


@pytest.mark.parametrize(
    ("connector", "words"),
    [
        ("callback", "The connector callback needs callback_url."),
        ("botpress", "The connector botpress needs botpress_webhook_url."),
        ("pigeon", "This must be one of callback, botpress, feed."),
    ],
)
def test_a_connector_says_what_it_needs(apply, connector, words) -> None:
    text = f"tenants: [{{slug: a, bots: [{{slug: b, connector: {connector}}}]}}]"
    assert words in refused(apply, text)


def test_a_bot_may_only_read_its_feed(apply) -> None:
    apply("tenants: [{slug: a, bots: [{slug: b, connector: feed}]}]")
    assert Bot.objects.get().connector == "feed"


def test_a_changed_callback_gets_a_fresh_chance(apply) -> None:
    apply(WHOLE)
    Bot.objects.update(callback_disabled_reason="410 Gone", failures=9)
    apply(WHOLE.replace("bot.example.com/hitl", "bot.example.com/new"))
    bot = Bot.objects.get()
    assert (bot.callback_disabled_reason, bot.failures) == ("", 0)


def test_the_help_desk_of_an_installation_stays(apply, monkeypatch) -> None:
    apply(WHOLE)
    Installation.objects.filter(slug="support").update(provider="zoho")
    assert "This is zoho already" in refused(apply, WHOLE)
