"""API keys: who calls is a bot, and with it its tenant."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from hitl_bridge.models import ApiKey, Bot

USED_EVERY = timedelta(minutes=1)  # "last used" is written at most this often


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`; the request's user is the bot, its auth the key."""

    def authenticate(self, request: Request) -> tuple[Bot, ApiKey] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            return None
        key = ApiKey.objects.authenticate(text.strip())
        if key is None:
            raise AuthenticationFailed("The API key is unknown, expired or revoked.")
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > USED_EVERY:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return key.bot, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
