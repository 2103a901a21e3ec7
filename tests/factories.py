"""Rows for tests: the least that makes a tenant, a bot, its installation and a conversation."""

from __future__ import annotations

import itertools
from typing import Any

from django.utils import timezone

from conversations.flows import sessions
from conversations.flows.people import NewUser, create_user
from conversations.models import Conversation, User
from hitl_bridge.models import ApiKey, Bot, Installation, InstallationStatus, Tenant

CALLBACK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALLBACK_URL = "https://bot.example.com/hitl"
CREDENTIALS = {"access_token": "tok-123", "client_secret": "s3cr3t-test-only"}
_numbers = itertools.count(1)


def tenant(**fields: Any) -> Tenant:
    return Tenant.objects.create(**{"slug": f"tenant-{next(_numbers)}", **fields})


def bot(owner: Tenant | None = None, **fields: Any) -> Bot:
    """A bot that is told by signed callbacks; `connector="feed"` for one that is not."""
    defaults = {
        "slug": f"bot-{next(_numbers)}",
        "callback_url": CALLBACK_URL,
        "callback_secret": CALLBACK_SECRET,
    }
    return Bot.objects.create(tenant=owner or tenant(), **{**defaults, **fields})


def api_key(owner: Bot, **fields: Any) -> tuple[ApiKey, str]:
    """The key and its text."""
    return ApiKey.issue(owner, fields.pop("name", f"key-{next(_numbers)}"), **fields)


def installation(owner: Bot | None = None, **fields: Any) -> Installation:
    """A connection that has been tested, to Intercom unless said otherwise."""
    defaults = {
        "slug": f"desk-{next(_numbers)}",
        "provider": "intercom",
        "credentials": CREDENTIALS,
        "status": InstallationStatus.ACTIVE,
        "checked_at": timezone.now(),
        "provision_at": None,
    }
    return Installation.objects.create(bot=owner or bot(), **{**defaults, **fields})


def user(owner: Bot, **fields: Any) -> User:
    return create_user(owner, NewUser(**{"name": "Ana", **fields}), None)


def conversation(desk: Installation | None = None, **fields: Any) -> Conversation:
    """A session that has just been started; its ticket is not open yet."""
    desk = desk or installation()
    person = fields.pop("user", None) or user(desk.bot)
    return sessions.start_hitl(desk.bot, sessions.SessionStart(user=person, **fields), desk.slug)
