"""What an operator enters for LiveChat, and what a bot may ask for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from providers.checks import ids_in, is_flat, not_allowed, wrong_ids
from providers.types import ChecklistItem, Field, OpenRequest, Problem

CONSOLE = "https://platform.text.com/console/apps"
MAX_FIELDS = 100  # session fields per customer, two of them ours

SCOPES = (
    "customers:own",
    "chats--all:rw",
    "customers:rw",
    "groups--all:ro",
    "agents--all:ro",
    "agents-bot--all:ro",
    "webhooks.configuration:rw",
    "webhooks.state:rw",
)

SETTINGS = (
    Field(
        "organization_id",
        "Organization ID",
        "In the developer console: Settings, Account.",
        required=True,
        link="https://platform.text.com/console/settings",
    ),
    Field(
        "group_id",
        "Group",
        "The group that new chats go to. Without one all agents see them.",
        picker=True,
    ),
    Field(
        "allowed_groups",
        "Other groups",
        "Ids of further groups for hitlSession.groupId to choose among, separated by commas.",
        picker=True,
    ),
    Field(
        "redirect_uri",
        "Redirect URI",
        "Only with a personal access token: an address that stands in the app's list of redirect "
        "URIs. Without one the bridge's own callback address is used, so enter that in the app.",
    ),
)

CREDENTIALS = (
    Field(
        "client_id",
        "Client ID",
        "In the developer console: your app, Building blocks, App Authorization.",
        required=True,
        app_level=True,
        link=CONSOLE,
    ),
    Field(
        "client_secret",
        "Client secret",
        "Beside the client ID, shown once. Not needed with a personal access token.",
        secret=True,
        app_level=True,
        link=CONSOLE,
    ),
    Field(
        "refresh_token",
        "Refresh token",
        "Only if you have one already: Connect gets it by itself.",
        secret=True,
    ),
    Field(
        "agent_token",
        "Personal access token",
        "Instead of Connect: the Base64 text of account id, colon and token, as the developer "
        "console shows it once (Settings, Authorization, Personal Access Tokens).",
        secret=True,
        link="https://platform.text.com/console/settings/authorization",
    ),
    Field(
        "webhook_secret",
        "Webhook secret",
        "Only for webhooks that you registered by hand, at an app's address for all its accounts: "
        "the secret_key that you gave them. The bridge makes one for those that it registers.",
        secret=True,
        app_level=True,
    ),
)


def account_of(agent_token: str) -> str:
    """The account id in a pasted token; empty if it is not Base64 of `account:token`."""
    try:
        text = base64.b64decode(agent_token, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    account, colon, token = text.partition(":")
    return account if colon and token else ""


def allowed_groups(settings: Mapping[str, str]) -> list[str]:
    """The ids of the groups that a bot may choose among."""
    return ids_in(settings, "group_id", "allowed_groups")


def groups_of(session: Mapping[str, Any], settings: Mapping[str, str]) -> list[int]:
    """The group that a chat goes to, as a list for the API; empty: everybody."""
    wanted = session.get("groupId")
    chosen = settings.get("group_id", "") if wanted is None else str(wanted)
    return [int(chosen)] if chosen else []


def session_fields(request: OpenRequest) -> list[dict[str, str]]:
    """The customer's details beside the chat: our conversation, and what the bot adds."""
    ours = {"conversation": request.conversation_id, "phone": request.person.phone}
    asked = request.session.get("sessionFields") or {}
    theirs = {str(name): str(value) for name, value in asked.items()}
    return [{name: value} for name, value in {**theirs, **ours}.items() if value]


def value_problems(settings: Mapping[str, str], credentials: Mapping[str, str]) -> list[Problem]:
    """What the declaration alone does not tell."""
    problems = []
    token = credentials.get("agent_token", "")
    if token and not account_of(token):
        problems.append(
            Problem("agent_token", "This must be the Base64 text of account id, colon and token.")
        )
    if not token and not credentials.get("client_secret"):
        problems.append(
            Problem(
                "client_secret",
                "Enter the client secret to connect by OAuth, or a personal access token.",
            )
        )
    trimmed = {**settings, "group_id": settings.get("group_id", "").strip()}
    problems += wrong_ids(trimmed, "LiveChat", single=("group_id",), several=("allowed_groups",))
    return problems


def session_problems(session: Mapping[str, Any], settings: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the values of a `hitlSession`."""
    problems = not_allowed(session, "groupId", "group", allowed_groups(settings))
    fields = session.get("sessionFields")
    if fields is not None and not (is_flat(fields) and len(fields) <= MAX_FIELDS - 2):
        problems.append(
            Problem(
                "hitlSession.sessionFields",
                f"An object of at most {MAX_FIELDS - 2} names with texts, numbers or true/false.",
            )
        )
    return problems


def checklist(settings: Mapping[str, str]) -> list[ChecklistItem]:
    """Webhooks are registered by API; the app itself is made and installed by hand."""
    del settings
    return [
        ChecklistItem("Give the app these scopes (App Authorization):", ", ".join(SCOPES), CONSOLE),
        ChecklistItem("Install the app on the account (Private installation).", link=CONSOLE),
    ]
