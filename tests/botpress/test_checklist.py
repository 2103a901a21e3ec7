"""What the operator is told to do."""

from __future__ import annotations

from hitl_bridge.botpress import DESCRIPTION_LINE, checklist
from hitl_bridge.models import Installation
from tests import factories
from tests.botpress.conftest import botpress_bot


def values(installation: Installation) -> list[str]:
    return [item.value for item in checklist(installation)]


def test_it_shows_the_one_address_and_the_line(installation: Installation) -> None:
    assert values(installation)[0] == installation.botpress_url
    assert DESCRIPTION_LINE in values(installation)


def test_it_asks_for_a_webhook_url_that_is_missing(db: None) -> None:
    bot = botpress_bot(botpress_webhook_url="")
    assert len(checklist(factories.installation(bot))) == 5


def test_other_bots_have_nothing_to_enter(db: None) -> None:
    assert checklist(factories.installation()) == []
