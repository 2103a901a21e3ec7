"""How sessions behave: what an operator sets for an installation and a bot for one session.

What is stored is what was set, a JSON object: `{"idleTimeout": 600, "texts": {"queued": true}}`. A
name that is absent leaves it to the bridge. In between options have flat names: `texts.queued`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hitl_bridge.models import Bot
from hitl_bridge.models.bots import Connector
from hitl_bridge.options.declared import BY_NAME, ITEMS, Item
from hitl_bridge.options.hours import counts_from, hours_of
from hitl_bridge.options.kinds import WrongValueError
from hitl_bridge.options.texts import ALL, Text, words

__all__ = [
    "ITEMS", "Item", "Text", "WrongValueError", "close_commands", "counts_from", "flat",
    "hours_of", "in_effect", "merged", "misplaced", "nested", "offered", "read", "seconds",
    "words",
]  # fmt: skip

DEFAULT_CLOSE_COMMANDS = ["/end"]
_WHOLE = "businessHours"  # replaced as one: half of one calendar and half of another is none
_ALL_TEXTS = f"texts.{ALL}"


def offered(bot: Bot | None) -> tuple[Item, ...]:
    """The options that an installation of the bot has; as for any bot if it is not known yet."""
    connector = bot.connector if bot else Connector.CALLBACK
    return tuple(item for item in ITEMS if item.offered_to(connector))


def misplaced(bot: Bot, names: Iterable[str]) -> dict[str, str]:
    """Those of the names that an installation of this bot can't have, and why."""
    only = f"Only for a bot with the connector {Connector.BOTPRESS}."
    never = f"Not for a bot with the connector {Connector.BOTPRESS}, which has its own way of this."
    items = [BY_NAME[name] for name in names]
    return {
        item.name: never if item.for_others else only
        for item in items
        if not item.offered_to(bot.connector)
    }


def read(item: Item, text: str) -> Any:
    """What a person typed, as it is stored; "" leaves it to the bridge. Raises WrongValueError."""
    typed = text.strip()
    return item.kind.read(typed) if typed else ""


def flat(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Stored options by their flat names."""
    return dict(_flat(stored))


def nested(flat_: Mapping[str, Any]) -> dict[str, Any]:
    """The object that is stored."""
    found: dict[str, Any] = {}
    for name, value in flat_.items():
        group, _, member = name.partition(".")
        if member:
            found.setdefault(group, {})[member] = value
        else:
            found[name] = value
    return found


def merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored with the given (flat names) on top; "" takes one away, 0 is a value."""
    values = {**flat(stored), **given}
    return nested({name: one for name, one in values.items() if one not in ("", None)})


def in_effect(installation: Mapping[str, Any], session: Mapping[str, Any]) -> dict[str, Any]:
    """A session's options: its own over the installation's.

    Texts are replaced one by one, business hours as a whole; a session that switches all texts
    off means the installation's own words as well.
    """
    below, own = flat(installation), flat(session)
    if own.get(_ALL_TEXTS) is False:
        below = {name: one for name, one in below.items() if not name.startswith("texts.")}
    if any(name.startswith(f"{_WHOLE}.") for name in own):
        below = {name: one for name, one in below.items() if not name.startswith(f"{_WHOLE}.")}
    return nested({**below, **own})


def seconds(options: Mapping[str, Any], name: str) -> int:
    """A time-out, 0 for none; what an older file has stored in another form counts as none."""
    value = options.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def close_commands(options: Mapping[str, Any]) -> list[str]:
    """What ends the session when the customer types it, in lower case."""
    given = options.get("closeCommands")
    return [word.lower() for word in (DEFAULT_CLOSE_COMMANDS if given is None else given)]


def _flat(stored: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in stored.items():
        if isinstance(value, Mapping) and name not in BY_NAME:
            yield from ((f"{name}.{member}", one) for member, one in value.items())
        else:
            yield name, value
