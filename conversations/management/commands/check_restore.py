"""`manage.py check_restore`: whether a restored database can be worked with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models

from conversations.models import OPEN_STATUSES, UNFINISHED, Conversation, Delivery, DeliveryState
from hitl_bridge.encryption import DecryptionError, EncryptedJSONField, EncryptedTextField


class Command(BaseCommand):
    """Reads all stored secrets, and changes nothing."""

    help = "Say whether every stored secret can be read, and what is open and waits."

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = 0
        for model, column in _encrypted():
            total, bad = _read(model, column)
            unreadable += bad
            name = f"{model._meta.label_lower}.{column}"
            self.stdout.write(f"{name}: {total - bad} of {total} can be read")
        states = [*UNFINISHED, DeliveryState.DEAD]
        waiting = Delivery.objects.filter(state__in=states).count()
        open_ = Conversation.objects.filter(status__in=OPEN_STATUSES).count()
        self.stdout.write(f"{open_} sessions are open, {waiting} deliveries are not done")
        if unreadable:
            raise CommandError(
                f"{unreadable} secrets can't be read: put the keys that the database was used with "
                "into ENCRYPTION_KEYS (any place in the list will do)."
            )


def _encrypted() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField | EncryptedJSONField):
                yield model, field.name


def _read(model: type[models.Model], column: str) -> tuple[int, int]:
    """(how many rows hold a secret, how many of them can't be read)"""
    keys = model._default_manager.exclude(**{column: ""}).values_list("pk", flat=True)
    total = bad = 0
    for pk in keys.iterator(chunk_size=500):
        total += 1
        try:
            model._default_manager.values_list(column, flat=True).get(pk=pk)
        except DecryptionError:
            bad += 1
    return total, bad
