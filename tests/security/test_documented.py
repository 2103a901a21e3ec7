"""docs/security.md names a test, a file or a command for each promise: they must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

PROJECT = Path(settings.BASE_DIR)
PAGE = (PROJECT / "docs" / "security.md").read_text()
NAMED = sorted(
    set(re.findall(r"`((?:tests|docs|config|conversations|requirements)/[^`#]*)(?:#[^`]*)?`", PAGE))
)
COMMANDS = sorted(set(re.findall(r"`make ([a-z-]+)`", PAGE)))
SECTIONS = re.findall(r"^\| ([\d., -]+) \|", PAGE, re.MULTILINE)
# How many requirements of levels 1 and 2 each section of ASVS 5.0 has.
ASVS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2,
    "12.3": 4, "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip


@pytest.mark.parametrize("path", NAMED)
def test_what_is_named_is_there(path: str) -> None:
    assert list(PROJECT.glob(path))


@pytest.mark.parametrize("name", COMMANDS)
def test_its_commands_can_be_run(name: str) -> None:
    assert re.search(rf"^{name}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)


def test_every_requirement_has_one_row() -> None:
    asked = [f"{section}.{one}" for section, count in ASVS.items() for one in range(1, count + 1)]
    assert sorted(requirements()) == sorted(asked)


def requirements() -> list[str]:
    """All that the rows stand for: `1.2.3`, `1.2.3, 1.2.5` or `1.2.3-1.3.4`."""
    found: list[str] = []
    for part in ", ".join(SECTIONS).split(", "):
        first, _, last = part.partition("-")
        found += _between(first, last or first)
    return found


def _between(first: str, last: str) -> list[str]:
    ways = [f"{section}.{one}" for section, count in ASVS.items() for one in range(1, count + 1)]
    return ways[ways.index(first) : ways.index(last) + 1]
