"""What the demo lets go wrong on a button, and the count that shows that nothing got lost."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

import requests

from sandbox import processes
from sandbox.environment import BRIDGE_URL, PIDS_FILE
from sandbox.models import Account, DemoCall, DemoChat, FaultRule, Part
from sandbox.web import BadRequestError, Json

OURS = 77001  # the seed that marks rules made here: those of tests and scripts stay
KINDS = {"down": "503", "unanswered": "timeout_after_accept", "webhooks": "webhook_lost"}
METHODS = {"unanswered": "POST"}
STALE = 2.0  # seconds


def state(chat: DemoChat, desk: str) -> Json:
    """`{troubles: {name: on}, bridge: up or down, customer, agent: {said, arrived, doubled}}`."""
    return {
        "troubles": _switched_on(_account(desk)),
        "bridge": "up" if _bridge_answers() else "down",
        "canKill": _bridge_pid() != 0,
        **_counts(chat),
    }


def switch(desk: str, what: str, on: bool) -> None:
    """Let a help desk fail in one way, or end that. BadRequestError for what there is not."""
    if what not in KINDS:
        raise BadRequestError(f"There is no trouble called {what}")
    account = _account(desk)
    rules = FaultRule.objects.filter(account=account, kind=KINDS[what], seed=OURS)
    if not on:
        rules.delete()
    elif not rules.exists():
        FaultRule.objects.create(
            account=account, kind=KINDS[what], method=METHODS.get(what, ""), seed=OURS, seconds=5
        )


def kill_the_bridge() -> None:
    """kill -9: web and worker at once, whatever they are at. `make run` starts it again."""
    pid = _bridge_pid()
    if not pid:
        raise BadRequestError("Only a bridge that make run has started can be killed from here")
    os.kill(pid, signal.SIGKILL)


def _account(desk: str) -> Account:
    found = (
        Account.objects.filter(settings__installation=desk)
        .exclude(settings__installation="")
        .first()
    )
    if found is None:
        raise BadRequestError("There is no such help desk")
    return found


def _switched_on(account: Account) -> dict[str, bool]:
    kinds = set(FaultRule.objects.filter(account=account, seed=OURS).values_list("kind", flat=True))
    return {name: kind in kinds for name, kind in KINDS.items()}


def _bridge_pid() -> int:
    """The bridge's process id as the supervisor noted it; 0 if nobody did, or it is gone."""
    try:
        _, (pid, born) = json.loads(Path(PIDS_FILE).read_text())
    except (OSError, ValueError, TypeError):
        return 0
    return int(pid) if born and processes.birth(pid) == born else 0


def _bridge_answers() -> bool:
    try:
        return requests.get(f"{BRIDGE_URL}/livez", timeout=STALE).ok
    except requests.RequestException:
        return False


def _counts(chat: DemoChat) -> Json:
    """Texts only: what was said while a human was asked for, and what stands at the other end."""
    owed = DemoCall.objects.filter(chat=chat, action="message").values_list("payload", flat=True)
    typed = Counter(_plain(call["payload"].get("text", "")) for call in owed)
    parts = Part.objects.filter(ticket__contact__email=chat.email).exclude(type=Part.Type.NOTE)
    at_desk = Counter(
        _plain(text) for text in parts.filter(author_kind="contact").values_list("text", flat=True)
    )
    answered = Counter(
        _plain(text) for text in parts.filter(author_kind="agent").values_list("text", flat=True)
    )
    shown = Counter(
        _plain(message.payload.get("text") or message.payload.get("markdown") or "")
        for message in chat.messages.filter(author="agent")
    )
    return {"customer": _compared(typed, at_desk), "agent": _compared(answered, shown)}


def _compared(said: Counter[str], there: Counter[str]) -> Json:
    said.pop("", None)
    return {
        "said": said.total(),
        "arrived": sum(min(count, there[text]) for text, count in said.items()),
        "doubled": sum(max(0, there[text] - count) for text, count in said.items()),
    }


def _plain(text: str) -> str:
    """Letters and digits alone: help desks wrap and mark up the rest in ways of their own."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
