"""The manifests fit Kubernetes' own schemas, and run the same processes as docker-compose.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

VERSION = "1.37"
PROCESSES = ("web", "feed", "worker", "beat", "migrate")


@pytest.fixture(scope="module")
def folder(project: Path) -> Path:
    return project / "deploy/kubernetes"


@pytest.fixture(scope="module")
def objects(folder: Path) -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    files = [*kustomization["resources"], "secret.example.yaml"]
    return [one for name in files for one in yaml.safe_load_all((folder / name).read_text())]


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"].removeprefix("hitl-bridge-"): one["spec"]["template"]["spec"]
        for one in objects
        if one["kind"] in ("Deployment", "Job")
    }


def test_every_file_is_part_of_it(folder: Path) -> None:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    files = {file.name for file in folder.glob("*.yaml")}
    assert files == {*kustomization["resources"], "kustomization.yaml", "secret.example.yaml"}


def test_everything_fits_the_schemas_and_holds_no_unknown_field(objects) -> None:
    for one in objects:
        kubernetes_validate.validate(one, VERSION, strict=True)


def test_the_check_finds_a_wrong_field(objects) -> None:
    wrong = {**objects[0], "spce": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("part", PROCESSES)
def test_pods_have_no_right_that_they_need_not(objects, part: str) -> None:
    pod = pods(objects)[part]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("part", PROCESSES)
def test_secrets_come_by_reference_alone(objects, part: str) -> None:
    for container in pods(objects)[part]["containers"]:
        assert {"secretRef": {"name": "hitl-bridge"}} in container["envFrom"]
    config = next(one for one in objects if one["kind"] == "ConfigMap")["data"]
    secret = next(one for one in objects if one["kind"] == "Secret")["stringData"]
    assert not set(config) & set(secret)
    assert {"SECRET_KEY", "ENCRYPTION_KEYS", "DATABASE_URL"} <= set(secret)


@pytest.mark.parametrize("part", ["web", "feed"])
def test_a_web_pod_stays_in_service_without_redis_and_workers(objects, part: str) -> None:
    container = pods(objects)[part]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz?only=database"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


@pytest.mark.parametrize("part", ["web", "feed", "worker", "beat"])
def test_pods_have_time_to_end_and_wait_for_their_schema(objects, part: str) -> None:
    pod = pods(objects)[part]
    assert pod["terminationGracePeriodSeconds"] > 30 + 5
    assert "migrate --check" in pod["initContainers"][0]["command"][-1]


def test_there_are_the_processes_of_compose(objects, project: Path) -> None:
    services = yaml.safe_load((project / "docker-compose.yml").read_text())["services"]
    assert set(pods(objects)) == set(services) - {"proxy", "postgres", "redis"}
    for part in ("web", "worker", "beat"):
        command = pods(objects)[part]["containers"][0]["command"]
        assert " ".join(command) == services[part]["command"]


def test_what_is_scaled_can_be_and_beat_is_alone(objects) -> None:
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]
        for one in objects
        if one["kind"] == "HorizontalPodAutoscaler"
    }
    assert scaled == {"hitl-bridge-web", "hitl-bridge-worker"}
    for one in objects:
        if one["kind"] == "Deployment":
            # A number here would undo the autoscaler's at each apply.
            assert ("replicas" in one["spec"]) != (one["metadata"]["name"] in scaled)
    beat = next(one for one in objects if one["metadata"]["name"] == "hitl-bridge-beat")
    assert (beat["spec"]["replicas"], beat["spec"]["strategy"]) == (1, {"type": "Recreate"})
