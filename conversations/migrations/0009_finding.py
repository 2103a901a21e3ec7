"""Indexes for people who look for a conversation by whatever they know of it."""

from django.db import migrations, models
from django.db.models import Q

from hitl_bridge.online import AddIndexOnline, part_index, word_index


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("conversations", "0008_retention"),
    ]

    operations = [
        AddIndexOnline(
            "conversation",
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["opening", "queued"]),
                name="conversation_waiting",
            ),
        ),
        AddIndexOnline(
            "conversation",
            models.Index(
                fields=["remote_id"], condition=~Q(remote_id=""), name="conversation_find_ticket"
            ),
        ),
        AddIndexOnline(
            "conversation",
            models.Index(
                fields=["bot_conversation_id"],
                condition=~Q(bot_conversation_id=""),
                name="conversation_find_bots_id",
            ),
        ),
        AddIndexOnline(
            "conversationtag", models.Index(fields=["value"], name="conversation_tag_value")
        ),
        AddIndexOnline("usertag", models.Index(fields=["value"], name="user_tag_value")),
        AddIndexOnline("user", models.Index(fields=["external_id"], name="user_by_external_id")),
        word_index(
            "message_words", "conversations_message", "to_tsvector('simple'::regconfig, payload)"
        ),
        part_index(
            "user_parts", "conversations_user", "upper(name || ' ' || email || ' ' || phone)"
        ),
    ]
