"""How an installation's sessions behave: one declaration for the admin's form and `apply`.

What is stored is what the operator has set; a name that is absent leaves it to the bridge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hitl_bridge import botpress
from hitl_bridge.changes import address_problem
from hitl_bridge.models import Bot
from hitl_bridge.models.bots import Connector
from providers.types import Field

LONGEST_TIMEOUT = 30 * 24 * 3600  # seconds, as for a single session
LONGEST_TEXT = 500  # characters

ASSIGNMENT_TIMEOUT = Field(
    "assignmentTimeout",
    "Assignment timeout",
    "Seconds after which a session ends if no agent has taken it. 0 or empty: never.",
)
IDLE_TIMEOUT = Field(
    "idleTimeout",
    "Idle timeout",
    "Seconds after which a session ends if nobody has written. 0: never. Empty: never either, "
    "but for Botpress after a day.",
)
TIMEOUTS = (ASSIGNMENT_TIMEOUT, IDLE_TIMEOUT)
ALL = (*TIMEOUTS, *botpress.OPTIONS)
_ADDRESSES = (botpress.API_URL,)


def is_timeout(item: Field) -> bool:
    """Whether the option is a whole number of seconds; others are texts."""
    return item in TIMEOUTS


def is_address(item: Field) -> bool:
    """Whether the option is a web address."""
    return item in _ADDRESSES


def offered(bot: Bot | None) -> tuple[Field, ...]:
    """The options that an installation of the bot has; of an unknown bot those of all."""
    return ALL if bot and bot.connector == Connector.BOTPRESS else TIMEOUTS


def problem(item: Field, text: str) -> str:
    """What is wrong with an entered value, as a sentence; empty if nothing is."""
    if not text:
        return ""
    if is_timeout(item):
        if not (text.isascii() and text.isdigit()):
            return "This must be a whole number of seconds; 0 switches it off."
        return "" if int(text) <= LONGEST_TIMEOUT else f"At most {LONGEST_TIMEOUT} seconds."
    if item.choices and _chosen(item, text) is None:
        labels = ", ".join(label.lower() for _value, label in item.choices)
        return f"This must be one of: {labels}."
    if is_address(item):
        return address_problem(text)
    return "" if len(text) <= LONGEST_TEXT else f"At most {LONGEST_TEXT} characters."


def value(item: Field, text: str) -> int | str:
    """A value as it is stored, of a text without `problem`; "" leaves it to the bridge."""
    if item.choices:
        return _chosen(item, text) or ""
    return int(text) if text and is_timeout(item) else text


def merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored with what is given on top; an empty value takes one away, 0 is a value."""
    return {name: one for name, one in {**stored, **given}.items() if one not in ("", None)}


def not_offered(bot: Bot, names: Iterable[str]) -> list[str]:
    """Those of the names that an installation of this bot can't have."""
    known = [item.name for item in offered(bot)]
    return [name for name in names if name not in known]


def _chosen(item: Field, text: str) -> str | None:
    """The choice that is meant, by its value or as people call it (`no` is the empty value)."""
    wanted = text.lower()
    found = (choice for choice, label in item.choices if wanted in (choice, label.lower()))
    return next(found, None)
