"""The options as the docs list them (docs/bot-developers/options.md, a test compares)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hitl_bridge.options.declared import ITEMS, Item

SHORT = 10  # values that a row of the table has room for
BEGIN, END = "<!-- options: begin -->", "<!-- options: end -->"


def markdown() -> str:
    """A table for each part of the options, between the two marks."""
    return "\n".join([BEGIN, *_lines(), END])


def _lines() -> Iterator[str]:
    parts: dict[str, list[Item]] = {}
    for item in ITEMS:
        parts.setdefault(item.part, []).append(item)
    for part, items in parts.items():
        yield from ("", f"### {part}", "", "| option | value | default | meaning |")
        yield "|---|---|---|---|"
        for item in items:
            yield f"| `{item.name}` | {_value(item.kind.schema)} | {item.default} | {item.help} |"


def _value(schema: dict[str, Any]) -> str:
    if "oneOf" in schema:
        return "true, false, words, or words by locale"
    if len(schema.get("enum", ())) in range(1, SHORT):
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return "list of strings"
    return {"integer": "seconds", "boolean": "true, false"}.get(schema["type"], "string")
