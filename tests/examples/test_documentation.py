"""What the documentation for bot developers shows is what happens."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import PROJECT
from tests.examples.conftest import Run
from tests.examples.product import Agent, Product

GUIDE = PROJECT / "docs/bot-developers/README.md"
COMMANDS = {
    "python": [sys.executable],
    "js": ["node"],
    "sh": ["bash", "-eu"],
}
ENDINGS = {"python": "bot.py", "js": "bot.mjs", "sh": "bot.sh"}


def snippet(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def program(product: Product, tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """The command that runs the snippet of that language, at this bridge's address."""
    language = request.param
    if not shutil.which(COMMANDS[language][0]):
        pytest.skip(f"needs {COMMANDS[language][0]}, and none is installed")
    text = snippet(language)
    assert "http://127.0.0.1:8000" in text
    file = tmp_path / ENDINGS[language]
    file.write_text(text.replace("http://127.0.0.1:8000", product.url))
    return [*COMMANDS[language], str(file)]


@pytest.mark.parametrize("program", ["python", "js"], indirect=True)
def test_the_first_ten_lines_run_as_they_stand(run: Run, agent: Agent, program: list[str]) -> None:
    running = run(program)
    agent.accept()
    agent.reads("Hello?")
    agent.reply("I am here.")
    running.shows("I am here.")
    agent.close()
    running.shows("hitlStopped")
    running.finish(type_end=False)


@pytest.mark.parametrize("program", ["sh"], indirect=True)
def test_the_curl_lines_run_as_they_stand(run: Run, agent: Agent, program: list[str]) -> None:
    running = run(program)
    agent.accept()
    running.finish(type_end=False)
    assert '"messageId"' in running.text
    assert '"nextCursor"' in running.text
    assert running.text.rstrip().endswith("{}")
