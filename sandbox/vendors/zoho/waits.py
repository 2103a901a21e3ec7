"""Chats that ring until their waiting time is over, and are missed then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from django.db import transaction

from sandbox import desk
from sandbox.background import Job, Runner
from sandbox.models import Ticket
from sandbox.vendors.zoho import shapes

clock = Runner("zoho-waits")
UNTIL = "misses_at"  # the attribute with the unix time


def due(busy: frozenset[str]) -> Iterator[Job]:
    """Chats that nobody came for in time."""
    rows = Ticket.objects.filter(
        account__vendor="zoho",
        state=Ticket.OPEN,
        agent=None,
        **{f"attributes__{UNTIL}__lte": time.time()},
    )
    for pk in rows.values_list("pk", flat=True)[:16]:
        if str(pk) not in busy:
            yield Job(str(pk), partial(miss, pk))


@transaction.atomic
def miss(pk: int) -> None:
    """End the chat in the system's name, unless somebody came meanwhile."""
    ticket = Ticket.objects.select_related("account").get(pk=pk)
    if ticket.agent or ticket.state != Ticket.OPEN:
        return
    ticket.attributes.pop(UNTIL, None)
    ticket.save(update_fields=["attributes"])
    if shapes.picked_up(ticket):  # and given back since: such a chat waits for as long as it takes
        return
    desk.close(ticket, ticket.account.agents.filter(is_bot=True)[0])
