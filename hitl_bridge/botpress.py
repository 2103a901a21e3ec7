"""What an operator enters for Botpress: options here, and at Botpress what no API of ours can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
ANSWERS_ADDRESS = ChecklistItem(
    "Copy the integration's webhook URL (https://webhook.botpress.cloud/…) into the bot's field "
    "Botpress webhook URL: that is where agents' answers go."
)
DETAILS = (
    ChecklistItem(
        "Begin the description in the card Start HITL with this line, so that each ticket bears "
        "the right customer's name, also when several hand over at once.",
        DESCRIPTION_LINE,
    ),
    ChecklistItem(
        "If you changed the plugin's text for a user who ends the session, enter the same text as "
        "the installation's option botpressEndingNotice (Ending notice)."
    ),
)
OPTIONS = (ENDING_NOTICE, FAILED_TEXT, SHOW_AGENT_NAME, API_URL)  # of an installation


def option(options: Mapping[str, Any], declared: Field) -> str:
    """The option's value, else its default."""
    return str(options.get(declared.name) or declared.default)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do at Botpress, and whether it is known to be done; None: it can't be known."""

    item: ChecklistItem
    done: bool | None = None


def checklist(installation: Installation) -> list[ChecklistItem]:
    """What is to be done, empty for a bot that is not told through Botpress."""
    return [step.item for step in steps(installation)]


def steps(installation: Installation) -> list[Step]:
    """Likewise, with what Botpress's calls have shown to be done."""
    bot = installation.bot
    if bot.connector != Connector.BOTPRESS:
        return []
    seen = getattr(installation, "botpress", None)  # absent until Botpress calls
    pinged = bool(seen and (seen.pinged_at or seen.handed_over_at))
    handed_over = bool(seen and seen.handed_over_at)
    return [
        Step(
            ChecklistItem(
                "In Botpress, install the integration HITL API from the Hub and enter this address "
                "as its endpoint base URL. It holds a secret: whoever has it can hand over chats.",
                installation.botpress_url,
                HUB,
            ),
            pinged,
        ),
        *([] if bot.botpress_webhook_url else [Step(ANSWERS_ADDRESS, False)]),
        Step(
            ChecklistItem("Install the plugin HITL and choose HITL API as what it hands over to."),
            handed_over,
        ),
        *(Step(item) for item in DETAILS),
    ]
