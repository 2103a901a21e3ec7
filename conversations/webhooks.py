"""Where help desks send their webhooks: verify, store, answer; the work comes after."""

from __future__ import annotations

import re
import time
from typing import TypeVar

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

import providers
from conversations.api.bodies import TooLarge, is_too_deep, read_body
from conversations.api.guard import guard
from conversations.engine.counters import WEBHOOK_SECONDS
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
    """Answered, and measured: the provider is anyone's word until it is one that we know."""
    started = time.monotonic()
    response = _take(request, owners, provider, token)
    if request.method == "POST":
        known = provider if provider in providers.PROVIDERS else "unknown"
        taken = time.monotonic() - started
        WEBHOOK_SECONDS.labels(known, str(response.status_code)).observe(taken)
    return response


def _take(request: HttpRequest, owners: QuerySet[Owner], provider: str, token: str) -> HttpResponse:
    if request.method in ("GET", "HEAD"):
        # Vendors look whether somebody is there before they take an address; whether a token is
        # known is nobody's business.
        return HttpResponse()
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    wait = guard.wait(request, token, counted=True)
    if wait:
        return HttpResponse(status=429, headers={"Retry-After": str(wait)})
    try:
        body = read_body(request)
    except TooLarge:
        return HttpResponse(status=413)
    owner = owners.filter(webhook_token=token).first() if TOKEN.match(token) else None
    if owner is None or owner.provider != provider:
        guard.refused(request)
        return HttpResponse(status=404)
    if is_too_deep(body):
        return HttpResponse(status=400)
    structlog.contextvars.bind_contextvars(
        tenant_id=owner.tenant_id, **{f"{owner._meta.model_name}_id": owner.pk}
    )
    try:
        receipts.receive(owner, _as_received(request, body))
    except BadSignature:
        guard.refused(request)
        return HttpResponse(status=401)
    guard.admitted(token)
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
