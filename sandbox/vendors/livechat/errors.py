"""LiveChat's errors. Clients tell them apart by type: HTTP statuses are not documented.

https://platform.text.com/docs/messaging/customer-chat-api#errors
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse

# Type to status and the message that stands in the documentation.
TYPES = {
    "authentication": (401, "Authentication error"),
    "authorization": (403, "Authorization error"),
    "missing_access": (403, "Missing access"),
    "not_allowed": (403, "Not allowed"),
    "customer_banned": (403, "Customer is banned"),
    "chat_anonymized": (400, "Chat anonymized"),
    "chat_inactive": (400, "Chat is inactive"),
    "groups_offline": (400, "Groups offline"),
    "agent_offline": (400, "Agent offline"),
    "group_not_found": (404, "Group not found"),
    "not_found": (404, "Not found"),
    "validation": (400, "Wrong format of request"),
    "limit_reached": (400, "Limit reached"),
    "already_exists": (409, "Already exists"),
    "entity_too_large": (413, "Upload limit exceeded (10MB)."),
    "unsupported_version": (400, "Cannot call unsupported API versions."),
    "misdirected_request": (421, "Wrong region"),
    "too_many_requests": (429, "Too many requests"),
    "license_not_found": (404, "License not found"),
    "license_expired": (402, "License expired"),
    "internal": (500, "Internal server error"),
    "service_unavailable": (503, "Service unavailable"),
    "request_timeout": (504, "Request timed out"),
}
BY_STATUS = {
    **{status: type_ for type_, (status, _) in reversed(TYPES.items())},
    400: "validation",
    404: "not_found",
    422: "validation",
}


class ApiError(Exception):
    """Answered as `{"error": {"type", "message", "data"?}}`."""

    def __init__(self, type_: str, message: str = "", **data: Any) -> None:
        self.type, self.data = type_, data
        self.status, usual = TYPES[type_]
        self.message = message or usual
        super().__init__(self.message)

    def answer(self, status: int = 0) -> HttpResponse:
        """The response; `status` replaces the usual one."""
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.data:
            error["data"] = self.data
        return JsonResponse({"error": error}, status=status or self.status)


class OAuthError(Exception):
    """A refusal of the accounts server, which has two forms: one about agents' tokens, one about
    customers'."""

    def __init__(self, code: str, description: str, status: int = 401) -> None:
        super().__init__(description)
        self.code, self.description, self.status = code, description, status

    def answer(self, *, customer: bool) -> HttpResponse:
        """The response."""
        names = (
            ("oauth_exception", "exception_description")
            if customer
            else ("error", "error_description")
        )
        body = dict(zip(names, (self.code, self.description), strict=True))
        return JsonResponse(body, status=self.status)


OAUTH_BY_STATUS = {
    400: "invalid_request",
    401: "invalid_grant",
    403: "access_denied",
    429: "temporarily_unavailable",
    503: "temporarily_unavailable",
}


def failure(status: int, path: str) -> HttpResponse:
    """A failure on request: of the accounts server or of an API, by the address called."""
    if "/action/" not in path:
        code = OAUTH_BY_STATUS.get(status, "server_error")
        return OAuthError(code, "Failed on request", status).answer(customer="/customer/" in path)
    return ApiError(BY_STATUS.get(status, "internal")).answer(status)
