"""The Python client is a package of its own: it builds, and needs requests alone."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "clients/python"
# What `pip install requests` brings along.
REQUESTS = ("requests", "urllib3", "idna", "certifi", "charset_normalizer")
USE = """
import sys
from hitl_bridge_client import Bridge, BridgeError, verify_callback
try:
    Bridge("http://127.0.0.1:1", "key", attempts=1).create_user("Ana")
except BridgeError as error:
    print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: building leaves things behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for file in (found for found in FOLDER.rglob("*") if found.suffix in {".py", ".toml", ".md"}):
        if "build" not in file.relative_to(FOLDER).parts:
            copy = source / file.relative_to(FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    (source / "hitl_bridge_client/py.typed").touch()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--no-index", "--wheel-dir", str(folder), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_works_in_a_clean_environment_with_requests_alone(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    assert (tmp_path / "hitl_bridge_client/py.typed").exists()
    installed = Path(sysconfig.get_paths()["purelib"])
    for name in REQUESTS:
        (tmp_path / name).symlink_to(installed / name)
    done = subprocess.run(
        # Without site-packages nothing of ours can be imported by mistake.
        [sys.executable, "-S", "-c", USE],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "Unreachable", done.stderr


def test_it_imports_nothing_but_the_standard_library_and_requests() -> None:
    found = {
        name.partition(".")[0]
        for file in (FOLDER / "hitl_bridge_client").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in names(node)
    }
    assert found - sys.stdlib_module_names == {"hitl_bridge_client", "requests"}


def names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_it_declares_requests_alone() -> None:
    declared = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    assert declared["dependencies"] == ["requests>=2.28"]
    agent = (FOLDER / "hitl_bridge_client/transport.py").read_text()
    assert f'"hitl-bridge-client/{declared["version"]}"' in agent
