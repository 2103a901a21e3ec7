"""Where help desks send their webhooks: verify, store, answer; the work comes after."""

from __future__ import annotations

import re
from typing import TypeVar

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from conversations.api.bodies import TooLarge, read_body
from conversations.flows import receipts
from hitl_bridge.models import App, Installation
from providers.errors import BadSignature
from providers.types import WebhookRequest

Owner = TypeVar("Owner", App, Installation)

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@csrf_exempt
def to_installation(request: HttpRequest, provider: str, token: str) -> HttpResponse:
    """A webhook of one account."""
    return _answer(request, Installation.objects.select_related("app"), provider, token)


@csrf_exempt
def to_app(request: HttpRequest, provider: str, token: str) -> HttpResponse:
    """A webhook of an app; the account that it names says whose it is."""
    return _answer(request, App.objects.all(), provider, token)


def _answer(
    request: HttpRequest, owners: QuerySet[Owner], provider: str, token: str
) -> HttpResponse:
    if request.method in ("GET", "HEAD"):
        # Vendors look whether somebody is there before they take an address; whether a token is
        # known is nobody's business.
        return HttpResponse()
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    try:
        body = read_body(request)
    except TooLarge:
        return HttpResponse(status=413)
    owner = owners.filter(webhook_token=token).first() if TOKEN.match(token) else None
    if owner is None or owner.provider != provider:
        return HttpResponse(status=404)
    try:
        receipts.receive(owner, _as_received(request, body))
    except BadSignature:
        return HttpResponse(status=401)
    # A disabled installation's webhooks are taken as well and lead nowhere: an error, or 410 to
    # Intercom, would switch off the subscription that its app may share with other installations.
    return HttpResponse()


def _as_received(request: HttpRequest, body: bytes) -> WebhookRequest:
    return WebhookRequest(
        method="POST",
        url=settings.PUBLIC_URL + request.get_full_path(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=timezone.now(),
    )
