"""Secrets at rest: fields that are encrypted in the database.

Keys come from ENCRYPTION_KEYS, never from SECRET_KEY: the first encrypts, all decrypt, so keys
rotate by putting a new one in front and running `manage.py rekey`. A wrong key raises; what
can't be decrypted is never handed on as if it were the secret.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
    _JSONField = models.TextField[Any, Any]
else:
    _TextField = _JSONField = models.TextField  # not generic at run time


class DecryptionError(Exception):
    """A stored secret can't be read with any of ENCRYPTION_KEYS."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("ENCRYPTION_KEYS is empty: set at least one Fernet key.")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ImproperlyConfigured("ENCRYPTION_KEYS holds a value that is no Fernet key.") from None


def _current() -> MultiFernet:
    return _fernet(tuple(settings.ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    """The ciphertext; an empty text stays empty."""
    return _current().encrypt(text.encode()).decode() if text else ""


def decrypt(ciphertext: str) -> str:
    """The text. Raises DecryptionError if no key fits."""
    if not ciphertext:
        return ""
    try:
        return _current().decrypt(ciphertext.encode()).decode()
    except InvalidToken:
        raise DecryptionError(
            "A stored secret can't be decrypted: is the key that encrypted it in ENCRYPTION_KEYS?"
        ) from None


def rotate(ciphertext: str) -> str:
    """The same secret under the first key. Raises DecryptionError if no key fits."""
    return encrypt(decrypt(ciphertext))


def is_current(ciphertext: str) -> bool:
    """Whether the first key encrypted it."""
    try:
        _fernet(tuple(settings.ENCRYPTION_KEYS[:1])).decrypt(ciphertext.encode())
    except InvalidToken:
        return False
    return True


class EncryptedTextField(_TextField):
    """A string that the database holds encrypted."""

    description = "Encrypted text"

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return None if value is None else decrypt(value)

    def get_prep_value(self, value: Any) -> str | None:
        prepared = super().get_prep_value(value)
        return None if prepared is None else encrypt(prepared)


class EncryptedJSONField(_JSONField):
    """A JSON value that the database holds encrypted; {} where nothing is stored."""

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    description = "Encrypted JSON"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", dict)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return json.loads(decrypt(value)) if value else {}

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        return encrypt(json.dumps(value, separators=(",", ":"))) if value else ""
