"""What Prometheus reads, and that dashboards and rules name nothing else."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from conversations.engine import heartbeat, worker
from conversations.metrics import TableMetrics
from conversations.models import Delivery, Lane, LaneKind, lane_id
from hitl_bridge.models import Alert, Installation, OAuthToken
from tests import factories

# As PromQL has them: words that are no metric.
PROMQL = set(
    "sum max min avg count by without rate increase histogram_quantile le on ignoring and or "
    "unless clamp_min vector absent time group_left label_replace topk".split()
)
LABELS = set("lane provider kind outcome side status code quantile instance job view".split())


def values() -> dict[tuple[str, ...], float]:
    """Each gauge by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in TableMetrics().collect()
        for sample in family.samples
    }


@pytest.mark.django_db
def test_gauges_tell_how_old_waiting_work_is() -> None:
    talk = factories.conversation()
    long_ago = timezone.now() - timedelta(minutes=5)
    Delivery.objects.filter(conversation=talk).update(created_at=long_ago)
    Lane.objects.filter(pk=lane_id(talk.pk, LaneKind.PROVIDER)).update(due_at=long_ago)
    found = values()
    assert found["hitl_lane_age_seconds", "provider"] == pytest.approx(300, abs=5)
    assert found["hitl_oldest_due_seconds", "provider"] == pytest.approx(300, abs=5)
    assert found["hitl_deliveries_waiting", "provider"] == 1
    assert found["hitl_oldest_due_seconds", "bot"] == 0
    assert found["hitl_tables_up",] == 1


@pytest.mark.django_db
def test_gauges_tell_of_trouble() -> None:
    talk = factories.conversation()
    Delivery.objects.filter(conversation=talk).update(state="dead")
    Installation.objects.update(failures=5)
    OAuthToken.objects.create(
        installation=talk.installation,
        access_token="a",
        obtained_at=timezone.now() - timedelta(hours=1),
        expires_at=timezone.now() - timedelta(minutes=1),
    )
    heartbeat.beat()
    Alert.objects.create(tenant=talk.tenant, kind="deadLetters", subject_id="x")
    found = values()
    assert found["hitl_dead_letters", "intercom"] == 1
    assert found["hitl_open_breakers", "installation"] == 1
    assert found["hitl_open_breakers", "bot"] == 0
    assert found["hitl_token_age_seconds", "intercom"] == pytest.approx(3600, abs=5)
    assert found["hitl_tokens_expired", "intercom"] == 1
    assert found["hitl_installations", "intercom", "active"] == 1
    assert found["hitl_workers",] == 1
    assert found["hitl_alerts_open", "deadLetters"] == 1


def test_without_a_database_they_say_so() -> None:
    """pytest blocks the database here, by an error that is none of the database's."""
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        list(TableMetrics().collect())


@pytest.mark.django_db
def test_they_are_read_once_in_a_while(django_assert_num_queries) -> None:
    metrics = TableMetrics()
    list(metrics.collect())
    with django_assert_num_queries(0):
        list(metrics.collect())


@pytest.mark.django_db
def test_they_cost_few_queries_however_much_there_is(django_assert_max_num_queries) -> None:
    for _ in range(5):
        factories.conversation()
    with django_assert_max_num_queries(16):
        list(TableMetrics().collect())


@pytest.mark.django_db
def test_each_attempt_is_counted_by_provider_and_outcome() -> None:
    def count() -> float:
        labels = {"provider": "intercom", "kind": "open", "outcome": "dead"}
        return REGISTRY.get_sample_value("hitl_attempts_total", labels) or 0.0

    before = count()
    # A private address, which is refused before anything is sent.
    talk = factories.conversation(factories.installation(api_base_url="http://127.0.0.1:1"))
    worker.run_lane(lane_id(talk.pk, LaneKind.PROVIDER))
    assert Delivery.objects.get(kind="open").attempts.get().outcome == "dead"
    assert count() == before + 1


@pytest.mark.django_db
def test_each_webhook_is_timed_and_a_made_up_provider_is_not_named(client: Client) -> None:
    client.post("/webhooks/made-up/token", secure=True)
    page = client.get("/metrics", secure=True).content.decode()
    assert 'hitl_webhook_seconds_count{code="404",provider="unknown"}' in page
    assert "made-up" not in page


@pytest.mark.django_db
def test_no_label_names_a_tenant_or_a_conversation(client: Client) -> None:
    talk = factories.conversation()
    page = client.get("/metrics", secure=True).content.decode()
    labels = {
        name
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if family.name.startswith("hitl_")
        for name in sample.labels
    }
    assert not labels & {"tenant", "tenant_id", "conversation", "bot", "installation"}
    assert talk.pk not in page


def known_metrics(client: Client) -> set[str]:
    """The names that /metrics tells, as they stand in expressions."""
    page = client.get("/metrics", secure=True).content.decode()
    names = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    return names | {f"{name}{end}" for name in names for end in ("_bucket", "_count", "_sum")}


def expressions(project: Path) -> dict[str, str]:
    """Every expression of the dashboard and of the rules, by where it stands."""
    board = json.loads((project / "deploy/grafana/hitl-bridge.json").read_text())
    found = {
        f"panel {panel['title']}": target["expr"]
        for panel in board["panels"]
        for target in panel.get("targets", [])
    }
    rules = yaml.safe_load((project / "deploy/prometheus/alerts.yml").read_text())
    for group in rules["groups"]:
        found |= {f"rule {rule['alert']}": rule["expr"] for rule in group["rules"]}
    return found


@pytest.mark.django_db
def test_dashboard_and_rules_name_metrics_that_there_are(client: Client, project: Path) -> None:
    known = known_metrics(client)
    wrong = {}
    for where, expression in expressions(project).items():
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
        words = set(re.findall(r"[a-z_][a-z0-9_]*", bare)) - PROMQL - LABELS
        assert words, where
        if words - known - {"up"}:
            wrong[where] = words - known
    assert not wrong


def test_each_rule_has_a_chapter_in_the_run_book(project: Path) -> None:
    operations = (project / "docs/operations.md").read_text()
    titles = re.findall(r"^#+ (.+)$", operations, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    rules = yaml.safe_load((project / "deploy/prometheus/alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
            assert rule["annotations"]["summary"], rule["alert"]
            page, _, anchor = rule["annotations"]["runbook"].partition("#")
            assert page == "docs/operations.md", rule["alert"]
            assert anchor in anchors, rule["alert"]
