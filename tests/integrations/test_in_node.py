"""What runs in Node.js, against the bridge as its users run it: integrations/botpress as Botpress
would run it (its scenarios stand in tests/live.test.ts there), and the bot in examples/typescript.

`make integrations` installs what it needs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests import conftest as root
from tests.e2e.harness import PROJECT, SECRET, Bridge, until
from tests.e2e.journeys import texts
from tests.e2e.stages import Stage, Stages
from tests.sandbox_fixture import SandboxServer, sandbox

__all__ = ["sandbox"]

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxServer) -> Iterator[Stage]:
    if root.ON_POSTGRES:
        pytest.skip("the embedded mode is tried with SQLite")
    bridge = Bridge(tmp_path_factory.mktemp("bridge"))
    bridge.manage("migrate", "-v0")
    stages = Stages(bridge, sandbox)
    try:
        bridge.start()
        yield stages.take("intercom")
    finally:
        stages.stop()
        bridge.stop()


def test_the_botpress_integration_carries_whole_conversations(stage: Stage) -> None:
    stage.bot.stop()  # the integration listens in its place
    account = f"{stage.account.control.base_url}/control/accounts/{stage.account.slug}"
    done = _node(
        "integrations/botpress",
        "scripts/test.mjs",
        "live",
        BRIDGE_URL=stage.bridge.url,
        BOT_KEY=stage.client.key,
        CALLBACK_SECRET=SECRET,
        CALLBACK_PORT=str(stage.bot.port),
        SANDBOX_ACCOUNT=account,
    )
    told, problems = done.communicate(timeout=300)
    assert done.returncode == 0, told + problems
    assert "# skipped 0" in told


def test_a_bot_with_a_generated_client_hears_the_agent(stage: Stage) -> None:
    known = {ticket["id"] for ticket in stage.account.tickets()}
    bot = _node(
        "examples/typescript", "dist/bot.js", BRIDGE_URL=stage.bridge.url, BOT_KEY=stage.client.key
    )
    ticket = stage.account.wait_for_ticket(lambda found: found["id"] not in known)["id"]
    until(lambda: "Hello?" in texts(stage, ticket), "the user's message")
    stage.account.act(ticket, "reply", agent="Rui", text="Good morning.")
    stage.account.act(ticket, "close", agent="Rui")
    told, problems = bot.communicate(timeout=120)
    assert bot.returncode == 0, told + problems
    assert told.splitlines() == ["Rui Costa joined", 'text: {"text":"Good morning."}']


def _node(folder: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["node", *arguments],
        cwd=PROJECT / folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
