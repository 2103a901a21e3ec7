"""What the bridge itself says to customers, where an operator or a bot has switched it on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from hitl_bridge.options.kinds import DEFAULT_LOCALE

ALL = "all"  # the option for whatever is not named
FALLBACK = "en"


class Text(StrEnum):
    """The occasions."""

    STARTED = "handoffStarted"
    QUEUED = "queued"
    JOINED = "agentJoined"
    CHANGED = "agentChanged"
    ENDED = "sessionEnded"
    NO_AGENT = "noAgent"
    UNDELIVERABLE = "undeliverable"


# Plain and the same register everywhere: German and Spanish address the customer formally.
WORDS: dict[str, dict[str, str]] = {
    Text.STARTED: {
        "en": "I am connecting you with a member of our team.",
        "de": "Ich verbinde Sie mit unserem Team.",
        "es": "Le pongo en contacto con nuestro equipo.",
    },
    Text.QUEUED: {
        "en": "Thank you for waiting. Someone will be with you shortly.",
        "de": "Einen Moment bitte, gleich ist jemand für Sie da.",
        "es": "Un momento, por favor. Enseguida le atenderemos.",
    },
    Text.JOINED: {
        "en": "{agent} has joined the chat.",
        "de": "{agent} ist jetzt für Sie da.",
        "es": "{agent} se ha unido al chat.",
    },
    Text.CHANGED: {
        "en": "{agent} is taking over.",
        "de": "{agent} übernimmt jetzt.",
        "es": "{agent} le atenderá a partir de ahora.",
    },
    Text.ENDED: {
        "en": "The chat with our team has ended.",
        "de": "Der Chat mit unserem Team ist beendet.",
        "es": "El chat con nuestro equipo ha terminado.",
    },
    Text.NO_AGENT: {
        "en": "Sorry, no one from our team is available right now.",
        "de": "Leider ist gerade niemand aus unserem Team erreichbar.",
        "es": "Lo sentimos, en este momento no hay nadie disponible.",
    },
    Text.UNDELIVERABLE: {
        "en": "Your message could not be delivered.",
        "de": "Ihre Nachricht konnte nicht zugestellt werden.",
        "es": "No se ha podido entregar su mensaje.",
    },
}
NOBODY = {"en": "Our team", "de": "Unser Team", "es": "Nuestro equipo"}  # an agent without a name


def words(options: Mapping[str, Any], text: Text, agent: str = "") -> str:
    """What the customer reads on this occasion, in the session's locale; empty if nothing."""
    texts = options.get("texts") or {}
    given = texts.get(text, texts.get(ALL, False))
    locale = str(options.get("locale") or FALLBACK)
    if isinstance(given, Mapping):
        given = _of_locale(given, locale, True)
    if given is False:
        return ""
    shown = _of_locale(WORDS[text], locale, WORDS[text][FALLBACK]) if given is True else str(given)
    return shown.replace("{agent}", agent or _of_locale(NOBODY, locale, NOBODY[FALLBACK]))


def _of_locale(by_locale: Mapping[str, Any], locale: str, otherwise: Any) -> Any:
    """The value of exactly that locale, else of its language, else the default, else otherwise."""
    lower = {name.lower(): value for name, value in by_locale.items()}
    language = locale.lower().partition("-")[0]
    for name in (locale.lower(), language, DEFAULT_LOCALE):
        if name in lower:
            return lower[name]
    return otherwise
