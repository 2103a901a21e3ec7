"""What the audit says: a finding fails, and what could not be asked is never called clean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.audit import judge

GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "code", "status", "says"),
    [
        ([GOOD], 0, 0, "1 packages audited"),
        ([GOOD, BAD], 1, 1, "b 2: PYSEC-1"),
        ([BAD, SKIPPED], 1, 1, "PYSEC-1"),
        ([GOOD, SKIPPED], 0, 0, "NOT AUDITED: 1 of 2"),
        ([GOOD], 3, 1, "NOT AUDITED"),
    ],
)
def test_the_audits_verdict(packages: list[Any], code: int, status: int, says: str) -> None:
    found, told = judge(code, json.dumps({"dependencies": packages}), "")
    assert found == status
    assert says in told


@pytest.mark.parametrize(
    ("err", "status"), [("requests.ConnectionError: Max retries", 0), ("unknown option", 1)]
)
def test_no_answer_is_no_all_clear(err: str, status: int) -> None:
    found, told = judge(1, "", err)
    assert found == status
    assert told.startswith("NOT AUDITED")
