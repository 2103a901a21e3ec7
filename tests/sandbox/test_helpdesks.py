"""The help desks that `make run` declares, and the demo chat's choice among them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import helpdesks
from tests.sandbox.conftest import Listener, wait_until
from tests.sandbox.test_demo import Bridge, Browser
from tests.sandbox_fixture import PROJECT, SandboxServer

DEMO = PROJECT / "sandbox" / "demo.yaml"


def test_each_declared_help_desk_has_an_account_with_the_installations_values():
    document, desks = helpdesks.read(DEMO)
    bots = document["tenants"][0]["bots"]
    declared = [(bot["slug"], row["slug"]) for bot in bots for row in bot["installations"]]
    assert declared == [(one.bot, one.installation) for one in desks]
    secrets = {name: f"secret {name}" for name in helpdesks.secret_names(DEMO)}
    hubspot = next(one for one in desks if one.vendor == "hubspot").credentials(secrets)
    assert hubspot["app_id"] == "777001"
    assert hubspot["client_secret"] == "secret HUBSPOT_CLIENT_SECRET"


def test_a_help_desk_without_an_imitation_is_left_out(tmp_path: Path):
    file = tmp_path / "demo.yaml"
    file.write_text(DEMO.read_text().replace("SANDBOX_URL/hubspot/", "SANDBOX_URL/frontdesk/"))
    document, desks = helpdesks.read(file)
    assert "hubspot" not in [one.installation for one in desks]
    assert "hubspot" not in str(document)


@pytest.fixture
def server(tmp_path: Path, listener: Listener) -> Iterator[SandboxServer]:
    """A sandbox whose demo chat has two help desks, and another account that is none."""
    environment = {"BRIDGE_URL": listener.url, "BRIDGE_API_KEY": "key"}
    found = SandboxServer(tmp_path, environment)
    found.start()
    found.control.account("support", settings={"installation": "support"})
    found.control.account("acme", "hubspot", settings={"installation": "hubspot"})
    found.control.account("other")
    yield found
    found.kill()


def hand_over(browser: Browser, desk: str) -> None:
    body = {"clientId": "1", "text": "human please", "desk": desk}
    assert browser.session.post(browser.url("messages"), json=body, timeout=5).ok


@pytest.mark.parametrize(
    ("wanted", "used"), [("hubspot", "hubspot"), ("support", "support"), ("", "support")]
)
def test_the_session_goes_to_the_chosen_help_desk(
    server: SandboxServer, listener: Listener, wanted: str, used: str
):
    bridge, browser = Bridge(listener), Browser(server)
    data: dict[str, Any] = browser.data()
    assert [(one["id"], one["inbox"]) for one in data["desks"]] == [
        ("support", "/inbox/support/"),
        ("hubspot", "/inbox/acme/"),
    ]
    assert data["desk"] == ""
    hand_over(browser, wanted)
    assert wait_until(lambda: bridge.bodies("startHitl"))[0]["installation"] == used
    assert browser.data()["desk"] == used
    requests.post(browser.url("end"), cookies=browser.session.cookies, timeout=5)
    assert browser.data()["desk"] == ""


def test_a_bot_of_ones_own_has_a_help_desk_to_itself():
    _, desks = helpdesks.read(DEMO)
    offered = {desk.chosen_by for desk in desks if desk.bot == "pixel"}
    (own,) = [desk for desk in desks if desk.bot == "yours"]
    assert own.chosen_by == ""
    assert own.installation not in offered
    assert own.account not in {desk.account for desk in desks if desk is not own}


def test_a_bot_of_ones_own_may_be_called_instead():
    document, _ = helpdesks.read(DEMO)
    pixel, own = document["tenants"][0]["bots"]
    assert own["connector"] == "feed"
    helpdesks.take_callbacks(document, "http://127.0.0.1:5005/hitl")
    assert (own["connector"], own["callback_url"]) == ("callback", "http://127.0.0.1:5005/hitl")
    assert pixel["callback_url"] == "SANDBOX_URL/demo/callback"
