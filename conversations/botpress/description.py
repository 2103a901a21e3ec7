"""The description's first line may say who the user is, since the integration drops their id.

The bot's builder writes it into the description, e.g.

    hitl: userId={{event.userId}} email={{user.email}} name="{{user.name}}" Wants a refund

Pairs in any order, `=` or `:`, quotes where a value has blanks; what follows the last pair is
text for the agent, and so are all further lines. Only the first line counts, since the user may
have a say in the rest.
"""

from __future__ import annotations

import re

from conversations.flows.botpress.people import Identity

_PREFIX = re.compile(r"(?:\[hitl\]\s*:?|hitl\s*:)\s*", re.IGNORECASE)
_PAIR = re.compile(
    r"""(?P<key>user_?id|e-?mail|name)\s*[=:]\s*
        (?:"(?P<quoted>[^"]*)"|(?P<plain>\{\{[^}]*\}\}|[^\s,;|]*))[\s,;|]*""",
    re.IGNORECASE | re.VERBOSE,
)
_USER_ID = re.compile(r"(?P<plain>user_[0-9A-HJKMNP-TV-Z]{26})(?![0-9A-Za-z])[\s,;|]*")
_EMAIL = re.compile(r"(?P<plain>[^\s@,;|=]+@[^\s@,;|=]+\.[^\s@,;|=]+)[\s,;|]*")
_EMPTY = {"undefined", "null", "none", "nan"}


def split(description: str) -> tuple[Identity, str]:
    """(who the first line says it is, the description without that)."""
    text = description.lstrip()
    first, _, rest = text.partition("\n")
    prefix = _PREFIX.match(first)
    at = prefix.end() if prefix else 0
    found: dict[str, str] = {}
    while match := _next(first, at, named=bool(prefix or found)):
        key, value, at = match
        found.setdefault(key, _known(value))
    if not found:
        return Identity(), description
    who = Identity.of(
        found.get("email", ""), found.get("name", ""), botpress_user_id=found.get("userid", "")
    )
    return who, "\n".join(filter(None, [first[at:].strip(), rest.strip()]))


def _next(line: str, at: int, *, named: bool) -> tuple[str, str, int] | None:
    """(key, value, where it ends) of the pair there, or of an id or an address alone."""
    pair = _PAIR.match(line, at)
    if pair:
        key = re.sub(r"[^a-z]", "", pair["key"].lower())
        value = pair["quoted"] if pair["quoted"] is not None else pair["plain"]
        return key, value, pair.end()
    if bare := _USER_ID.match(line, at):
        return "userid", bare["plain"], bare.end()
    # An address alone could be the beginning of what the user wrote.
    if named and (bare := _EMAIL.match(line, at)):
        return "email", bare["plain"], bare.end()
    return None


def _known(value: str) -> str:
    """Nothing where the builder's variable was empty or not filled in."""
    return "" if value.lower() in _EMPTY or value.startswith("{{") else value
