"""Addresses of the imitated APIs, below /hubspot/<account>/: dated and numbered versions."""

from __future__ import annotations

from django.urls import URLPattern, path

from sandbox.vendors.hubspot import channels, files, messages, oauth, subscriptions, threads
from sandbox.vendors.hubspot.http import endpoint, nowhere

DATES = ("2025-09", "2026-03", "2026-09")
CHANNELS = [
    ("", endpoint(get=channels.listing, post=channels.create)),
    (
        "/<str:channel_id>",
        endpoint(get=channels.show, patch=channels.update, delete=channels.archive),
    ),
    (
        "/<str:channel_id>/channel-accounts",
        endpoint(get=channels.accounts, post=channels.connect),
    ),
    (
        "/<str:channel_id>/channel-accounts/<str:account_id>",
        endpoint(get=channels.show_account, patch=channels.update_account),
    ),
    (
        "/<str:channel_id>/channel-account-staging-tokens/<str:token>",
        endpoint(patch=channels.stage),
    ),
    ("/<str:channel_id>/messages", endpoint(post=messages.publish)),
    (
        "/<str:channel_id>/messages/<str:message_id>",
        endpoint(get=messages.show, patch=messages.update),
    ),
]
ASSIGNEE = [
    ("/threads/<str:thread_id>/assignee", endpoint(put=threads.assign, delete=threads.unassign))
]
CONVERSATIONS = [
    ("/inboxes", endpoint(get=threads.inboxes)),
    ("/inboxes/<str:inbox_id>", endpoint(get=threads.inbox)),
    ("/channels", endpoint(get=threads.channels)),
    ("/channel-accounts", endpoint(get=threads.channel_accounts)),
    ("/actors/batch/read", endpoint(post=threads.actors)),
    ("/actors/<str:actor_id>", endpoint(get=threads.actor)),
    ("/threads", endpoint(get=threads.listing)),
    (
        "/threads/<str:thread_id>",
        endpoint(get=threads.show, patch=threads.update, delete=threads.trash),
    ),
    ("/threads/<str:thread_id>/messages", endpoint(get=threads.messages, post=threads.send)),
    ("/threads/<str:thread_id>/messages/<str:message_id>", endpoint(get=threads.message)),
    (
        "/threads/<str:thread_id>/messages/<str:message_id>/original-content",
        endpoint(get=threads.original),
    ),
]
FILES = [
    ("", endpoint(post=files.upload)),
    ("/<str:file_id>", endpoint(get=files.show, delete=files.delete)),
    ("/<str:file_id>/signed-url", endpoint(get=files.sign)),
]
TICKETS = [
    ("/<str:ticket_id>", endpoint(get=threads.crm_ticket, patch=threads.update_crm_ticket)),
]
HOOKS = [
    (
        "/<str:app_id>/settings",
        endpoint(
            get=subscriptions.settings,
            put=subscriptions.save_settings,
            delete=subscriptions.delete_settings,
        ),
    ),
    (
        "/<str:app_id>/subscriptions",
        endpoint(get=subscriptions.listing, post=subscriptions.create),
    ),
    (
        "/<str:app_id>/subscriptions/<str:subscription_id>",
        endpoint(get=subscriptions.show, patch=subscriptions.update, delete=subscriptions.remove),
    ),
]
TOKENS = [
    ("", oauth.token),
    ("/introspect", oauth.introspect),
    ("/revoke", oauth.revoke),
]
# Where HubSpot has each area: below its dated versions, and below v3.
AREAS = [
    (CHANNELS, "conversations/custom-channels/{}", "conversations/v3/custom-channels"),
    # The numbered version's collection is published under both addresses.
    (CHANNELS[:1], "conversations/custom-channels/{}", "conversations/custom-channels/v3"),
    (CONVERSATIONS, "conversations/conversations/{}", "conversations/v3/conversations"),
    (ASSIGNEE, "conversations/conversations/{}", "conversations/conversations/v3"),
    (FILES, "files/{}/files", "files/v3/files"),
    (TICKETS, "crm/objects/{}/tickets", "crm/v3/objects/tickets"),
    (HOOKS, "webhooks/{}", "webhooks/v3"),
    (HOOKS, "app-webhooks/{}", "webhooks/v3"),
    (TOKENS, "oauth/{}/token", "oauth/v3/token"),
]


def _everywhere() -> list[URLPattern]:
    return [
        path(base + rest, view)
        for patterns, dated, numbered in AREAS
        for base in (*(dated.format(date) for date in DATES), numbered)
        for rest, view in patterns
    ]


urlpatterns = [
    path("oauth/authorize", oauth.authorize),
    path("oauth/v1/token", oauth.token_v1),
    path("oauth/v1/access-tokens/<str:token>", oauth.access_token_v1),
    path("oauth/v1/refresh-tokens/<str:token>", oauth.refresh_token_v1),
    *_everywhere(),
    path("filemanager/api/v2/files/<str:file_id>/signed-url-redirect", endpoint(get=files.follow)),
    path("signed-files/<str:seal>/<path:name>", files.download),
    path("connect/<str:channel_id>", channels.start_connecting),
    path("connected/<str:token>", channels.finish_connecting),
    path("", nowhere),
    path("<path:rest>", nowhere),
]
