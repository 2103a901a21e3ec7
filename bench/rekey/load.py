"""Rows to encrypt anew, and what goes on meanwhile: messages to help desks, tokens refreshed."""

from __future__ import annotations

import threading
import time

from django.db import connection, transaction
from django.utils import timezone

import providers
from conversations.engine import lanes, worker
from conversations.flows.messages import NewMessage, send_message
from conversations.models import Delivery, DeliveryState, Receipt
from hitl_bridge import rekeying
from hitl_bridge.models import Installation, OAuthToken
from hitl_bridge.tokens import store_grant
from providers.base import TokenGrant
from tests import factories, fake_desk

CHUNK = 5000
PAUSE = 0.02  # seconds between two messages


def fill(rows: int, desks: int) -> list[Installation]:
    """So many receipts, and installations with tokens and an open session each."""
    providers.PROVIDERS = fake_desk.registry(providers.PROVIDERS)
    made = []
    for _ in range(desks):
        bot = factories.bot(connector="feed", callback_url="")
        desk = factories.installation(bot, provider="fake", credentials={"client_secret": "x" * 40})
        store_grant(desk, TokenGrant("a0", refresh_token="r0", expires_in=60))  # noqa: S106 - made up
        with transaction.atomic():
            factories.conversation(desk)
        made.append(desk)
    now = timezone.now()
    for start in range(0, rows, CHUNK):
        Receipt.objects.bulk_create(
            Receipt(
                installation=made[number % desks], key=f"k{number}", received_at=now,
                body=f'{{"number": {number}, "text": "{"hello " * 20}"}}', state="applied",
            )
            for number in range(start, min(start + CHUNK, rows))
        )  # fmt: skip
    return made


class Load:
    """Sends and refreshes until it is stopped."""

    def __init__(self, desks: list[Installation]) -> None:
        self.sent = self.failed = self.refreshed = 0
        self._desks, self._stop = desks, threading.Event()
        self._last: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._send, self._refresh)
        ]

    def start(self) -> None:
        """Begin."""
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        """End, with everything sent that was accepted."""
        self._stop.set()
        for one in self._threads:
            one.join(60)
        _work()
        done = Delivery.objects.filter(kind="message")
        self.sent = done.filter(state=DeliveryState.DONE).count()
        self.failed += done.exclude(state=DeliveryState.DONE).count()

    def undone(self) -> int:
        """Tokens that are not what was stored last."""
        stored = dict(OAuthToken.objects.values_list("installation_id", "refresh_token"))
        return sum(stored[desk] != token for desk, token in self._last.items())

    def _send(self) -> None:
        number = 0
        while not self._stop.is_set():
            desk = self._desks[number % len(self._desks)]
            number += 1
            session = desk.conversations.select_related("bot").get()
            said = NewMessage("text", {"text": f"message {number}"}, user_id=session.user_id)
            try:
                send_message(session.bot, session.pk, said)
                _work()
            except Exception as error:  # noqa: BLE001 - any is a failed send
                print(f"failed: {error!r}")
                self.failed += 1
            time.sleep(PAUSE)
        connection.close()

    def _refresh(self) -> None:
        while not self._stop.is_set():
            desk = self._desks[self.refreshed % len(self._desks)]
            self.refreshed += 1
            token = f"r{self.refreshed}"
            store_grant(desk, TokenGrant(f"a{self.refreshed}", refresh_token=token, expires_in=60))
            self._last[desk.pk] = token
            time.sleep(PAUSE)
        connection.close()


def _work() -> None:
    for lane in lanes.due(limit=100):
        worker.run_lane(lane)


def unreadable() -> int:
    """Values that the present keys don't read, in every table."""
    found = 0
    for model, columns in rekeying.tables():
        *_, last = rekeying.rekey(model, columns, write=False)
        found += last.outdated
    return found
