"""The demo bot's HTTP client of the bridge."""

from __future__ import annotations

from typing import Any

import requests

from sandbox.environment import BRIDGE_API_KEY, BRIDGE_URL

TIMEOUT = (3, 15)  # seconds to connect, to read


class UnreachableError(Exception):
    """No answer, or one that says to try again."""


class RefusedError(Exception):
    """The bridge will never accept this call. The message is safe to show."""


# The same key is being worked on, or a state that may pass.
CONFLICT = 409
PERMANENT = frozenset({400, 401, 403, 404, 410, 413, 415, 422})


def post(path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
    """POST below /api/v1. Raises UnreachableError or RefusedError."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(
                f"{BRIDGE_URL}/api/v1{path}",
                json=body,
                headers={
                    "Authorization": f"Bearer {BRIDGE_API_KEY}",
                    "Idempotency-Key": key,
                },
                timeout=TIMEOUT,
            )
        except requests.RequestException as error:
            raise UnreachableError(type(error).__name__) from None
    if answer.ok:
        return dict(answer.json())
    if answer.status_code in PERMANENT:
        raise RefusedError(f"{answer.status_code} {_detail(answer)}".strip())
    raise UnreachableError(str(answer.status_code))


def _detail(answer: requests.Response) -> str:
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem.get("title") or "")[:150]
    except (ValueError, AttributeError):
        return ""
