"""Access tokens under a stampede and under kill -9."""

from __future__ import annotations

import json
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import requests

from bench.chaos import world
from bench.chaos.bot import RecordingBot
from bench.chaos.evidence import query
from bench.chaos.plan import Plan
from bench.chaos.processes import ROOT, python
from bench.chaos.stack import Stack
from bench.reliability.table import Report
from bench.reliability.waiting import until

SENDS = 50
HEALED = 60.0  # seconds
TOKEN_PATH = r"(?<!customer/)token$"  # noqa: S105 - a pattern
DESKS = ("hubspot", "hubspot", "livechat", "zoho")
ROTATING = 1  # which of them changes the refresh token each time


@dataclass
class Talker:
    """A tenant's bot and its open sessions."""

    stack: Stack
    tenant: world.Tenant
    user: str = ""
    conversations: list[str] = field(default_factory=list)

    def call(self, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        """A call that must succeed."""
        answer = requests.post(
            f"{self.stack.web_url}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.tenant.key}", **headers},
            timeout=60,
        )
        if not answer.ok:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
        return cast(dict[str, Any], answer.json())

    def start(self, *, wait: bool = True) -> None:
        """One more session, for one more user: some help desks have one chat for each."""
        number = len(self.conversations)
        who = {"name": f"Ana {number}", "externalId": f"ana-{number}"}
        user = self.call("/actions/createUser", {**who, "email": f"ana{number}@example.com"})
        prefer = {"Prefer": "wait=30"} if wait else {}
        found = self.call("/actions/startHitl", {"userId": user["userId"]}, **prefer)
        if wait and found["status"] != "queued":
            raise RuntimeError(f"{self.tenant.slug}: {found}")
        self.conversations.append(found["conversationId"])

    def say(self, conversation: str, text: str) -> None:
        """Say something; returns once it is accepted."""
        path = f"/conversations/{conversation}/messages"
        self.call(path, {"type": "text", "payload": {"text": text}})

    def expire(self) -> None:
        """Let the access token have run out a minute ago."""
        query(
            self.stack,
            "update hitl_bridge_oauthtoken t set expires_at = now() - interval '1 minute'"  # noqa: S608
            " from hitl_bridge_installation i join hitl_bridge_tenant n on n.id = i.tenant_id"
            f" where i.id = t.installation_id and n.slug = '{self.tenant.slug}' returning 1",
        )

    def refreshes(self) -> int:
        """How often a token was asked for."""
        calls = self.tenant.account.requests()
        return sum(bool(re.search(TOKEN_PATH, call["path"])) for call in calls)

    def left(self) -> int:
        """Deliveries to the help desk that wait."""
        waiting = "d.finished_at is null and d.kind <> 'event'"
        return int(self._one("count(*)", "conversations_delivery d", waiting))

    def status(self) -> str:
        """The installation's."""
        return str(self._one("d.status", "hitl_bridge_installation d", "true"))

    def _one(self, what: str, table: str, where: str) -> Any:
        return query(
            self.stack,
            f"select {what} from {table} join hitl_bridge_tenant n on n.id = d.tenant_id"  # noqa: S608
            f" where n.slug = '{self.tenant.slug}' and {where}",
        )[0][0]


def run(stack: Stack, report: Report, seed: int) -> None:
    """A stampede on one installation, one on a thousand, and crashes at each help desk."""
    del seed
    plan = cast(Plan, SimpleNamespace(desks=DESKS, connectors=["callback"] * len(DESKS)))
    # What the bots are told is not looked at, nor waited for.
    nobody = cast(RecordingBot, SimpleNamespace(url="http://127.0.0.1:9/"))
    talkers = [Talker(stack, tenant) for tenant in world.build(stack, plan, nobody)]
    talkers[ROTATING].tenant.account.update(settings={"rotates": True})
    _thousand(stack, report)
    _stampede(talkers[0], report)
    for number, talker in enumerate(talkers):
        if not talker.conversations:
            talker.start()
        rotates = number == ROTATING
        _crash(talker, report, rotates=rotates)


def _stampede(talker: Talker, report: Report) -> None:
    for _ in range(SENDS):
        talker.start()
    until(lambda: not talker.left(), 60)
    talker.expire()
    before = talker.refreshes()
    with ThreadPoolExecutor(SENDS) as pool:
        list(pool.map(lambda c: talker.say(c, "all at once"), talker.conversations))
    until(lambda: not talker.left(), 120)
    asked, left = talker.refreshes() - before, talker.left()
    report.add(
        f"{SENDS} sends at once on an expired token",
        "one refresh, all delivered",
        f"{asked} refresh, {left} undelivered",
        met=(asked, left) == (1, 0),
    )


def _crash(talker: Talker, report: Report, *, rotates: bool) -> None:
    """kill -9 of all workers while the answer to a refresh is on its way."""
    stack, account = talker.stack, talker.tenant.account
    workers = [part for name, part in stack.parts.items() if name.startswith("worker")]
    account.fault("timeout_after_accept", method="POST", path=TOKEN_PATH, count=1, seconds=12)
    talker.expire()
    # What is said in an open chat may need no token of the account (LiveChat); a new one does.
    talker.start(wait=False)
    struck = until(lambda: account.faults()[0]["hits"], 30)
    time.sleep(1)
    for part in workers:
        part.kill()
    began = time.monotonic()
    for part in workers:
        part.start()
    wanted = "reconnect" if rotates else "delivered"

    def found() -> str:
        if talker.status() == "reconnect":
            return "reconnect"
        return "" if talker.left() else "delivered"

    came = until(found, HEALED * 2, 0.5) or "nothing"
    took = time.monotonic() - began
    account.heal()
    kind = f"{talker.tenant.provider}{', refresh tokens that change' if rotates else ''}"
    report.add(
        f"kill -9 between exchange and commit: {kind}",
        f"{wanted} within {HEALED:.0f} s",
        f"{came} after {took:.0f} s" if struck else "the refresh was never asked for",
        met=bool(struck) and came == wanted and took <= HEALED,
    )


def _thousand(stack: Stack, report: Report) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        python("-m", "bench.reliability.expiring"),
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    report.add(
        f"{found['installations']} installations whose tokens end in the same minute, "
        f"{found['callers']} callers each",
        "one refresh each, none rejected",
        f"{found['refreshes']} refreshes ({found['doubled']} doubled), "
        f"{found['rejected']} rejected",
        met=found["refreshes"] == found["installations"]
        and not found["doubled"]
        and not found["rejected"],
    )
