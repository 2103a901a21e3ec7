"""How SalesIQ's API answers: tokens, scopes, and errors that come in the body.

https://www.zoho.com/salesiq/help/developer-section/rest-api-v2.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox.models import Account
from sandbox.vendors.zoho import tokens

Json = dict[str, Any]
MESSAGES = {
    1001: "Unknown authentication error, Contact SalesIQ Team!",
    1002: "Invalid authorization header.",
    1004: "Invalid Request Type.",
    1005: "Invalid portal or wrong screen name.",
    1006: "Invalid URL",
    1007: "Invalid JSON",
    1008: "Invalid OAuth token",
    1009: "Invalid OAuth scope",
    1010: "Invalid parameter value",
    1011: "Invalid input value",
    1015: "Extra key found",
    1018: "Empty content",
    1019: "Invalid resource id",
    1020: "You do not have permission to perform this operation",
    1023: "Too many requests. Your IP has been blocked",
    1024: "Invalid operator",
    1025: "Invalid department",
    1027: "File size exceeds the limit",
    1028: "Invalid file",
    1031: "The webhook URL did not answer with 200",
    1054: "Maximum limit reached",
}
# Seen with this status; the documents promise 200 for all.
STATUSES = {1002: 400, 1008: 400}


class ApiError(Exception):
    """An error of the table; `about` is json_key=, param= or header=."""

    def __init__(self, code: int, **about: str) -> None:
        super().__init__(MESSAGES[code])
        self.code, self.about = code, about


@dataclass(frozen=True)
class Call:
    """An authorised call: who, with what right, what was sent."""

    account: Account
    request: HttpRequest
    grant: tokens.Grant
    body: Json

    def text(self, key: str, *, required: bool = True) -> str:
        """A string of the body; a number counts as one, since ids are sent both ways."""
        value = self.body.get(key)
        if value is None or value == "":
            if required:
                raise ApiError(1011, json_key=key)
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ApiError(1011, json_key=key)
        return str(value)

    def number(self, param: str, default: int, most: int | None = None) -> int:
        """A number of the query."""
        value = self.request.GET.get(param) or str(default)
        if not value.isdigit() or (most is not None and not 1 <= int(value) <= most):
            raise ApiError(1010, param=param)
        return int(value)


Answer = tuple[str, Any] | HttpResponse  # (the kind of object, the data), or a file
Handler = Callable[..., Answer]


def endpoint(*, org: bool = False, **handlers: tuple[str, Handler]) -> Callable[..., HttpResponse]:
    """A view of one address: per method the scope and the handler. `org`: for organizations'
    tokens only."""

    def view(request: HttpRequest, account: str, screen: str, **ids: str) -> HttpResponse:
        row: Account | None = getattr(request, "account", None)
        if row is None:
            return JsonResponse({"error": {"code": 1005, "message": MESSAGES[1005]}}, status=404)
        try:
            grant = _authorise(request, row)
            if screen != row.credentials["screen_name"]:
                raise ApiError(1005)
            scope, handler = handlers.get(str(request.method).lower(), ("", None))
            if handler is None:
                raise ApiError(1004)
            _permit(request, row, grant, scope, org=org)
            answer = handler(Call(row, request, grant, _body(request)), **ids)
        except ApiError as problem:
            return failed(row, problem)
        return _succeeded(request, row, answer)

    return view


def nowhere(request: HttpRequest, account: str, rest: str = "") -> HttpResponse:
    """Any address that the API does not have."""
    row: Account | None = getattr(request, "account", None)
    return failed(row, ApiError(1006))


def failed(account: Account | None, problem: ApiError) -> HttpResponse:
    """The error's body, mostly with HTTP 200; setting `error_status` gives another one."""
    usual = int(account.setting("error_status", 200)) if account else 200
    error = {"code": problem.code, "message": MESSAGES[problem.code], **problem.about}
    return JsonResponse({"error": error}, status=STATUSES.get(problem.code, usual))


def _succeeded(request: HttpRequest, account: Account, answer: Answer) -> HttpResponse:
    if isinstance(answer, HttpResponse):
        return answer
    kind, data = answer
    base = f"/{account.vendor}/{account.slug}"
    body = {"url": request.get_full_path().removeprefix(base), "object": kind, "data": data}
    if request.method == "GET" and kind == "list":
        body["sync_time"] = str(int(time.time() * 1000))
    return JsonResponse(body)


def _authorise(request: HttpRequest, account: Account) -> tokens.Grant:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in ("zoho-oauthtoken", "bearer") or not token:
        raise ApiError(1002, header="Authorization")
    grant = tokens.grant_of(account, token.strip())
    if grant is None:
        raise ApiError(1008)
    return grant


def _permit(
    request: HttpRequest, account: Account, grant: tokens.Grant, scope: str, *, org: bool
) -> None:
    """Setting `org_refused`: ends of paths that refuse organizations' tokens, such as /close."""
    if not grant.allows(scope) or (org and grant.level != tokens.ORG):
        raise ApiError(1009)
    refused = tuple(account.setting("org_refused", []))
    if grant.level == tokens.ORG and refused and request.path.endswith(refused):
        raise ApiError(1009)


def _body(request: HttpRequest) -> Json:
    """The JSON object that was sent, or the fields of a form."""
    if request.method in ("GET", "DELETE") or not request.body:
        return {}
    if request.content_type == "multipart/form-data":
        return dict(request.POST.dict())
    try:
        body = json.loads(request.body)
    except ValueError:
        raise ApiError(1007) from None
    if not isinstance(body, dict):
        raise ApiError(1007)
    return body
