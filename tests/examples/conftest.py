"""One `make run` for all examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests import conftest as root
from tests.e2e.harness import PROJECT
from tests.examples.product import Agent, Product, Program, Relay

Run = Callable[..., Program]


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    if root.ON_POSTGRES:
        pytest.skip("the examples are run once, with SQLite, as `make run` does")
    relay = Relay()
    found = Product(relay)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        relay.stop()


@pytest.fixture
def agent(product: Product) -> Agent:
    return Agent(product.account)


@pytest.fixture
def run(product: Product) -> Iterator[Run]:
    """Run a command as a newcomer does who has copied the key."""
    running: list[Program] = []

    def start(command: Sequence[str], cwd: Path = PROJECT, **environment: str) -> Program:
        running.append(Program(command, {**product.environment, **environment}, cwd))
        return running[-1]

    yield start
    product.relay.target = ""
    for program in running:
        program.kill()
