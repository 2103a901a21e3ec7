"""What an adapter declares of itself, and what it answers an operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an operator enters; admin form, YAML file and docs are made from it."""

    name: str
    label: str
    help: str  # where to find the value, as a sentence
    secret: bool = False  # a credential: encrypted, write-only
    required: bool = False
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()  # (value, label)
    picker: bool = False  # `options(name)` lists the values that the account has
    app_level: bool = False  # may stand in an app that installations share
    link: str = ""  # the vendor's page where the value is found


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a picker."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with what was entered, said at its field."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """Something an operator must enter at the vendor by hand, since no API does it."""

    text: str
    value: str = ""  # to copy
    link: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    status: Literal["online", "offline", "unknown"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a help desk can do; what it can't is declared, not faked."""

    files: bool  # takes files as files
    transcript: Literal["note", "message", "field"]  # where the agent sees the history
    notes: bool  # takes text that agents see and the customer does not
    # How the agent is told of something after the session's end: by a note at any time, or by a
    # message, which the vendor takes only while the chat is open (an agent has opened it again).
    tells_after_end: Literal["note", "whileOpen"] = "note"
    typing_out: bool = False
    typing_in: bool = False
    read_out: bool = False  # the agent sees that the user has read
    read_in: bool = False  # the bot is told that the agent has read
    availability: bool = False
    queue_events: bool = False
    transfers: bool = False
    idempotent_send: bool = False  # the vendor takes our id and refuses a second one
    lookup: bool = True  # a doubtful send can be asked for
    oauth: bool = False
    provisions_webhooks: bool = False
    one_ticket_per_person: bool = False  # a user's second session needs the first one ended
    app_webhooks: bool = False  # one webhook address for all accounts of an app
    session_keys: tuple[str, ...] = ()  # what `hitlSession` may hold
