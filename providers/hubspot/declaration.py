"""What an operator enters for HubSpot, and what a bot may ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.checks import ids_in, is_flat, not_allowed, wrong_ids
from providers.hubspot.api import AREAS
from providers.types import ChecklistItem, Field, JsonObject, Problem

APPS = "https://app.hubspot.com/l/developer-overview"
SCOPES = (
    "oauth",
    "conversations.custom_channels.read",
    "conversations.custom_channels.write",
    "conversations.read",
    "conversations.write",
    "files",
    "crm.objects.contacts.write",
)
# Event and property of the app's webhook subscriptions.
TOPICS = (
    "conversation.propertyChange: assignedTo",
    "conversation.propertyChange: status",
    "conversation.propertyChange: isArchived",
    "conversation.deletion",
    "conversation.privacyDeletion",
)
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "URGENT")
CHANNEL_NAME = "Chatbot handoff"
MAX_FILE_BYTES = 10_000_000
VERSION = re.compile(r"\d{4}-\d{2}|v\d")

CAPABILITIES: JsonObject = {
    "threadingModel": "INTEGRATION_THREAD_ID",
    "deliveryIdentifierTypes": [
        "CHANNEL_SPECIFIC_OPAQUE_ID",
        "HS_EMAIL_ADDRESS",
        "HS_PHONE_NUMBER",
    ],
    "richText": ["BLOCKQUOTE", "BOLD", "HYPERLINK", "ITALIC", "LISTS"],
    "allowInlineImages": False,
    "allowOutgoingMessages": True,
    "allowConversationStart": False,
    "allowMultipleRecipients": False,
    "outgoingAttachmentTypes": ["FILE"],
    "allowedFileAttachmentMimeTypes": [
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "audio/mpeg",
        "audio/mp4",
        "audio/ogg",
        "audio/wav",
        "video/mp4",
        "video/quicktime",
        "video/webm",
        "application/pdf",
        "application/zip",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "text/plain",
        "text/csv",
    ],
    "maxFileAttachmentCount": 5,
    "maxFileAttachmentSizeBytes": MAX_FILE_BYTES,
    "maxTotalFileAttachmentSizeBytes": 2 * MAX_FILE_BYTES,
}


def _version(area: str, label: str) -> Field:
    default = AREAS[area][2]
    return Field(
        f"{area}_version",
        f"{label} API version",
        f"HubSpot's version of this API: a date such as {default}, or v3. Leave it as it is "
        "unless HubSpot withdraws that version.",
        default=default,
    )


SETTINGS = (
    Field(
        "app_id",
        "App ID",
        "In the list of apps of your HubSpot developer account, or the app's Auth page.",
        required=True,
        app_level=True,
        link=APPS,
    ),
    Field(
        "inbox_id",
        "Inbox or help desk",
        "Where new conversations arrive. Connect the account first, then choose.",
        picker=True,
    ),
    Field(
        "allowed_inboxes",
        "Other inboxes",
        "Ids of further inboxes or help desks that a bot may choose with hitlSession.inboxId, "
        "separated by commas.",
        picker=True,
    ),
    Field(
        "assignee_id",
        "Assignee",
        "The id of a HubSpot user to whom every new conversation is assigned. Usually left empty.",
    ),
    Field(
        "allowed_assignees",
        "Other assignees",
        "Ids of HubSpot users that a bot may choose with hitlSession.assigneeId, separated by "
        "commas.",
    ),
    Field(
        "channel_name",
        "Channel name",
        "What agents see as the conversation's channel.",
        default=CHANNEL_NAME,
        app_level=True,
    ),
    Field(
        "scopes",
        "Scopes",
        "The scopes that are ticked as required in the app, separated by spaces: exactly those, "
        "else HubSpot refuses to connect.",
        default=" ".join(SCOPES),
        app_level=True,
    ),
    Field(
        "optional_scopes",
        "Optional scopes",
        "The scopes that are ticked as optional in the app, separated by spaces. With `tickets` "
        "a bot can set a help desk ticket's priority and properties.",
        app_level=True,
    ),
    _version("oauth", "OAuth"),
    _version("channels", "Custom channels"),
    _version("conversations", "Conversations"),
    _version("files", "Files"),
    _version("tickets", "Tickets"),
)

CREDENTIALS = (
    Field(
        "client_id",
        "Client ID",
        "Apps, your app, Auth.",
        required=True,
        app_level=True,
        link=APPS,
    ),
    Field(
        "client_secret",
        "Client secret",
        "Apps, your app, Auth. Webhooks are signed with it.",
        secret=True,
        required=True,
        app_level=True,
        link=APPS,
    ),
    Field(
        "developer_api_key",
        "Developer API key",
        "In the developer account: Development, Keys (older accounts: Keys). The channel is "
        "registered with it.",
        secret=True,
        required=True,
        app_level=True,
        link=APPS,
    ),
    Field(
        "refresh_token",
        "Refresh token",
        "Only where you have one already. Else connect the account by OAuth, which stores it.",
        secret=True,
    ),
)


def inboxes_of(settings: Mapping[str, str]) -> list[str]:
    """The ids of the inboxes that a bot may choose among; the first is the usual one."""
    return ids_in(settings, "inbox_id", "allowed_inboxes")


def actor_of(user_id: str) -> str:
    """A user as an actor: HubSpot gives user ids in some places, actor ids in others."""
    return f"A-{user_id}" if user_id.isascii() and user_id.isdigit() else user_id


def value_problems(settings: Mapping[str, str]) -> list[Problem]:
    """What the declaration alone does not tell."""
    problems = wrong_ids(
        settings, "HubSpot", single=("app_id", "inbox_id"), several=("allowed_inboxes",)
    )
    for area in AREAS:
        version = settings.get(f"{area}_version", "")
        if version and not VERSION.fullmatch(version):
            example = f"a date such as {AREAS[area][2]}, or v3"
            problems.append(Problem(f"{area}_version", f"A version is {example}."))
    return problems


def session_problems(session: Mapping[str, Any], settings: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the values of a `hitlSession`."""
    assignees = ids_in(settings, "assignee_id", "allowed_assignees")
    problems = [
        *not_allowed(session, "inboxId", "inbox", inboxes_of(settings)),
        *not_allowed(session, "assigneeId", "assignee", assignees),
    ]
    priority = session.get("priority")
    if priority is not None and str(priority).upper() not in PRIORITIES:
        text = f"The priority must be one of {', '.join(PRIORITIES)}."
        problems.append(Problem("hitlSession.priority", text))
    if session.get("ticket") is not None and not is_flat(session["ticket"]):
        text = "An object of ticket properties: internal names with texts, numbers or true/false."
        problems.append(Problem("hitlSession.ticket", text))
    return problems


def ticket_properties(session: Mapping[str, Any]) -> JsonObject:
    """The properties of the CRM's ticket that the bot asks for."""
    properties = dict(session.get("ticket") or {})
    if session.get("priority"):
        properties["hs_ticket_priority"] = str(session["priority"]).upper()
    return properties


def checklist(webhook_url: str, settings: Mapping[str, str]) -> list[ChecklistItem]:
    """The channel is registered by API; an app's own webhooks are entered by hand."""
    scopes = settings.get("scopes") or " ".join(SCOPES)
    return [
        ChecklistItem("Tick the app's scopes (Auth), and no others as required:", scopes, APPS),
        ChecklistItem("Enter the app's target URL (Webhooks):", webhook_url, APPS),
        *(ChecklistItem("Subscribe and activate:", topic, APPS) for topic in TOPICS),
        ChecklistItem(
            "Optional, a second way to hear of agents' messages (each costs two API calls):",
            "conversation.newMessage",
            APPS,
        ),
    ]
