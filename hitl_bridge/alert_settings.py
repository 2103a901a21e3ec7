"""Where a tenant wants to be told, checked: the same sentences in the admin and in YAML."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

MOST_ADDRESSES = 20
LONGEST = 1000  # characters of all addresses: the column's


def emails_problem(addresses: list[str]) -> str:
    """What is wrong with these e-mail addresses, as a sentence; empty if nothing is."""
    if len(addresses) > MOST_ADDRESSES or len(", ".join(addresses)) > LONGEST:
        return f"Give {MOST_ADDRESSES} addresses or fewer; a distribution list reaches more people."
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            return f"{address!r} is no e-mail address."
    return ""
