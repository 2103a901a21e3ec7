"""What an option may hold: how it is checked, read from what a person typed, and shown again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hitl_bridge.changes import address_problem

LONGEST_TIMEOUT = 30 * 24 * 3600  # seconds
LONGEST_TEXT = 500  # characters
LONGEST_COMMAND = 40
MOST = 100  # entries of a list, locales of a text
DEFAULT_LOCALE = "default"  # of a text: for whoever has no locale of their own in it
SPACE = " \t\r\n"  # as the patterns of the API's description have it
ON, OFF = ("on", "true", "yes"), ("off", "false", "no")

_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_OF_LOCALE = re.compile(r"^\[([A-Za-z0-9_-]+)\]", re.MULTILINE)
PLACEHOLDERS = ("agent",)


class WrongValueError(ValueError):
    """The value can't be taken; the message is a sentence for whoever gave it."""


@dataclass(frozen=True)
class Kind:
    """A text. Other kinds of options replace what differs."""

    longest: int = LONGEST_TEXT

    several_lines: ClassVar[bool] = False

    @property
    def schema(self) -> dict[str, Any]:
        """For the OpenAPI file."""
        return {"type": "string", "maxLength": self.longest}

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """(value, label) where only these are possible."""
        return ()

    def check(self, value: Any) -> Any:
        """The JSON value as it is stored. Raises WrongValueError."""
        if not isinstance(value, str):
            raise WrongValueError("This must be a string.")
        if len(value) > self.longest:
            raise WrongValueError(f"At most {self.longest} characters.")
        return value

    def read(self, text: str) -> Any:
        """Likewise of what a person typed; never of the empty text."""
        return self.check(text)

    def show(self, value: Any) -> str:
        """What a person would type for a stored value."""
        return str(value)


class Seconds(Kind):
    """A whole number of seconds; 0 switches off."""

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": 0, "maximum": LONGEST_TIMEOUT}

    def check(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # in JSON 60.0 is a whole number
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise WrongValueError("This must be a whole number of seconds; 0 switches it off.")
        if value > LONGEST_TIMEOUT:
            raise WrongValueError(f"At most {LONGEST_TIMEOUT} seconds.")
        return value

    def read(self, text: str) -> int:
        return self.check(int(text) if text.isascii() and text.isdigit() else text)


class Address(Kind):
    """A web address."""

    def check(self, value: Any) -> Any:
        problem = address_problem(super().check(value))
        if problem:
            raise WrongValueError(problem)
        return value


@dataclass(frozen=True)
class OneOf(Kind):
    """One of some values; people may enter the label instead."""

    of: tuple[tuple[str, str], ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [value for value, _label in self.of if value]}

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        return self.of

    def check(self, value: Any) -> Any:
        values = [name for name, _label in self.of]
        if value not in values:
            raise WrongValueError(f"This must be one of {', '.join(filter(None, values))}.")
        return value

    def read(self, text: str) -> Any:
        wanted = text.lower()
        for value, label in self.of:
            if wanted in (value.lower(), label.lower()):
                return value
        labels = ", ".join(value or label.lower() for value, label in self.of)
        raise WrongValueError(f"This must be one of: {labels}.")


class Switch(Kind):
    """On or off."""

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        return (("on", "On"), ("off", "Off"))

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise WrongValueError("This must be true or false.")
        return value

    def read(self, text: str) -> bool:
        word = text.lower()
        if word not in (*ON, *OFF):
            raise WrongValueError("This must be on or off.")
        return word in ON

    def show(self, value: Any) -> str:
        return "on" if value else "off"


class Locale(Kind):
    """A language, perhaps with a country: de, pt-BR."""

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_LOCALE.pattern}$", "example": "pt-BR"}

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not _LOCALE.fullmatch(value):
            raise WrongValueError("This must be a language such as de or pt-BR.")
        return value.replace("_", "-")


class Commands(Kind):
    """Words that the customer can type; an empty list switches it off."""

    @property
    def schema(self) -> dict[str, Any]:
        word = {"type": "string", "pattern": r"[^ \t\r\n]", "maxLength": LONGEST_COMMAND}
        return {"type": "array", "maxItems": MOST, "items": word}

    def check(self, value: Any) -> list[str]:
        words = texts(value)
        for word in words:
            if not word.strip(SPACE) or len(word) > LONGEST_COMMAND:
                raise WrongValueError(f"A command has 1 to {LONGEST_COMMAND} characters.")
        return [word.strip(SPACE) for word in words]

    def read(self, text: str) -> list[str]:
        return [] if text.lower() in OFF else self.check(parts(text))

    def show(self, value: Any) -> str:
        return ", ".join(value) or "off"


class CustomerText(Kind):
    """A text that customers read: on or off, own words, or words by locale."""

    several_lines = True

    @property
    def schema(self) -> dict[str, Any]:
        words = {"type": "string", "pattern": r"[^ \t\r\n]", "maxLength": LONGEST_TEXT}
        names = {"pattern": f"^({DEFAULT_LOCALE}|{_LOCALE.pattern})$"}
        of_locale = {"oneOf": [{"type": "boolean", "const": False}, words]}
        by_locale = {"type": "object", "maxProperties": MOST, "minProperties": 1,
                     "propertyNames": names, "additionalProperties": of_locale}  # fmt: skip
        return {"oneOf": [{"type": "boolean"}, words, by_locale]}

    def check(self, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, Mapping):
            if not 0 < len(value) <= MOST:
                raise WrongValueError(f"This needs 1 to {MOST} locales.")
            return {_locale(name): self._words_or_off(words) for name, words in value.items()}
        return self._words(value)

    def read(self, text: str) -> Any:
        marks = list(_OF_LOCALE.finditer(text))
        if not marks:
            return self._typed(text)
        found: dict[str, Any] = {}
        before = text[: marks[0].start()].strip()
        if before:
            found[DEFAULT_LOCALE] = self._typed(before)
        for mark, following in zip(marks, [*marks[1:], None], strict=True):
            end = following.start() if following else len(text)
            found[mark[1]] = self._typed(text[mark.end() : end].strip())
        return self.check(found)

    def show(self, value: Any) -> str:
        if isinstance(value, Mapping):
            given = dict(value)
            first = [self.show(given.pop(DEFAULT_LOCALE))] if DEFAULT_LOCALE in given else []
            return "\n".join([*first, *(f"[{name}] {self.show(w)}" for name, w in given.items())])
        if isinstance(value, bool):
            return "on" if value else "off"
        return str(value)

    def _typed(self, text: str) -> Any:
        word = text.lower()
        return word in ON if word in (*ON, *OFF) else self._words(text)

    def _words_or_off(self, value: Any) -> Any:
        if value is True:
            raise WrongValueError("In a locale this must be words, or false to switch it off.")
        return False if value is False else self._words(value)

    def _words(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip(SPACE):
            raise WrongValueError("This must be true, false, words, or words by locale.")
        for name in _PLACEHOLDER.findall(value):
            if name not in PLACEHOLDERS:
                known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
                raise WrongValueError(f"There is no {{{name}}} here. Known are: {known}.")
        return str(super().check(value)).strip(SPACE)


def _locale(name: Any) -> str:
    return DEFAULT_LOCALE if name == DEFAULT_LOCALE else Locale().check(name)


def parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]


def texts(value: Any) -> list[str]:
    if not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise WrongValueError("This must be a list of strings.")
    if isinstance(value, str):
        raise WrongValueError("This must be a list of strings.")
    if len(value) > MOST:
        raise WrongValueError(f"At most {MOST} entries.")
    return list(value)
