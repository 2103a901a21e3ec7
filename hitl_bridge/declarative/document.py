"""Reading a declaration: YAML of which every value knows its line.

What is wrong is collected, so that an operator mends a file once and not line by line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hitl_bridge.declarative.secrets import SecretMissing, resolve

_NULL, _BOOL = (f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the file."""

    line: int  # from 1
    key: str  # as it stands in the file, with the section it is in: credentials.access_token
    message: str


class DeclarationError(Exception):
    """The file can't be applied; nothing of it has been."""

    def __init__(self, file: str, faults: Sequence[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: fault.line)
        lines = []
        for fault in self.faults:
            where = ", ".join(filter(None, [file, f"line {fault.line}", fault.key]))
            lines.append(f"{where}: {fault.message}")
        super().__init__("\n".join(lines))


@dataclass
class Document:
    """One file while it is read and applied; `faults` grows."""

    path: Path
    faults: list[Fault] = field(default_factory=list)

    def load(self, known: Iterable[str]) -> Section:
        """The file's top. Raises DeclarationError if it is no readable YAML mapping."""
        try:
            node = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            self.stop(1, f"The file can't be read: {error.strerror}.")
        except UnicodeDecodeError:
            self.stop(1, "The file is not UTF-8 text.")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.stop(mark.line + 1 if mark else 1, f"This is not YAML: {error.problem}.")
        except yaml.YAMLError:
            self.stop(1, "This is not YAML.")
        if node is None:
            self.stop(1, "The file is empty.")
        return Section(self, node, "", known)

    def stop(self, line: int, message: str) -> NoReturn:
        """Give up at once."""
        raise DeclarationError(self.path.name, [Fault(line, "", message)])

    def raise_faults(self) -> None:
        """Raise DeclarationError if anything is wrong."""
        if self.faults:
            raise DeclarationError(self.path.name, self.faults)


class Section:
    """A mapping of the file. What a key should hold and does not is noted as a fault."""

    def __init__(
        self, document: Document, node: Node, name: str, known: Iterable[str] | None
    ) -> None:
        self.document = document
        self.name = name
        self.line = node.start_mark.line + 1
        self._nodes: dict[str, Node] = {}
        self._lines: dict[str, int] = {}
        if not isinstance(node, MappingNode):
            self.fault("", "Here belong keys with values.")
            return
        for key, value in node.value:
            self._take(key, value, None if known is None else list(known))

    def _take(self, key: Node, value: Node, known: list[str] | None) -> None:
        text, line = str(key.value), key.start_mark.line + 1
        first = self._lines.setdefault(text, line)
        if first != line or text in self._nodes:
            self._note(line, text, f"This key stands in line {first} already.")
        elif known is not None and text not in known:
            self._note(line, text, f"There is no such key.{_suggest(text, known)}")
        else:
            self._nodes[text] = value

    def _note(self, line: int, key: str, message: str) -> None:
        full = ".".join(filter(None, [self.name, key]))
        self.document.faults.append(Fault(line, full, message))

    def fault(self, key: str, message: str) -> None:
        """Something is wrong with the value of `key`, or with its absence."""
        self._note(self._lines.get(key, self.line), key, message)

    def __contains__(self, key: str) -> bool:
        return key in self._nodes

    def keys(self) -> list[str]:
        """The keys that stand here, unknown ones left out."""
        return list(self._nodes)

    def text(self, key: str) -> str | None:
        """The value as it is written, so that 0123 stays 0123; "" for null, None if absent."""
        node = self._nodes.get(key)
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            self.fault(key, "Here belongs a text.")
            return None
        return "" if node.tag == _NULL else str(node.value).strip()

    def written(self, key: str) -> str:
        """The value letter by letter, also one that YAML reads as null."""
        node = self._nodes.get(key)
        return str(node.value) if isinstance(node, ScalarNode) else ""

    def required(self, key: str) -> str:
        """A text that must be there."""
        text = self.text(key)
        if not text:
            self.fault(key, f"{key} is missing.")
        return text or ""

    def value(self, key: str) -> str | None:
        """A text, or what `env:NAME` or `file:PATH` leads to."""
        text = self.text(key)
        try:
            return text and resolve(text, self.document.path.parent)
        except SecretMissing as missing:
            self.fault(key, str(missing))
            return None

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        """One of the given texts."""
        text = self.text(key)
        if text is not None and text not in choices:
            self.fault(key, f"This must be one of {', '.join(choices)}.")
            return None
        return text

    def boolean(self, key: str) -> bool | None:
        """true or false."""
        node = self._nodes.get(key)
        if node is None:
            return None
        if node.tag != _BOOL:
            self.fault(key, "This must be true or false.")
            return None
        return str(node.value).lower() in ("true", "yes", "on")

    def time(self, key: str) -> datetime | None:
        """A date or a time, in UTC where no zone is given."""
        text = self.text(key)
        if not text:
            return None
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            self.fault(key, "This must be a time such as 2027-01-31T12:00:00Z.")
            return None
        return time if time.tzinfo else time.replace(tzinfo=UTC)

    def texts(self, key: str) -> list[str] | None:
        """A list of texts."""
        node = self._nodes.get(key)
        if node is None:
            return None
        if not isinstance(node, SequenceNode):
            self.fault(key, "Here belongs a list.")
            return None
        return [str(item.value) for item in node.value]

    def several(self, key: str) -> list[str] | dict[str, str | bool] | None:
        """A list of texts, or a mapping of texts and of true and false; None: neither of them."""
        node = self._nodes.get(key)
        if isinstance(node, SequenceNode):
            return self.texts(key)
        if isinstance(node, MappingNode):
            inner = Section(self.document, node, f"{self.name}.{key}", None)
            by_name = {name: inner.text(name) or "" for name in inner.keys()}  # noqa: SIM118
            bools = {name: inner.boolean(name) for name in by_name if inner.is_boolean(name)}
            return {**by_name, **{name: bool(one) for name, one in bools.items()}}
        return None

    def is_boolean(self, key: str) -> bool:
        """Whether the value reads as true or false."""
        node = self._nodes.get(key)
        return node is not None and node.tag == _BOOL

    def section(self, key: str, known: Iterable[str] | None) -> Section | None:
        """A mapping in this one; None if absent or null."""
        node = self._nodes.get(key)
        if node is None or node.tag == _NULL:
            return None
        return Section(self.document, node, key, known)

    def sections(self, key: str, known: Iterable[str]) -> list[Section]:
        """A list of mappings; empty if absent or null."""
        node = self._nodes.get(key)
        if node is None or node.tag == _NULL:
            return []
        if not isinstance(node, SequenceNode):
            self.fault(key, "Here belongs a list.")
            return []
        return [Section(self.document, item, key, known) for item in node.value]


def _suggest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f" Did you mean {close[0]}?"
    return f" Known are: {', '.join(known)}." if known else ""
