"""Outgoing webhooks: written as rows with the change that they report, sent by a thread."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import requests
from django.db.models import Min
from django.utils import timezone

from sandbox import faults, vendors
from sandbox.background import Job, Runner
from sandbox.models import Account, FaultRule, OutgoingWebhook
from sandbox.vendors.base import SignedRequest

BATCH = 16
sender = Runner("webhooks")


def enqueue(account: Account, lane: str, topic: str, payload: dict[str, Any]) -> None:
    """Store a webhook to be sent; call inside the transaction of the change."""
    if not vendors.of(account).address(account, topic, payload):
        return
    rule = faults.for_webhook(account, topic)
    for copy in range(2 if rule and rule.kind == "webhook_doubled" else 1):
        row = OutgoingWebhook(
            account=account,
            # A copy travels by itself, so that both may arrive at the same moment.
            lane=f"{account.pk}:{lane}" + (f":copy{copy}" if copy else ""),
            topic=topic,
            payload=payload,
            next_attempt_at=timezone.now(),
        )
        if rule:
            _apply(rule, row)
        row.save()
    sender.wake()


def _apply(rule: FaultRule, row: OutgoingWebhook) -> None:
    """Lose, delay or shuffle a webhook that a rule struck."""
    if rule.kind == "webhook_lost":
        row.state, row.error = OutgoingWebhook.LOST, "lost by a fault rule"
    elif rule.kind == "webhook_delayed":
        row.next_attempt_at += timedelta(seconds=rule.seconds)
        row.lane += ":late"
    elif rule.kind == "webhook_shuffled":
        wait = random.Random(f"{rule.seed}:{rule.seen}").random() * (rule.seconds or 2)
        row.next_attempt_at += timedelta(seconds=wait)
        row.lane += f":shuffled{rule.seen}"


def due(busy: frozenset[str]) -> Iterator[Job]:
    """The oldest due webhook of every lane that is not being worked on."""
    firsts = (
        OutgoingWebhook.objects.filter(
            state=OutgoingWebhook.DUE, next_attempt_at__lte=timezone.now()
        )
        .exclude(lane__in=busy)
        .values("lane")
        .annotate(first=Min("id"))
        .order_by("first")[:BATCH]
    )
    for first in firsts:
        yield Job(first["lane"], partial(send, first["first"]))


def send(pk: int) -> None:
    """Make one attempt. It is counted afterwards: a crash on the way costs no attempt."""
    row = OutgoingWebhook.objects.select_related("account").get(pk=pk)
    account = row.account
    vendor = vendors.of(account)
    row.first_sent_at = row.first_sent_at or timezone.now()
    row.save(update_fields=["first_sent_at"])
    signed = vendor.sign(row)
    row.body, row.headers = signed.body.decode(), signed.headers
    url = vendor.address(account, row.topic, row.payload)
    row.status, row.error = _post(account, url, signed, vendor.webhook_timeout)
    row.attempts += 1
    delays = account.setting("retry_delays", vendor.retry_delays)
    if row.status in vendor.good_statuses:
        row.state = OutgoingWebhook.DELIVERED
    elif row.status in vendor.disabling_statuses:
        row.state = OutgoingWebhook.LOST
        disable(account, f"The receiver answered {row.status}")
    elif row.attempts > len(delays):
        row.state = OutgoingWebhook.LOST
    else:
        row.next_attempt_at = timezone.now() + timedelta(seconds=delays[row.attempts - 1])
    row.save()


def _post(
    account: Account, url: str, signed: SignedRequest, timeout: float
) -> tuple[int | None, str]:
    """The status of the answer, or None and what went wrong."""
    try:
        answer = _call(
            "POST",
            url,
            data=signed.body,
            headers=signed.headers,
            timeout=account.setting("webhook_timeout", timeout),
        )
    except requests.RequestException as error:
        return None, type(error).__name__
    return answer.status_code, ""


def _call(method: str, url: str, **options: Any) -> requests.Response:
    """A request past any proxy that the shell names: the receiver is on this machine."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, allow_redirects=False, **options)


def knock(method: str, url: str) -> tuple[int | None, str]:
    """The status that an address answers with; or None, and what went wrong."""
    try:
        return _call(method, url, timeout=5).status_code, ""
    except requests.RequestException as error:
        return None, type(error).__name__


def disable(account: Account, why: str) -> None:
    """Send this account's webhooks no more, until an address is saved again."""
    account.webhook_state, account.webhook_note = "disabled", why
    account.save(update_fields=["webhook_state", "webhook_note"])


def save_url(account: Account, url: str) -> None:
    """Set the address, and knock there the way the vendor does. A refusal is noted, not fatal."""
    account.webhook_url, account.webhook_state, account.webhook_note = url, "active", ""
    method = vendors.of(account).knock
    if url and method:
        status, error = knock(method, url)
        account.webhook_note = f"{method} " + (
            f"answered {status}" if status else f"failed: {error}"
        )
    account.save(update_fields=["webhook_url", "webhook_state", "webhook_note"])
