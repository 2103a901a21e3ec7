"""Who takes part, and in which account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Agent:
    """A human at the help desk."""

    id: str  # the vendor's id
    name: str = ""
    email: str = ""
    picture_url: str = ""
    bot: bool = False  # not a human at all, as `Provider.agent` found out


@dataclass(frozen=True, slots=True)
class Person:
    """The end user on whose behalf a ticket is opened."""

    id: str  # our user id; stable, unique over all tenants
    name: str
    email: str = ""
    phone: str = ""  # E.164 where the bot gave a number that could be parsed
    picture_url: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a connection is connected as; `id` is what webhooks are routed by."""

    id: str
    name: str
    acting_as: str = ""  # the agent or admin whose credentials these are, for the operator
    details: Mapping[str, str] = field(default_factory=dict)  # label -> value, for the operator
