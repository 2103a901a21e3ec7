"""The events feed of a bot: a cursor that never skips.

Row numbers are dealt out before a transaction commits, so a reader that went by them could pass
one that appears a moment later. Positions are dealt out here instead, to committed events only,
under the bot's lock, by whoever reads the feed; bots that don't read it never pay for it.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from conversations.models import Event
from hitl_bridge.models import Bot

PAGE = 100


def read(bot: Bot, after: int, limit: int = PAGE) -> tuple[list[Event], int]:
    """(events after the cursor, the next cursor); an empty page returns the same cursor."""
    number(bot)
    events = list(Event.objects.filter(bot=bot, position__gt=after).order_by("position")[:limit])
    return events, (events[-1].position or after) if events else after


def number(bot: Bot) -> int:
    """Deal out positions to the events that have none; returns how many got one."""
    if not Event.objects.filter(bot=bot, position=None).exists():
        return 0
    with transaction.atomic():
        Bot.objects.select_for_update().get(pk=bot.pk)
        fresh = list(Event.objects.filter(bot=bot, position=None).order_by("pk_number")[:1000])
        last = Event.objects.filter(bot=bot).aggregate(last=Max("position"))["last"] or 0
        for position, event in enumerate(fresh, start=last + 1):
            event.position = position
        Event.objects.bulk_update(fresh, ["position"])
    return len(fresh)
