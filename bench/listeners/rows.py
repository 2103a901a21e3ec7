"""`python -m bench.listeners.rows BOTS`: fills the database; prints webhook path and keys."""

from __future__ import annotations

import sys

import django

django.setup()  # by the environment that bench.listeners.stack has made

from bench.listeners.stack import SECRET, TICKET  # noqa: E402
from conversations.flows import sessions  # noqa: E402
from conversations.flows.people import NewUser, create_user  # noqa: E402
from conversations.models import Conversation  # noqa: E402
from hitl_bridge.models import ApiKey, Bot, Installation, Tenant  # noqa: E402


def main(bots: int) -> None:
    """One tenant with that many bots, the first of them with an open session."""
    tenant = Tenant.objects.create(slug="bench")
    made = [
        Bot.objects.create(tenant=tenant, slug=f"bot-{number}", connector="feed")
        for number in range(bots)
    ]
    desk = Installation.objects.create(
        bot=made[0],
        slug="desk",
        provider="intercom",
        credentials={"access_token": "t", "client_secret": SECRET},
        status="active",
        provision_at=None,
    )
    user = create_user(made[0], NewUser(name="Ana"), None)
    session = sessions.start_hitl(made[0], sessions.SessionStart(user=user), desk.slug)
    Conversation.objects.filter(pk=session.pk).update(remote_id=TICKET, status="queued")
    print(f"/webhooks/intercom/{desk.webhook_token}")
    for bot in made:
        print(ApiKey.issue(bot, "bench")[1])


if __name__ == "__main__":
    main(int(sys.argv[1]))
