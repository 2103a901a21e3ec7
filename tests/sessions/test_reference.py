"""The docs list the options that there are."""

from __future__ import annotations

from pathlib import Path

from hitl_bridge.options.reference import BEGIN, END, markdown


def test_the_reference_is_what_is_declared(project: Path) -> None:
    text = (project / "docs/bot-developers/options.md").read_text()
    written = text[text.index(BEGIN) : text.index(END) + len(END)]
    assert written == markdown()
