"""Finding conversations by whatever somebody knows of them.

Each way is a look-up of its own on an index, and the newest finds of each are put together: asked
for all ways at once, a database reads every row there is. What had been said before the hand-off is
not searched: an index of it would be written anew with every message of the session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db import connection
from django.db.models import F, Func, Q, QuerySet, TextField

from conversations.models import Conversation, ConversationTag, Message, User, UserTag

MOST = 500  # finds of one way
LONGEST = 200  # characters of what is looked for


class _Words(Func):
    """The words of an expression, as migration 0009 indexes them."""

    template = "to_tsvector('simple'::regconfig, %(expressions)s)"
    output_field = SearchVectorField()


class _Together(Func):
    """Several columns as one text, as migration 0009 indexes its parts."""

    template = "(%(expressions)s)"
    arg_joiner = " || ' ' || "
    output_field = TextField()


def find(
    rows: QuerySet[Conversation], term: str, tenants: Iterable[int] | None
) -> QuerySet[Conversation]:
    """Those of the rows that have to do with the term, which is what somebody typed.

    `tenants` are those of the rows, None for all: lest others' finds crowd out theirs.
    """
    term = term.strip().replace("\0", "")[:LONGEST]
    if not term:
        return rows
    said, people = _in_messages(term), _people(term)
    if tenants is not None:
        said, people = said.filter(tenant__in=tenants), people.filter(tenant__in=tenants)
    people_tagged = UserTag.objects.filter(value=term).values("user")
    tagged = ConversationTag.objects.filter(value=term).values("conversation")
    ways = (
        rows.filter(Q(pk=term) | Q(pk__in=tagged)),
        rows.filter(remote_id=term).exclude(remote_id=""),
        rows.filter(bot_conversation_id=term).exclude(bot_conversation_id=""),
        rows.filter(user__in=User.objects.filter(external_id=term).values("pk")),
        rows.filter(user__in=people_tagged),
        rows.filter(user__in=people.order_by("-pk").values("pk")[:MOST]),
        rows.filter(pk__in=said.order_by("-pk").values("conversation")[:MOST]),
    )
    return rows.filter(pk__in=_newest(ways))


def _newest(ways: tuple[QuerySet[Conversation], ...]) -> list[str]:
    """The keys of what was found, in one query on PostgreSQL."""
    if connection.vendor != "postgresql":  # SQLite takes no limits in a union
        return list(
            {pk for way in ways for pk in way.order_by("-pk").values_list("pk", flat=True)[:MOST]}
        )
    first, *others = (way.order_by("-pk").values_list("pk", flat=True)[:MOST] for way in ways)
    return list(first.union(*others))


def _in_messages(term: str) -> QuerySet[Message]:
    if connection.vendor == "postgresql":
        return Message.objects.annotate(words=_Words(F("payload"))).filter(words=_all_of(term))
    # As text, JSON has other letters than ASCII's and quotes written as codes.
    return Message.objects.filter(payload__text__icontains=term)


def _people(term: str) -> QuerySet[User]:
    """By any part of their names, addresses and numbers."""
    known = _Together(F("name"), F("email"), F("phone"))
    return User.objects.annotate(known=known).filter(known__icontains=term)


def _all_of(term: str) -> Any:
    """As people search the web: all words, "in this order", -without."""
    return SearchQuery(term, search_type="websearch", config="simple")
