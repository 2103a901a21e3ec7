from __future__ import annotations

from functools import partial
from typing import Any

from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from conversations.models.conversations import Conversation
from hitl_bridge.ids import MAX_LENGTH, new_id
from hitl_bridge.models import Tenant


def media_id() -> str:
    return new_id("media")


class MediaFile(models.Model):
    """A file of an agent's message, kept here because the help desk's link to it won't last.

    The row comes before the file, so every file that was ever written has a row that leads to
    it; where the row goes (with its conversation or tenant as well), the file goes too.
    """

    id = models.CharField(primary_key=True, max_length=MAX_LENGTH, default=media_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="media")
    message_key = models.CharField(max_length=250)  # effect_key of the message that shows it
    position = models.PositiveIntegerField()  # among that message's files, from 0
    name = models.CharField(max_length=150, blank=True)
    content_type = models.CharField(max_length=100, blank=True)  # by the contents
    size = models.PositiveBigIntegerField(null=True)  # bytes; null: not written yet
    file = models.FileField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "message_key", "position"], name="media_stored_once"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.id


@receiver(post_delete, sender=MediaFile)
def _delete_file(instance: MediaFile, using: str, **_: Any) -> None:
    # Not before the commit: a deletion that is rolled back must not have lost the file.
    transaction.on_commit(partial(instance.file.delete, save=False), using=using)
