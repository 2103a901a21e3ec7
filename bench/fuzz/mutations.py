"""Making webhooks worse: of the JSON's parts, and of its bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

ODD: list[Any] = [
    None, True, -1, 0, 2**63, 10**400, 1e308, "", " ", "0", "\x00", "\ud800", "\u202e", "é" * 300,
    "x" * 5000, "<b>", "%s", "../..", "http://[", "javascript:0", [], {}, [[]], [None], {"": None},
    {"id": {"id": {}}}, "1970-01-01T00:00:00Z", "0000-00-00", "9999-99-99T99:99:99Z", 253402300800,
    1e18, -1e18, ["a", 1, None, {}],
]  # fmt: skip

BYTES = [
    b"\x00", b"\xff\xfe", b" ", b'"', b"{", b"]", b"\xed\xa0\x80", b"NaN", b"9" * 5000,
]  # fmt: skip


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


def of_parts(rng: random.Random, body: bytes) -> bytes:
    """The body with one to four of its values replaced, removed, moved or doubled."""
    whole = json.loads(body)
    for _ in range(rng.randint(1, 4)):
        whole = _changed(rng, whole)
    return json.dumps(whole).encode()


def _changed(rng: random.Random, whole: Any) -> Any:
    places = list(_places(whole))
    if not places:
        return deepcopy(rng.choice(ODD))
    holder, name = rng.choice(places)
    what = rng.randrange(6)
    if what == 0:
        del holder[name]
    elif what == 1:
        other, theirs = rng.choice(places)
        # A copy, or it may hold itself.
        holder[name] = json.loads(json.dumps(other[theirs]))
    elif what == 2:
        holder[name] = [holder[name], holder[name]]
    elif what == 3:
        holder[name] = deep(rng.choice([3, 40, 70, 200]))
    else:
        holder[name] = deepcopy(rng.choice(ODD))  # or the next change is to ODD itself
    return whole


def _places(value: Any) -> Any:
    """Every (container, key) in there."""
    stack = [value]
    while stack:
        holder = stack.pop()
        if isinstance(holder, dict | list):
            names = holder if isinstance(holder, dict) else range(len(holder))
            for name in list(names):
                yield holder, name
                stack.append(holder[name])


def _flip(rng: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body))]


def _insert(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.choice(BYTES) + body[at:]


def _other(rng: random.Random, body: bytes) -> bytes:
    text = body.decode()
    whole = json.loads(body)
    return rng.choice(
        [
            b"", b"null", b"[]", b"{}", b'""', b"0", b"nonsense", b"a=b&c=d", b"[" * 5000,
            b'{"a":' * 60, text.encode("utf-16"), b"\xef\xbb\xbf" + body, body + body, body + b"\n",
            json.dumps([whole] * 30).encode(), json.dumps(whole, indent=3).encode(),
            json.dumps(whole, sort_keys=True).encode(), b" " * 200_000 + body,
            body[:-1] + b"," + body[1:],
        ]
    )  # fmt: skip


OF_BYTES: list[Callable[[random.Random, bytes], bytes]] = [_flip, _cut, _insert, _other]


def mutated(rng: random.Random, body: bytes) -> bytes:
    """The body made worse in one way or the other."""
    if rng.random() < 0.6:
        return of_parts(rng, body)
    return rng.choice(OF_BYTES)(rng, body)


def mutated_header(rng: random.Random, value: str) -> str:
    """A signature that is not quite that."""
    ways = [
        "", " ", value[:-1], value + "=", value.upper(), value.swapcase(), value[::-1], value * 2,
        value.partition("=")[2], "sha1=", "sha256=" + value, "\u00e9" + value[1:], "null",
        "A" * 8000,
        value.replace("a", "b"), f"{value},{value}", "0" * len(value),
    ]  # fmt: skip
    return rng.choice(ways)
