"""The one rule of concurrency: a conversation changes only under its row's lock."""

from __future__ import annotations

import structlog
from django.db import transaction

from conversations.models import Conversation


def locked(conversation_id: str) -> Conversation:
    """The conversation, locked until the transaction ends.

    SQLite has no row locks; its transactions are IMMEDIATE, which locks all writers out.
    """
    assert transaction.get_connection().in_atomic_block, "locked() belongs in a transaction"
    found = (
        Conversation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("bot__tenant", "installation__app", "user", "agent")
        .get(pk=conversation_id)
    )
    # Whatever is logged from here on tells what it was about.
    structlog.contextvars.bind_contextvars(conversation_id=found.pk, tenant_id=found.tenant_id)
    return found
