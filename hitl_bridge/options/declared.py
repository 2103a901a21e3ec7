"""Every option of a session, once: `startHitl`, the admin's form, `apply`, the OpenAPI file and
the docs are made from this."""

from __future__ import annotations

from dataclasses import dataclass

from hitl_bridge import botpress
from hitl_bridge.models.bots import Connector
from hitl_bridge.options.hours import DAYS
from hitl_bridge.options.kinds import (
    Address,
    Commands,
    CustomerText,
    Kind,
    Locale,
    OneOf,
    Seconds,
    Switch,
)
from hitl_bridge.options.texts import ALL as ALL_TEXTS
from hitl_bridge.options.texts import WORDS, Text
from hitl_bridge.options.times import Holidays, Spans, Zone
from providers.types import Field

SESSIONS, TEXTS, HOURS, BOTPRESS = (
    "Sessions", "Texts to the customer", "Business hours and availability", "Botpress",
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One option. A name with a dot stands for a member of an object: `texts.queued`."""

    name: str
    label: str
    help: str
    kind: Kind
    part: str  # of the form and of the docs
    default: str = ""  # what holds where nothing is set, for people
    for_botpress: bool = True  # whether bots of Botpress have it
    for_others: bool = True

    @property
    def per_session(self) -> bool:
        """Whether `startHitl` takes it; what is about Botpress is the installation's alone."""
        return self.for_others

    def offered_to(self, connector: str) -> bool:
        """Whether a bot with that connector has it."""
        return self.for_botpress if connector == Connector.BOTPRESS else self.for_others


def _text(name: Text, label: str, when: str, *, for_botpress: bool = False) -> Item:
    return Item(
        f"texts.{name}", label, f"{when} “{WORDS[name]['en']}”", CustomerText(), TEXTS, "as all",
        for_botpress,
    )  # fmt: skip


def _botpress(field: Field) -> Item:
    kind: Kind = OneOf(of=field.choices) if field.choices else Kind()
    if field == botpress.API_URL:
        kind = Address()
    return Item(
        field.name, field.label, field.help, kind, BOTPRESS, field.default, for_others=False
    )


_SESSIONS = (
    Item(
        "assignmentTimeout",
        "Assignment timeout",
        "Seconds after which a session ends if no agent has taken it; begins anew when it goes "
        "back to a queue. 0: never.",
        Seconds(),
        SESSIONS,
        "never",
    ),
    Item(
        "idleTimeout",
        "Idle timeout",
        "Seconds after which a session ends if nobody has written. 0: never.",
        Seconds(),
        SESSIONS,
        "never; for Botpress a day",
    ),
    Item(
        "closeCommands",
        "Close commands",
        "What the customer can type to end the session, as a whole message; capitals and blanks "
        "around it don't matter. Not passed on to the agent.",
        Commands(),
        SESSIONS,
        "/end",
    ),
    Item(
        "reopen",
        "Agent writes or reopens after the end",
        "note: the agent is told that the session is over. newSession: the bot gets a new session "
        "on the same ticket, whose events carry reopenedFrom.",
        OneOf(of=(("note", "Tell the agent"), ("newSession", "New session"))),
        SESSIONS,
        "note",
        for_botpress=False,
    ),
    Item(
        "locale",
        "Language",
        "The customer's language, for the texts: de, pt-BR. A bot gives it per session.",
        Locale(),
        SESSIONS,
        "en",
    ),
)
_TEXTS = (
    Item(
        f"texts.{ALL_TEXTS}",
        "All texts",
        "What holds for each text that is not set itself: on (the bridge's own words, in English, "
        "German or Spanish) or off. Keep it off if the bot has texts of its own.",
        Switch(),
        TEXTS,
        "off",
    ),
    _text(Text.STARTED, "Handoff started", "As soon as the bot has handed over."),
    _text(Text.QUEUED, "Queued", "Once the ticket waits for an agent."),
    _text(Text.JOINED, "Agent joined", "When the first agent takes it."),
    _text(Text.CHANGED, "Agent changed", "When another agent takes over.", for_botpress=True),
    _text(Text.ENDED, "Session ended", "Just before the bot has the customer back."),
    _text(
        Text.NO_AGENT, "No agent",
        "When nobody took it in time or the ticket could not be opened; in place of “Queued” "
        "outside business hours and while the help desk is offline.",
    ),
    _text(
        Text.UNDELIVERABLE, "Message not delivered",
        "When the help desk could not be given a message of the customer's.", for_botpress=True,
    ),
)  # fmt: skip
_HOURS = (
    Item(
        "availability",
        "Available when",
        "What decides whether agents are there: the help desk's own status, the business hours, "
        "or both; what is not known (no hours, a help desk that does not tell) does not count.",
        OneOf(
            of=(("both", "Both say so"), ("helpDesk", "The help desk says so"),
                ("hours", "Business hours say so"))
        ),
        HOURS,
        "both",
    ),
    Item(
        "whenUnavailable",
        "Handoff while unavailable",
        "accept: the ticket is opened and waits. refuse: startHitl answers 409 with the time of "
        "the next opening.",
        OneOf(of=(("accept", "Accept"), ("refuse", "Refuse"))),
        HOURS,
        "accept",
    ),
    Item(
        "businessHours.timeZone",
        "Time zone",
        "Of the hours and holidays: Europe/Berlin.",
        Zone(),
        HOURS,
        "UTC",
    ),
    *(
        Item(
            f"businessHours.{day}",
            day.capitalize(),
            "Hours: 09:00-12:30, 13:30-17:00. One that goes over midnight (22:00-02:00) belongs "
            "to the day on which it begins." if day == DAYS[0] else "Likewise.",
            Spans(),
            HOURS,
            "closed, if another day has hours",
        )
        for day in DAYS
    ),
    Item(
        "businessHours.holidays",
        "Holidays",
        "Closed on: 2026-12-24, 2026-12-24/2027-01-01 (both included), 12-25 (each year). "
        "Without any day's hours it is open round the clock but for these.",
        Holidays(),
        HOURS,
        "none",
    ),
)  # fmt: skip

ITEMS: tuple[Item, ...] = (
    *_SESSIONS, *_TEXTS, *_HOURS, *(_botpress(field) for field in botpress.OPTIONS),
)  # fmt: skip
BY_NAME = {item.name: item for item in ITEMS}
