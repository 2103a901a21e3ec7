"""Users: the bot's end users and the help desk's agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import phonenumbers
from django.db import transaction

from conversations.models import Conversation, ConversationTag, User, UserKind, UserTag
from hitl_bridge.models import Bot, Installation
from providers.types import Agent, Person, storable


@dataclass(frozen=True, slots=True)
class NewUser:
    """What a bot tells of an end user."""

    name: str
    email: str = ""
    phone: str = ""
    picture_url: str = ""
    external_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create_user(bot: Bot, new: NewUser, installation: Installation | None) -> User:
    """The end user; with an `external_id` always the same one, brought up to date."""
    values = {
        "name": new.name,
        "email": new.email,
        "phone": normal_phone(new.phone),
        "picture_url": new.picture_url,
    }
    with transaction.atomic():
        if new.external_id:
            given = {key: value for key, value in values.items() if value}
            user, _ = User.objects.update_or_create(
                bot=bot,
                external_id=new.external_id,
                kind=UserKind.END_USER,
                defaults=given,
                create_defaults={**values, "tenant": bot.tenant, "installation": installation},
            )
        else:
            user = User.objects.create(
                tenant=bot.tenant, bot=bot, installation=installation, **values
            )
        set_user_tags(user, new.tags)
    return user


def set_user_tags(user: User, tags: Mapping[str, str]) -> None:
    """Add or replace these tags; others stay."""
    UserTag.objects.bulk_create(
        [UserTag(user=user, bot_id=user.bot_id, name=k, value=v) for k, v in tags.items()],
        update_conflicts=True,
        unique_fields=["user", "name"],
        update_fields=["value"],
    )


def set_conversation_tags(conversation: Conversation, tags: Mapping[str, str]) -> None:
    """Add or replace these tags; others stay."""
    ConversationTag.objects.bulk_create(
        [
            ConversationTag(conversation=conversation, bot_id=conversation.bot_id, name=k, value=v)
            for k, v in tags.items()
        ],
        update_conflicts=True,
        unique_fields=["conversation", "name"],
        update_fields=["value"],
    )


def agent_user(installation: Installation, agent: Agent) -> User:
    """The row of a help desk's agent: the only thing that a webhook may create."""
    told = {
        key: value
        for key, value in {
            "name": storable(agent.name)[:200],
            "email": agent.email[:320],
            "picture_url": agent.picture_url[:2000],
        }.items()
        if value
    }
    user, created = User.objects.get_or_create(
        installation=installation,
        kind=UserKind.AGENT,
        external_id=agent.id[:200],
        defaults={"tenant_id": installation.tenant_id, "bot_id": installation.bot_id, **told},
    )
    news = [key for key, value in told.items() if getattr(user, key) != value]
    if news and not created:
        for key in news:
            setattr(user, key, told[key])
        user.save(update_fields=[*news, "updated_at"])
    return user


def person_of(user: User) -> Person:
    """The end user as adapters have them."""
    return Person(user.id, user.name, user.email, user.phone, user.picture_url)


def normal_phone(text: str) -> str:
    """E.164 where the number says its country, else as it was given."""
    if not text:
        return ""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
