"""How LiveChat's APIs are called: POST /v3.6/<api>/action/<method>, as an agent or a customer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from sandbox.models import Account, Agent, Contact, RecordedRequest, Ticket
from sandbox.vendors.livechat import books, shapes, tokens
from sandbox.vendors.livechat.errors import ApiError

Json = dict[str, Any]
VERSION = "3.6"
WINDOW = timedelta(seconds=10)  # that setting `rate_limit` counts over


def invalid(message: str) -> ApiError:
    """A field is missing or wrong."""
    return ApiError("validation", message)


@dataclass(frozen=True)
class Call:
    """An authorised call: who, what was sent."""

    account: Account
    request: HttpRequest
    body: Json
    agent: Agent | None = None  # of the Agent and Configuration APIs
    customer: Contact | None = None  # of the Customer API
    personal: bool = False  # by a personal access token

    @property
    def by_agent(self) -> Agent:
        """The agent who calls."""
        assert self.agent
        return self.agent

    @property
    def by_customer(self) -> Contact:
        """The customer who calls."""
        assert self.customer
        return self.customer

    def text(self, field: str, source: Json | None = None) -> str:
        """A string that must be there."""
        value = (self.body if source is None else source).get(field)
        if not isinstance(value, str) or not value:
            raise invalid(f"`{field}` is required")
        return value

    def part(self, field: str) -> Json:
        """An object of the body; empty where it is missing."""
        value = self.body.get(field)
        if value is not None and not isinstance(value, dict):
            raise invalid(f"`{field}` must be an object")
        return value or {}

    def flag(self, field: str, usual: bool = False) -> bool:
        """A switch of the body."""
        value = self.body.get(field, usual)
        if not isinstance(value, bool):
            raise invalid(f"`{field}` must be a boolean")
        return value


Handler = Callable[[Call], Any]
Methods = Mapping[str, tuple[Handler, str]]  # name to handler and the scope that it needs


def one(call: Call, chat_id: str) -> Ticket:
    """The chat of that id, if the caller may see it."""
    rows = Ticket.objects.select_related("account", "contact", "agent", "team")
    ticket = rows.filter(account=call.account, vendor_id=chat_id).first()
    if ticket is None or (call.customer and ticket.contact_id != call.customer.pk):
        raise ApiError("not_found", "Chat not found")
    if ticket.contact.archived:
        raise ApiError("chat_anonymized")
    return ticket


def active(ticket: Ticket) -> None:
    """Raises chat_inactive unless the chat's last thread is open."""
    if not books.last_thread(ticket)["active"]:
        raise ApiError("chat_inactive")


def action(methods: Mapping[str, Methods]) -> Callable[..., HttpResponse]:
    """The view of all methods of all APIs."""

    def view(
        request: HttpRequest, account: str, version: str, api: str, method: str
    ) -> HttpResponse:
        row = Account.objects.filter(vendor="livechat", slug=account).first()
        try:
            if row is None:
                raise ApiError("license_not_found" if api == "customer" else "authentication")
            answer = _answer(request, row, version, methods.get(api, {}).get(method), api)
        except ApiError as problem:
            return problem.answer()
        response = JsonResponse({} if answer is None else answer, safe=False)
        for name in ("Legacy", "Deprecation"):
            if row.setting(name.lower()):
                response[name] = row.setting(name.lower())
        return response

    return view


def _answer(
    request: HttpRequest, row: Account, version: str, found: tuple[Handler, str] | None, api: str
) -> Any:
    if version != VERSION:
        raise ApiError("unsupported_version")
    if found is None or request.method != "POST":
        raise ApiError("not_found", "Method not found")
    handler, scope = found
    region = row.setting("region", "dal")
    if row.setting("needs_region") and request.headers.get("X-Region") != region:
        raise ApiError("misdirected_request", region=region)
    _limit(row)
    return handler(_customer(request, row) if api == "customer" else _agent(request, row, scope))


def _limit(row: Account) -> None:
    limit = row.setting("rate_limit")
    since = timezone.now() - WINDOW
    if limit and (
        RecordedRequest.objects.filter(account=row, created_at__gte=since).count() >= int(limit)
    ):
        raise ApiError("too_many_requests")


def _agent(request: HttpRequest, row: Account, scope: str) -> Call:
    """Basic with a personal access token, or Bearer with an OAuth token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    personal = scheme == "Basic" and tokens.same(token, tokens.personal(row))
    if not personal and (scheme != "Bearer" or tokens.agents(row, token) is None):
        raise ApiError("authentication", "Invalid access token")
    if scope and scope not in tokens.scopes(row):
        raise ApiError("authorization", "Missing scope", required=[scope])
    return Call(row, request, _body(request), agent=shapes.owner(row), personal=personal)


def _customer(request: HttpRequest, row: Account) -> Call:
    """Bearer with a customer's token; the organization is named in the address."""
    if "organization_id" not in request.GET:
        raise invalid("`organization_id` is required")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = tokens.customers(row, token) if scheme == "Bearer" else None
    if not found or request.GET["organization_id"] != row.credentials["organization_id"]:
        raise ApiError("authentication", "Invalid access token")
    if found[0].blocked:
        raise ApiError("customer_banned")
    return Call(row, request, _body(request), customer=found[0])


def _body(request: HttpRequest) -> Json:
    if request.content_type == "multipart/form-data":
        return {}
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        raise invalid("Invalid message") from None
    if not isinstance(body, dict):
        raise invalid("Invalid message")
    return body
