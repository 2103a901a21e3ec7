"""What an operator enters for Zoho SalesIQ, and what a bot may ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.checks import ids_in, is_flat, not_allowed, wrong_ids
from providers.errors import Misconfigured
from providers.types import Field, Problem

# Data center -> the domain that its hosts share. One that is not listed is an error: an account's
# secrets must not go to another data center. (`{accounts}/oauth/serverinfo` has Zoho's own list.)
DOMAINS = {
    "us": "zoho.com",
    "eu": "zoho.eu",
    "in": "zoho.in",
    "au": "zoho.com.au",
    "cn": "zoho.com.cn",
    "jp": "zoho.jp",
    "ca": "zohocloud.ca",
    "sa": "zoho.sa",
    "uk": "zoho.uk",
}
CONSOLE = "https://api-console.zoho.com/add?client_type=ORG"
SCOPES = (
    "SalesIQ.conversations.ALL",
    "SalesIQ.apps.READ",
    "SalesIQ.departments.READ",
    "SalesIQ.webhooks.READ",
    "SalesIQ.webhooks.CREATE",
    "SalesIQ.webhooks.UPDATE",
    "SalesIQ.webhooks.DELETE",
)
# Without conversation.visitor.replied, which echoes what we send, and message.edited: see `events`.
WEBHOOK_EVENTS = (
    "conversation.attender.updated",
    "conversation.operator.replied",
    "conversation.missed",
    "conversation.completed",
    "conversation.transfer.initiated",
    "conversation.transfer.accepted",
    "conversation.transfer.rejected",
    "conversation.message.deleted",
)
LONGEST_WAIT = 999  # seconds
DEFAULT_WAIT = "300"

SETTINGS = (
    Field(
        "data_center",
        "Data center",
        "The end of the address at which you use SalesIQ: salesiq.zoho.com is the US, "
        "salesiq.zoho.eu Europe, and so on.",
        required=True,
        choices=tuple((name, f"{name.upper()} ({domain})") for name, domain in DOMAINS.items()),
    ),
    Field(
        "screen_name",
        "Screen name",
        "The part after the host in SalesIQ's address bar: salesiq.zoho.com/SCREEN_NAME/...",
        required=True,
    ),
    Field(
        "app_id",
        "Brand (app ID)",
        "The brand that chats belong to: Settings, Brands, the brand; the end of its address. "
        "Can be chosen from a list once the account is connected.",
        picker=True,
    ),
    Field(
        "department_id",
        "Department",
        "Who gets the chats: Settings, Departments, the department; the last part of the address. "
        "Choose one that no Zobot answers for.",
        picker=True,
    ),
    Field(
        "allowed_departments",
        "Other departments",
        "Ids of further departments that a bot may choose with hitlSession.departmentId, separated "
        "by commas.",
        picker=True,
    ),
    Field(
        "wait_time",
        "Waiting time",
        "Seconds that a chat rings until SalesIQ counts it as missed, 1 to 999.",
        default=DEFAULT_WAIT,
    ),
    Field(
        "org_id",
        "Organization ID",
        "Usually left empty. The org_id in SalesIQ's webhooks: webhooks of another organization "
        "are refused, and an app's shared webhook address is routed by it.",
    ),
)

CREDENTIALS = (
    Field(
        "client_id",
        "Client ID",
        "Zoho API Console, a client of the type ORG made by an admin of the organization, tab "
        "Client Secret.",
        required=True,
        app_level=True,
        link=CONSOLE,
    ),
    Field(
        "client_secret",
        "Client secret",
        "Beside the client ID. A client for several data centers may have one secret for each.",
        secret=True,
        required=True,
        app_level=True,
        link=CONSOLE,
    ),
    Field(
        "refresh_token",
        "Refresh token",
        "Organization level. Filled in by the Connect button; paste one only if you have it.",
        secret=True,
    ),
    Field(
        "user_refresh_token",
        "User-level refresh token",
        "Optional: of an operator of SalesIQ, from the same client. Used where Zoho refuses the "
        "organization's token: closing chats, reading them, and who is available.",
        secret=True,
    ),
    Field(
        "webhook_public_key",
        "Webhook public key",
        "Only for a webhook that was made by hand: its public key, as PEM or bare Base64. The "
        "bridge fetches the keys of its own webhooks itself.",
        secret=True,
        app_level=True,
    ),
)

SESSION_KEYS = ("departmentId", "waitTime", "customerInfo")


def domain(settings: Mapping[str, str]) -> str:
    """The data center's domain. Raises Misconfigured for an unknown one; there is no default."""
    name = settings.get("data_center", "")
    if name not in DOMAINS:
        raise Misconfigured(
            f"Zoho has no data center {name or '(none given)'} that the bridge knows; choose one "
            f"of {', '.join(DOMAINS)}.",
            field="data_center",
        )
    return DOMAINS[name]


def allowed_departments(settings: Mapping[str, str]) -> list[str]:
    """The ids of the departments that a bot may choose among, the usual one first."""
    return ids_in(settings, "department_id", "allowed_departments")


def value_problems(settings: Mapping[str, str]) -> list[Problem]:
    """What the declaration alone does not tell."""
    problems = []
    screen_name = settings.get("screen_name", "")
    if screen_name and not re.fullmatch(r"[\w.-]+", screen_name):
        problems.append(Problem("screen_name", "Only the name, not the whole address."))
    problems += wrong_ids(
        settings,
        "Zoho",
        single=("app_id", "department_id", "org_id"),
        several=("allowed_departments",),
    )
    if settings.get("wait_time") and not _is_wait(settings["wait_time"]):
        problems.append(Problem("wait_time", f"A number of seconds, 1 to {LONGEST_WAIT}."))
    return problems


def session_problems(session: Mapping[str, Any], settings: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the values of a `hitlSession`."""
    problems = not_allowed(session, "departmentId", "department", allowed_departments(settings))
    if session.get("waitTime") is not None and not _is_wait(session["waitTime"]):
        problems.append(
            Problem("hitlSession.waitTime", f"A number of seconds, 1 to {LONGEST_WAIT}.")
        )
    info = session.get("customerInfo")
    if info is not None and not is_flat(info):
        problems.append(
            Problem(
                "hitlSession.customerInfo",
                "An object: names with texts, numbers or true/false, shown to the agent.",
            )
        )
    return problems


def _is_wait(value: Any) -> bool:
    digits = str(value)
    return not isinstance(value, bool) and digits.isdigit() and 1 <= int(digits) <= LONGEST_WAIT
