"""Each example against a running bridge and the sandbox, with an agent who answers."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.examples.conftest import Run
from tests.examples.product import EXAMPLES, Agent, Product
from tests.sandbox_fixture import free_port

PYTHON = ("plain_bot", "langgraph_agent", "rasa_action", "bot_framework")
HISTORY = "Where is my order?"


def needs(package: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"needs {package}, which is not installed here")


def test_the_ten_lines_print_the_session(run: Run, agent: Agent) -> None:
    program = run([sys.executable, str(EXAMPLES / "plain_bot/ten_lines.py")])
    agent.accept()
    agent.reads("Hello, is anybody there?")
    agent.reply("I am here.")
    program.shows("messageCreated I am here.")
    agent.close()
    program.shows("hitlStopped")
    program.finish(type_end=False)
    kinds = [line.partition(" ")[0] for line in program.lines]
    assert kinds == ["hitlQueued", "hitlAssigned", "messageCreated", "hitlStopped"]


@pytest.mark.parametrize("way", ["feed", "callbacks"])
def test_the_plain_bot_hands_over_and_takes_over_again(
    run: Run, agent: Agent, product: Product, way: str
) -> None:
    more = []
    if way == "callbacks":
        port = free_port()
        more, product.relay.target = ["--callbacks", str(port)], f"http://127.0.0.1:{port}/"
    program = run([sys.executable, str(EXAMPLES / "plain_bot/bot.py"), *more])
    program.shows("Hello!")
    program.type(HISTORY)
    program.shows("I don't know.")
    program.type("a human please")
    program.shows("A human will be with you")
    agent.accept()
    program.shows("Rui Costa has joined.")
    agent.reads(HISTORY)
    program.type("Order 1001")
    agent.reads("Order 1001")
    agent.reply("It is on its way.")
    program.shows("agent: It is on its way.")
    agent.close()
    program.shows("I am back (agentClosed).")
    program.type("opening hours")
    program.shows("Nine to five.")
    program.finish()


@needs("langgraph")
def test_the_langgraph_agent_resumes_with_what_was_said(run: Run, agent: Agent) -> None:
    program = run([sys.executable, str(EXAMPLES / "langgraph_agent/chat.py")])
    program.shows("Hello!")
    program.type(HISTORY)
    program.shows("I can't answer that.")
    for answer in ("It is on its way.", "It has arrived."):  # twice in one thread
        program.type("a human please")
        program.shows("A human will be with you")
        agent.accept()
        agent.reads(HISTORY)
        program.type(f"Before: {answer}")
        agent.reads(f"Before: {answer}")
        agent.reply(answer)
        program.shows(f"agent: {answer}")
        agent.close()
        program.shows(f"The human has left (agentClosed). I have read the answer: “{answer}”")
    program.finish()
    assert len(agent.account.tickets()) == len(agent.known), "a session was started twice"


@needs("botbuilder.core")
def test_the_bot_framework_bot_is_told_the_handoffs_status(run: Run, agent: Agent) -> None:
    program = run([sys.executable, str(EXAMPLES / "bot_framework/bot.py")])
    program.type(HISTORY)
    program.shows("I can't answer that.")
    program.type("a human please")
    program.shows("A human will be with you")
    agent.accept()
    program.shows('handoff.status {"state": "accepted"}')
    agent.reads(HISTORY)
    program.type("Order 1001")
    agent.reads("Order 1001")
    agent.reply("It is on its way.")
    program.shows("to user: It is on its way.")
    agent.close()
    program.shows('handoff.status {"state": "completed"}')
    program.type("And now?")
    program.shows("I can't answer that. Say “human” to talk to one.\nto user: A human")
    program.finish()


def test_every_example_says_how_it_is_run() -> None:
    for folder in (EXAMPLES / name for name in PYTHON):
        assert "make run" in (folder / "README.md").read_text()
        needed = (folder / "requirements.txt").read_text()
        assert "./clients/python" in needed
        assert "://" not in needed
    listed = (EXAMPLES / "README.md").read_text()
    assert all(f"({name}/)" in listed for name in PYTHON)


def test_examples_can_be_read_in_two_minutes() -> None:
    long = {
        str(found.relative_to(EXAMPLES)): lines
        for found in Path(EXAMPLES).rglob("*.py")
        if (lines := len(found.read_text().splitlines())) > 200
    }
    assert not long
