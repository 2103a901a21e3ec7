"""What LiveChat's errors mean. They are told apart by `error.type`; HTTP codes say little.

https://platform.text.com/docs/messaging/customer-chat-api#errors
"""

from __future__ import annotations

import logging
import random

from pydantic import ValidationError

from providers.errors import (
    Gone,
    Misconfigured,
    OutcomeUnknown,
    Permanent,
    ProviderError,
    RateLimited,
    Unavailable,
)
from providers.http import Response, error_for_status, retry_after
from providers.livechat.models import ApiError, ErrorAnswer

logger = logging.getLogger(__name__)

PAUSE = 10.0  # seconds to wait where LiveChat names none
NO_AGENTS_MESSAGE = "cannot assign any agent"


class Refused(Permanent):
    """LiveChat refuses the request as it stands; the chat may be in another state than thought."""


class ChatInactive(Refused):
    """The chat's last thread is closed: it must be resumed first."""


class NoAgents(Permanent):
    """No agent of the group takes chats now."""


class IdentityLost(Gone):
    """LiveChat no longer gives tokens for this customer."""


SLOW = frozenset({"service_unavailable", "request_timeout", "internal"})
NO_AGENTS = frozenset({"groups_offline", "group_offline", "group_unavailable", "agent_offline"})
FORBIDDEN = frozenset({"authorization", "missing_access", "not_allowed"})
OVER = frozenset(
    {
        "customer_banned",
        "chat_anonymized",
        "license_expired",
        "license_not_found",
        "unsupported_version",
        "wrong_product_version",
    }
)
REFUSED = frozenset({"validation", "limit_reached", "already_exists"})


def api_error(answer: Response) -> ApiError:
    """The answer's error; an empty one where there is none that can be read."""
    try:
        found = ErrorAnswer.model_validate(answer.json())
    except (Unavailable, ValidationError):
        return ApiError()
    if isinstance(found.error, ApiError):
        return found.error
    return ApiError(type=found.oauth_exception or found.error or "")


def error_of(answer: Response, method: str, *, about_chat: bool) -> ProviderError:
    """The row of the error table; a refused token (`authentication`) has been dealt with before.

    `about_chat`: the call was about one customer's chat, so what can't be found or is over ends
    that session; elsewhere it is a wrong setting.
    """
    error = api_error(answer)
    type_, status, safe = error.type, answer.status, is_safe(method)
    detail = f"LiveChat refused {method} ({', '.join(filter(None, [type_, str(status)]))})."
    if not type_ and status == 404:
        return Unavailable(f"{detail} Is that the API's address?", status=status)
    if type_ in FORBIDDEN:
        return Misconfigured(f"{detail} Check the scopes and the group.", code=type_, status=status)
    if type_ == "chat_inactive":
        return ChatInactive(detail, code=type_, status=status)
    if type_ in NO_AGENTS or NO_AGENTS_MESSAGE in error.message.lower():
        return NoAgents(f"{detail} No agents.", code=type_, status=status)
    if type_ == "too_many_requests" or status == 429:
        wait = (retry_after(answer.headers) or PAUSE) + random.uniform(0, 2)  # noqa: S311
        return RateLimited(detail, retry_after=wait, code=type_, status=status)
    if type_ in SLOW:
        kind = Unavailable if safe else OutcomeUnknown
        return kind(detail, retry_after=retry_after(answer.headers), code=type_, status=status)
    return _final(detail, type_, status, about_chat) or error_for_status(
        status, detail, code=type_, safe=safe
    )


def _final(detail: str, type_: str, status: int, about_chat: bool) -> ProviderError | None:
    """What no repetition mends."""
    if type_ == "group_not_found":
        return Misconfigured(detail, field="group_id", code=type_, status=status)
    if type_ == "not_found":
        kind = Gone if about_chat else Misconfigured
        return kind(detail, code=type_, status=status)
    if type_ in OVER:
        logger.error("livechat takes no chats of this customer or account: %s", type_)
        kind = Gone if about_chat else Misconfigured
        return kind(detail, code=type_, status=status)
    if type_ == "entity_too_large":
        return Permanent(f"{detail} It is too large.", code=type_, status=status)
    if type_ in REFUSED:
        return Refused(detail, code=type_, status=status)
    return None


def is_safe(method: str) -> bool:
    """Whether the method changes nothing, so that it may be repeated at will."""
    return method.startswith(("list_", "get_"))
