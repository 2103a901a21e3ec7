"""What an operator enters for Botpress: options here, and at Botpress what no API of ours can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hitl_bridge.models import Installation
from hitl_bridge.models.bots import Connector
from providers.types import ChecklistItem, Field

DESCRIPTION_LINE = "hitl: userId={{event.userId}}"
HUB = "https://botpress.com/hub"

NO_TEXT = "NULL"  # as the plugin has it: this text is switched off
ENDING_NOTICE = Field(
    "botpressEndingNotice",
    "Ending notice",
    "The HITL plugin's text for a session that the user has ended, if you changed it there.",
    default="( The user has ended the session. )",
)
FAILED_TEXT = Field(
    "botpressFailedText",
    "Text when no ticket can be opened",
    "What the user reads then; NULL: nothing.",
    default="Sorry, no human agent can be reached right now.",
)
SHOW_AGENT_NAME = Field(
    "botpressShowAgentName",
    "Agent's name in texts",
    "Botpress does not show who writes: begin each text with the agent's name.",
    choices=(("", "No"), ("yes", "Yes")),
)
API_URL = Field(
    "botpressApiUrl",
    "Botpress API address",
    "Replaces Botpress's API host, which is asked only if the bot has a token: a proxy.",
    default="https://api.botpress.cloud",
)
OPTIONS = (ENDING_NOTICE, FAILED_TEXT, SHOW_AGENT_NAME, API_URL)  # of an installation


def option(options: Mapping[str, Any], declared: Field) -> str:
    """The option's value, else its default."""
    return str(options.get(declared.name) or declared.default)


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
