"""What an operator enters at Botpress by hand, since no API of ours can."""

from __future__ import annotations

from hitl_bridge.models import Installation
from hitl_bridge.models.bots import Connector
from providers.types import ChecklistItem

DESCRIPTION_LINE = "hitl: userId={{event.userId}}"
HUB = "https://botpress.com/hub"


def checklist(installation: Installation) -> list[ChecklistItem]:
    """The steps, empty for a bot that is not told through Botpress."""
    bot = installation.bot
    if bot.connector != Connector.BOTPRESS:
        return []
    steps = [
        ChecklistItem(
            "In Botpress, install the integration HITL API from the Hub and enter this address as "
            "its endpoint base URL. It holds a secret: whoever has it can hand over chats.",
            installation.botpress_url,
            HUB,
        ),
        ChecklistItem("Install the plugin HITL and choose HITL API as what it hands over to."),
        ChecklistItem(
            "Begin the description in the card Start HITL with this line, so that each ticket "
            "bears the right customer's name, also when several hand over at once.",
            DESCRIPTION_LINE,
        ),
        ChecklistItem(
            "If you changed the plugin's text for a user who ends the session, enter the same text "
            "as the installation's option botpressEndingNotice."
        ),
    ]
    if not bot.botpress_webhook_url:
        steps.insert(
            1,
            ChecklistItem(
                "Copy the integration's webhook URL (https://webhook.botpress.cloud/…) into the "
                "bot: that is where agents' answers go."
            ),
        )
    return steps
