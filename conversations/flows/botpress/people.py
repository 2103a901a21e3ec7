"""Whom Botpress speaks of: announced users, and users that a handoff names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from conversations.flows.people import NewUser, create_user
from conversations.models import BotpressArrival, BotpressSession, User, UserKind
from hitl_bridge.models import Bot, Installation

UNKNOWN_NAME = "Unknown user"
USER_ID_TAG = "botpressUserId"
JUST_BEFORE = timedelta(seconds=15)  # createRemoteUser ahead of createRemoteConversation
LONGEST_EXTERNAL_ID = 200

# The HITL plugin invents an address for who has none: <upstream user>@no-reply.<bot>.botpress.com
_INVENTED = re.compile(r"([^@\s]+)@no-reply\.[^@\s]+\.botpress\.com", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """What is told of a user; all of it may be missing."""

    botpress_user_id: str = ""  # the user's id in the chat with the bot
    email: str = ""
    name: str = ""
    picture_url: str = ""

    @classmethod
    def of(
        cls, email: str, name: str = "", picture_url: str = "", botpress_user_id: str = ""
    ) -> Identity:
        """An invented e-mail address is the user's id and is never written to."""
        invented = _INVENTED.fullmatch(email.strip())
        if invented:
            botpress_user_id, email = botpress_user_id or invented[1], ""
        given_name = "" if name.strip().lower() == UNKNOWN_NAME.lower() else name.strip()
        email = email.strip() if "@" in email else ""
        return cls(botpress_user_id.strip(), email, given_name, picture_url)

    @property
    def external_id(self) -> str:
        """What makes two announcements the same user; empty: nothing does."""
        if self.botpress_user_id:
            return self.botpress_user_id[:LONGEST_EXTERNAL_ID]
        return email_key(self.email) if self.email else ""


def email_key(email: str) -> str:
    """The external id of who is known by their e-mail address only."""
    key = f"email:{email.lower()}"
    if len(key) <= LONGEST_EXTERNAL_ID:
        return key
    return f"email:{hashlib.sha256(email.lower().encode()).hexdigest()}"


def announce(installation: Installation, who: Identity) -> User:
    """createRemoteUser: the user, always the same one for the same identity."""
    with transaction.atomic():
        user = store(installation, who)
        BotpressArrival.objects.update_or_create(
            installation=installation,
            user=user,
            defaults={"at": timezone.now(), "session": None},
        )
    return user


def store(installation: Installation, who: Identity) -> User:
    """The identity's user, brought up to date; a new one where nothing identifies them."""
    new = NewUser(
        name=who.name[:200],
        email=who.email[:320],
        picture_url=who.picture_url,
        external_id=who.external_id,
    )
    user = create_user(installation.bot, new, installation)
    if not user.name:
        user.name = UNKNOWN_NAME
        user.save(update_fields=["name"])
    return user


def find(bot: Bot, who: Identity, user_id: str = "") -> User | None:
    """The known user of a handoff: by our id, by Botpress's, by e-mail address."""
    users = User.objects.filter(bot=bot, kind=UserKind.END_USER)
    by_our_id = users.filter(pk=user_id).first() if user_id else None
    if by_our_id:
        return by_our_id
    botpress_id = who.botpress_user_id or user_id
    if botpress_id:
        # The tag goes first: it was set once a message showed who that is.
        tagged = users.filter(tags__name=USER_ID_TAG, tags__value=botpress_id[:300])
        found = tagged.first() or users.filter(external_id=botpress_id).first()
        if found:
            return found
    return users.filter(external_id=email_key(who.email)).first() if who.email else None


def known(bot: Bot, user_id: str) -> User | None:
    """The end user of that id of ours, if it is this bot's."""
    return User.objects.filter(bot=bot, kind=UserKind.END_USER, pk=user_id).first()


def is_placeholder(user: User) -> bool:
    """Whether the row only stands in for whoever a session's user will turn out to be."""
    announced = BotpressArrival.objects.filter(user=user)
    return not user.external_id and not announced.exists()


def newcomers(installation: Installation, now: datetime) -> list[User]:
    """Those announced seconds ago for whom no session was started yet."""
    arrivals = BotpressArrival.objects.filter(
        installation=installation, session=None, at__gt=now - JUST_BEFORE
    ).select_related("user")
    return [arrival.user for arrival in arrivals[:3]]


def assign_arrival(session: BotpressSession, user: User | None) -> None:
    """This session is that user's; whoever was taken for them before is a newcomer again."""
    mine = BotpressArrival.objects.filter(installation_id=session.installation_id)
    mine.filter(session=session).update(session=None)
    if user is not None:
        mine.filter(user=user).update(session=session)
