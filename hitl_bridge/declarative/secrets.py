"""Values that stand elsewhere than in the file, so that the file can be shown to anyone."""

from __future__ import annotations

import os
from pathlib import Path

MAX_BYTES = 64 * 1024


class SecretMissing(Exception):
    """What `env:` or `file:` names is not there; the text says what, never what it holds."""


def resolve(text: str, folder: Path) -> str:
    """What `env:NAME` or `file:PATH` (seen from `folder`) leads to; any other text as it is."""
    kind, _, name = text.partition(":")
    if kind == "env":
        return _from_environment(name)
    if kind == "file":
        return _from_file(name, folder)
    return text


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise SecretMissing(f"The environment variable {name} is not set.")
    return value


def _from_file(name: str, folder: Path) -> str:
    try:
        with (folder / name).open(encoding="utf-8") as file:
            value = file.read(MAX_BYTES).strip()
    except OSError as error:
        raise SecretMissing(f"The file {name} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SecretMissing(f"The file {name} is not UTF-8 text.") from None
    if not value:
        raise SecretMissing(f"The file {name} is empty.")
    return value
