"""API keys: who calls is a bot, and with it its tenant; what it may do, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from conversations.api.guard import guard
from conversations.api.problems import InsufficientScope
from hitl_bridge.models import ApiKey, Bot
from hitl_bridge.models.bots import ApiKeyScope

if TYPE_CHECKING:  # this module is loaded while that one is
    from rest_framework.views import APIView

USED_EVERY = timedelta(minutes=1)  # "last used" is written at most this often


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`; the request's user is the bot, its auth the key."""

    def authenticate(self, request: Request) -> tuple[Bot, ApiKey] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            return None
        wait = guard.wait(request._request, text.strip(), counted=False)  # noqa: SLF001
        if wait:
            raise Throttled(wait)
        key = ApiKey.objects.authenticate(text.strip())
        if key is None:
            guard.refused(request._request)  # noqa: SLF001
            raise AuthenticationFailed("The API key is unknown, expired or revoked.")
        guard.admitted(text.strip())
        structlog.contextvars.bind_contextvars(tenant_id=key.bot.tenant_id, bot_id=key.bot_id)
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > USED_EVERY:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return key.bot, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """The key has the scope for it: `actions` for every POST, else the view's own."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False  # 401: there was no key
        own: str = view.scope  # type: ignore[attr-defined]  # conversations.api.base.ApiView
        scope = ApiKeyScope.ACTIONS if request.method == "POST" else own
        if scope not in request.auth.scopes:
            raise InsufficientScope(scope)
        return True


class KeyThrottle(SimpleRateThrottle):
    """So many calls per key; a courtesy to the others, counted per process."""

    scope = "key"

    def get_rate(self) -> str:
        return str(getattr(settings, "API_RATE", "600/min"))

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return f"throttle:{request.auth.pk}" if isinstance(request.auth, ApiKey) else None
