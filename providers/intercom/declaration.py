"""What an operator enters for Intercom, and what a bot may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.checks import ids_in, is_flat, not_allowed, wrong_ids
from providers.types import ChecklistItem, Field, Problem

HUB = "https://app.intercom.com/a/apps/_/developer-hub"

TOPICS = (
    "conversation.admin.assigned",
    "conversation.admin.replied",
    "conversation.admin.closed",
    "conversation.admin.opened",
    "conversation.deleted",
    "conversation_part.redacted",
)
PERMISSIONS = "Read and write conversations, Read admins, Read and write users, Read and list users"

SETTINGS = (
    Field(
        "region",
        "Region",
        "Where the workspace is hosted: the address bar shows app.intercom.com for the US, "
        "app.eu.intercom.com for Europe, app.au.intercom.com for Australia.",
        default="us",
        choices=(("us", "United States"), ("eu", "Europe"), ("au", "Australia")),
    ),
    Field(
        "team_id",
        "Team",
        "The team inbox that new conversations go to. Without one they stay unassigned.",
        picker=True,
    ),
    Field(
        "allowed_teams",
        "Other teams",
        "Ids of further teams that a bot may choose with hitlSession.teamId, separated by commas.",
        picker=True,
    ),
    Field(
        "assignee_id",
        "Teammate",
        "A teammate to whom every new conversation is assigned. Usually left empty.",
        picker=True,
    ),
    Field(
        "admin_id",
        "Acting teammate",
        "In whose name the bridge writes notes and closes conversations. Without one it is the "
        "teammate who made the access token.",
        picker=True,
    ),
)

CREDENTIALS = (
    Field(
        "access_token",
        "Access token",
        "For your own workspace: Developer Hub, your app, Configure, Authentication. Not needed "
        "where the workspace is connected by OAuth.",
        secret=True,
        link=HUB,
    ),
    Field(
        "client_id",
        "Client ID",
        "For OAuth: Developer Hub, your app, Configure, Basic information.",
        app_level=True,
        link=HUB,
    ),
    Field(
        "client_secret",
        "Client secret",
        "Webhooks are signed with it: Developer Hub, your app, Configure, Basic information.",
        secret=True,
        required=True,
        app_level=True,
        link=HUB,
    ),
)


def allowed_teams(settings: Mapping[str, str]) -> list[str]:
    """The ids of the teams that a bot may choose among."""
    return ids_in(settings, "team_id", "allowed_teams")


def value_problems(settings: Mapping[str, str], credentials: Mapping[str, str]) -> list[Problem]:
    """What the declaration alone does not tell."""
    problems = []
    if not credentials.get("access_token") and not credentials.get("client_id"):
        problems.append(
            Problem(
                "access_token",
                "Enter the access token of your own app, or the client ID to connect by OAuth.",
            )
        )
    problems += wrong_ids(
        settings,
        "Intercom",
        single=("team_id", "assignee_id", "admin_id"),
        several=("allowed_teams",),
    )
    return problems


def session_problems(session: Mapping[str, Any], settings: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the values of a `hitlSession`."""
    problems = not_allowed(session, "teamId", "team", allowed_teams(settings))
    attributes = session.get("attributes")
    if attributes is not None and not is_flat(attributes):
        problems.append(
            Problem(
                "hitlSession.attributes",
                "An object of conversation attributes: names with texts, numbers or true/false.",
            )
        )
    return problems


def checklist(webhook_url: str, settings: Mapping[str, str]) -> list[ChecklistItem]:
    """Intercom's webhooks are set up by hand, in the app."""
    region = settings.get("region") or "us"
    host = "app" if region == "us" else f"app.{region}"
    hub = HUB.replace("app.intercom.com", f"{host}.intercom.com")
    return [
        ChecklistItem("Allow the app (Configure, Authentication, Edit):", PERMISSIONS, hub),
        ChecklistItem("Enter the webhook address (Configure, Webhooks):", webhook_url, hub),
        *(ChecklistItem("Subscribe to the topic:", topic, hub) for topic in TOPICS),
        ChecklistItem(
            "Set the app's API version to 2.14: later ones leave pictures out of webhooks "
            "(2.15 and later work too, at the cost of one more call for each picture).",
            "2.14",
            hub,
        ),
    ]
