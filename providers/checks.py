"""Checks of settings and of a `hitlSession` that help desks have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from providers.types import Problem


def ids_in(settings: Mapping[str, str], *names: str) -> list[str]:
    """The ids in these settings, separated by commas, each once, in order."""
    values = ",".join(settings.get(name, "") for name in names).split(",")
    return list(dict.fromkeys(value.strip() for value in values if value.strip()))


def wrong_ids(
    settings: Mapping[str, str], label: str, *, single: Collection[str], several: Collection[str]
) -> list[Problem]:
    """The settings that hold anything but numbers: one in `single`, a list in `several`.

    `label` is the help desk's name.
    """
    problems = [
        Problem(name, f"This is {label}'s id: a number.")
        for name in single
        if settings.get(name) and not settings[name].isdecimal()
    ]
    problems += [
        Problem(name, f"These are {label}'s ids: numbers and commas.")
        for name in several
        if not all(one.isdecimal() for one in ids_in(settings, name))
    ]
    return problems


def not_allowed(
    session: Mapping[str, Any], key: str, what: str, allowed: Collection[str]
) -> list[Problem]:
    """The problem with the id that a bot chose, if it is none of those allowed."""
    if session.get(key) is None or str(session[key]) in allowed:
        return []
    must = f"one of {', '.join(allowed)}" if allowed else "left out: none is allowed here"
    return [Problem(f"hitlSession.{key}", f"The {what} must be {must}.")]


def is_flat(value: Any) -> bool:
    """Whether this is an object of names with texts, numbers or true/false."""
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(one, str | int | float | bool)
        for name, one in value.items()
    )
