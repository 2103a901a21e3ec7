"""The events feed of a bot: a cursor that never skips.

Row numbers are dealt out before a transaction commits, so a reader that went by them could pass
one that appears a moment later. Positions are dealt out here instead, to committed events only,
under the bot's lock, by whoever reads the feed; bots that don't read it never pay for it.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Subquery

from conversations.models import Event
from hitl_bridge.models import Bot

PAGE = 100
NOT_NUMBERED_YET = 2**63  # a position beyond every cursor


def read(bot: Bot, after: int, limit: int = PAGE) -> tuple[list[Event], int]:
    """(events after the cursor, the next cursor); an empty page returns the same cursor."""
    number(bot)
    events = list(Event.objects.filter(bot=bot, position__gt=after).order_by("position")[:limit])
    return events, (events[-1].position or after) if events else after


def latest(bots: Collection[int]) -> dict[int, int]:
    """Each bot's last position, in one query; `NOT_NUMBERED_YET` where events wait for theirs."""
    of_bot = Event.objects.filter(bot=OuterRef("pk"))
    last = of_bot.filter(position__isnull=False).order_by("-position").values("position")[:1]
    rows = Bot.objects.filter(pk__in=bots).values_list(
        "pk", Subquery(last), Exists(of_bot.filter(position=None))
    )
    return {pk: NOT_NUMBERED_YET if fresh else position or 0 for pk, position, fresh in rows}


def number(bot: Bot) -> int:
    """Deal out positions to the events that have none; returns how many got one."""
    if not Event.objects.filter(bot=bot, position=None).exists():
        return 0
    with transaction.atomic():
        # A full lock of the row would wait for, and hold up, every commit that refers to the bot.
        locked = Bot.objects.select_for_update(no_key=True).get(pk=bot.pk)
        fresh = list(Event.objects.filter(bot=bot, position=None).order_by("pk_number")[:1000])
        last = Event.objects.filter(bot=bot).aggregate(last=Max("position"))["last"] or 0
        last = max(last, locked.feed_floor)
        for position, event in enumerate(fresh, start=last + 1):
            event.position = position
        Event.objects.bulk_update(fresh, ["position"])
    return len(fresh)
