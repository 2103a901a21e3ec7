"""docker-compose.yml and its neighbours, as far as they can be looked at without an engine."""

from pathlib import Path
from typing import Any

import pytest
import yaml

OURS = ("migrate", "web", "feed", "worker", "beat")
SERVICES = (*OURS, "proxy", "postgres", "redis")


@pytest.fixture(scope="module")
def services(project: Path) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load((project / "docker-compose.yml").read_text())["services"])


def test_compose_has_every_process(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_hardened(services: dict[str, dict[str, Any]], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" in service or service["cap_add"] == ["NET_BIND_SERVICE"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_services_restart_and_say_how_they_are(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    assert services[name]["restart"] == "unless-stopped"
    assert services[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_our_processes_get_time_to_end(services: dict[str, dict[str, Any]], name: str) -> None:
    assert services[name]["stop_grace_period"] == "40s"
    assert services[name]["stop_signal"] == "SIGTERM"


@pytest.mark.parametrize("name", ["web", "feed", "worker"])
def test_it_can_be_scaled(services: dict[str, dict[str, Any]], name: str) -> None:
    assert "container_name" not in services[name]
    assert "ports" not in services[name]


def test_only_the_proxy_is_reachable(services: dict[str, dict[str, Any]]) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]


def test_listeners_are_kept_apart(project: Path) -> None:
    caddyfile = (project / "deploy/Caddyfile").read_text()
    assert "@feed path /api/v1/events /api/v1/events/*" in caddyfile
    assert "reverse_proxy @feed feed:8000" in caddyfile


def test_the_image_runs_as_nobody_special(project: Path) -> None:
    lines = (project / "Dockerfile").read_text().splitlines()
    assert "USER bridge" in lines
    assert any("--require-hashes" in line for line in lines)
    assert any(line.startswith("HEALTHCHECK") for line in lines)


@pytest.mark.parametrize("name", ["base.txt", "dev.txt"])
def test_locks_name_exact_versions_with_hashes_and_no_address(project: Path, name: str) -> None:
    text = (project / "requirements" / name).read_text()
    assert "://" not in text
    assert "--hash=sha256:" in text
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            assert "==" in line, line
