"""What the documentation for bot developers says is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from jsonschema import Draft202012Validator

from conversations.api import (
    bodies,
    events,
    idempotency,
    inputs,
    outputs,
    paging,
    payloads,
    shapes,
    waiting,
)
from conversations.api import problems as api_problems
from conversations.engine import chores, retry
from conversations.flows import delays, telling
from conversations.models import ConversationStatus, MessageStatus, StopReason
from conversations.models.users import TAG_NAME_LENGTH, TAG_VALUE_LENGTH
from hitl_bridge import health
from providers import http

DOCS = Path(settings.BASE_DIR) / "docs/bot-developers"
SCHEMA = yaml.safe_load((Path(settings.BASE_DIR) / "docs/openapi.yaml").read_text())
EVENT = Draft202012Validator(
    {"$ref": "#/components/schemas/Event", "components": SCHEMA["components"]}
)
COMMON = {"conversationId": "conv_1", "tags": {}}
FRAME = {"id": "evt_1", "timestamp": "2026-11-21T09:01:00Z", "sequence": 1}
DAY = 24 * 3600


def page(name: str) -> str:
    return (DOCS / name).read_text()


def rows(name: str) -> dict[str, list[str]]:
    """The rows of a page's tables by their first cell."""
    lines = re.findall(r"^\|(.+)\|$", page(name), re.MULTILINE)
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return {first: rest for first, *rest in cells}


def examples() -> list[dict[str, Any]]:
    block = page("events.md").partition("## An example of each")[2]
    found = re.search(r"```json\n(.*?)```", block, re.DOTALL)
    assert found
    return [json.loads(line) for line in found[1].splitlines()]


def test_every_kind_of_event_has_a_row_and_an_example() -> None:
    assert {one["type"] for one in examples()} == set(outputs.EVENTS)
    assert {f"`{kind}`" for kind in outputs.EVENTS} <= set(rows("events.md"))


@pytest.mark.parametrize("example", examples(), ids=lambda one: str(one["type"]))
def test_an_example_of_an_event_is_as_described(example: dict[str, Any]) -> None:
    whole = {**FRAME, "type": example["type"], "data": {**COMMON, **example["data"]}}
    EVENT.validate(whole)
    known = outputs.EVENTS[example["type"]]().fields["data"].fields  # type: ignore[attr-defined]
    assert set(whole["data"]) <= set(known)


def test_the_event_that_is_shown_whole_is_as_described() -> None:
    found = re.search(r"```json\n(\{\n.*?)```", page("events.md"), re.DOTALL)
    assert found
    EVENT.validate(json.loads(found[1]))


def test_every_reason_of_an_end_is_listed() -> None:
    assert all(f"`{reason}`" in page("events.md") for reason in StopReason.values)


def test_every_kind_of_problem_is_in_the_catalogue() -> None:
    listed = {
        (int(status), cells[0].strip("`"))
        for status, cells in rows("errors.md").items()
        if status.isdecimal()
    }
    kinds = api_problems.PROBLEMS.values()
    assert listed == {(kind.status, kind.type.rpartition(":")[2]) for kind in kinds}


def test_every_state_is_among_the_concepts() -> None:
    text = page("concepts.md")
    for state in (*ConversationStatus.values, *MessageStatus.values):
        assert f"`{state}`" in text, state


def longest(shape: type[shapes.Shape], field: str) -> int:
    found: Any = shape().fields[field]
    return int(found.max_length)


LIMITS: dict[str, object] = {
    "body of a request": f"{(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) // 1024**2} MB",
    "nesting of JSON": f"{bodies.MAX_DEPTH} levels",
    "`name`, `botConversationId`, `externalId`": longest(inputs.CreateUser, "name"),
    "`title`": longest(inputs.StartHitl, "title"),
    "addresses": f"{shapes.URL_LENGTH:,}",
    "`messageHistory`": f"{longest(inputs.StartHitl, 'messageHistory'):,}",
    "`additionalData`": payloads.ADDITIONAL_DATA_LENGTH,
    "tags": f"{inputs.MAX_TAGS} per request; names {TAG_NAME_LENGTH}, values {TAG_VALUE_LENGTH} ",
    "`Prefer: wait`": f"{waiting.LONGEST_PREFERENCE} seconds",
    "`wait` of the feed": f"{events.LONGEST_WAIT} seconds",
    "pages": f"{paging.DEFAULT_LIMIT} entries, at most {paging.MAX_LIMIT}",
    "`Idempotency-Key`": f"{idempotency.MAX_LENGTH} printable",
}


@pytest.mark.parametrize("what", LIMITS)
def test_a_limit_is_what_the_code_says(what: str) -> None:
    assert str(LIMITS[what]) in rows("limits.md")[what][0]


def test_the_rate_is_what_is_set_where_nobody_sets_another() -> None:
    (line,) = (
        found
        for found in (Path(settings.BASE_DIR) / "config/settings.py").read_text().splitlines()
        if found.startswith("API_RATE")
    )
    number, _, unit = line.partition('default="')[2].partition('"')[0].partition("/")
    assert (f"{int(number):,} a minute", unit) == ("6,000 a minute", "min")
    assert f"{int(number):,} a minute" in rows("limits.md")["calls"][0]


def test_time_outs_and_patience_are_as_promised() -> None:
    limits, promises, told = page("limits.md"), page("promises.md"), page("events.md")
    assert f"{http.CONNECT_TIMEOUT:.0f} seconds\nto connect" in limits.replace(" to", "\nto")
    assert f"and {http.READ_TIMEOUT:.0f} to answer" in limits
    assert f"within {http.READ_TIMEOUT:.0f} seconds" in told
    assert f"{telling.MAX_ANSWER_BYTES // 1024} KB of the answer" in limits
    assert chores.KEEP_IDEMPOTENT.total_seconds() == DAY
    assert "For a day" in promises
    assert 0.8 < sum(retry.PROVIDER.waits) / DAY < 1.2
    assert "for about a day" in promises
    assert 2.8 < sum(retry.BOT.waits) / DAY < 3.3
    assert "for about three days" in promises
    assert (health.OPENS_AFTER, health.LONGEST_HOLD.total_seconds()) == (5, 5 * 60)
    assert "After five failures in a row" in promises
    assert "at most five minutes" in promises
    assert delays.WORTH_TELLING.total_seconds() == 30
    assert "half a minute" in told


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{file.name}: {target}"
        for file in DOCS.glob("*.md")
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", file.read_text())
        if not (file.parent / target).exists()
    ]
    assert not broken
